/** One folder on two devices of one person, both mounted: what is done on one is there on the other. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import type { Device } from '../support/device.ts'
import { noise } from '../support/files.ts'
import { fuseMissing } from '../support/mount.ts'
import { until } from '../support/process.ts'
import { at, gone, MIB, names, SOON_MS, shows, soon, twoDevices } from '../support/same-folder.ts'
import { connected, stopDaemon } from '../support/sharing.ts'

const skip = fuseMissing()

test('the folder of one device is on the other, and follows it', { skip }, async (t) => {
  const { laptop, desktop, said } = await twoDevices(t)
  assert.match(said, /^Made and mounted: .*, the same as "folder" on /)
  await shows(desktop, 'note.txt', 'a note')
  await shows(desktop, 'photos/one.jpg', noise(3 * MIB, 1))
  assert.deepEqual(await names(desktop), ['note.txt', 'photos'])

  await t.test('a new file, an edit, a rename, a removal, either way', async () => {
    await soon(fs.writeFile(at(desktop, 'new.txt'), 'from the desktop'))
    await shows(laptop, 'new.txt', 'from the desktop')
    await soon(fs.appendFile(at(laptop, 'new.txt'), ', and the laptop'))
    await shows(desktop, 'new.txt', 'from the desktop, and the laptop')
    await soon(fs.rename(at(laptop, 'photos'), at(laptop, 'pictures')))
    await shows(desktop, 'pictures/one.jpg', noise(3 * MIB, 1))
    await gone(desktop, 'photos')
    await soon(fs.rm(at(desktop, 'note.txt')))
    await gone(laptop, 'note.txt')
    assert.deepEqual(await names(laptop), ['new.txt', 'pictures'])
    assert.deepEqual(await names(desktop), ['new.txt', 'pictures'])
  })

  await t.test('permissions, times, links, and directories with nothing in them', async () => {
    await soon(fs.mkdir(at(laptop, 'empty')))
    await soon(fs.symlink('new.txt', at(laptop, 'link')))
    await soon(fs.link(at(laptop, 'new.txt'), at(laptop, 'hard')))
    await soon(fs.chmod(at(laptop, 'new.txt'), 0o600))
    await soon(fs.utimes(at(laptop, 'new.txt'), 1_000_000_000, 1_000_000_000))
    await shows(desktop, 'hard', 'from the desktop, and the laptop')
    const isSame = async () => {
      const stat = await soon(fs.stat(at(desktop, 'new.txt')))
      return (stat.mode & 0o777) === 0o600 && stat.mtimeMs === 1_000_000_000_000 && stat.nlink === 2
    }
    await until('mode, time and links are the same', isSame, SOON_MS)
    assert.equal(await soon(fs.readlink(at(desktop, 'link'))), 'new.txt')
    assert.deepEqual(await names(desktop, 'empty'), [])
  })

  await t.test('a file that is replaced is there at every moment', async () => {
    await soon(fs.writeFile(at(laptop, 'replaced.txt'), 'edition 0'))
    await shows(desktop, 'replaced.txt', 'edition 0')
    for (let edition = 1; edition <= 10; edition++) {
      await soon(fs.writeFile(at(laptop, 'replaced.txt'), `edition ${edition}`))
      const read = () => soon(fs.readFile(at(desktop, 'replaced.txt'), 'utf8'))
      const latest = async () => {
        for (let text = await read(); text !== `edition ${edition}`; text = await read()) assert.match(text, /^edition/)
      }
      await soon(latest())
    }
    await soon(fs.rm(at(laptop, 'replaced.txt')))
    await gone(desktop, 'replaced.txt')
  })

  await t.test('what was done last before unmounting is on the other, whatever follows', async () => {
    await soon(fs.writeFile(at(laptop, 'last.txt'), 'written last'))
    await laptop.dfsOk(['umount', laptop.folder])
    await stopDaemon(laptop)
    await shows(desktop, 'last.txt', 'written last')
    await laptop.dfsOk(['mount', laptop.folder])
    await connected(desktop)
    await soon(fs.rm(at(laptop, 'last.txt')))
    await gone(desktop, 'last.txt')
  })

  await t.test('what was done while one was away is there when it is back', async () => {
    await desktop.dfsOk(['umount', desktop.folder])
    await stopDaemon(desktop)
    await soon(fs.writeFile(at(laptop, 'meanwhile.txt'), 'written while the desktop was off'))
    await soon(fs.rm(at(laptop, 'hard')))
    await desktop.dfsOk(['mount', desktop.folder])
    await shows(desktop, 'meanwhile.txt', 'written while the desktop was off')
    await gone(desktop, 'hard')
  })

  await t.test('a daemon that was killed goes on where it was', async () => {
    await soon(fs.writeFile(at(desktop, 'killed.txt'), 'closed before'))
    for (const pid of desktop.pids()) process.kill(pid, 'SIGKILL')
    await until('it has ended', () => desktop.pids().length === 0, SOON_MS)
    await soon(fs.writeFile(at(laptop, 'during.txt'), 'meanwhile'))
    await desktop.dfsOk(['mount', desktop.folder])
    await shows(desktop, 'during.txt', 'meanwhile')
    await shows(laptop, 'killed.txt', 'closed before')
  })

  await t.test('edits that did not know of each other are both kept', async () => {
    await desktop.dfsOk(['umount', desktop.folder])
    await stopDaemon(desktop)
    await soon(fs.writeFile(at(laptop, 'meanwhile.txt'), 'as the laptop has it'))
    await desktop.dfsOk(['mount', '--offline', desktop.folder])
    await soon(fs.writeFile(at(desktop, 'meanwhile.txt'), 'as the desktop has it'))
    await desktop.dfsOk(['umount', desktop.folder])
    await stopDaemon(desktop)
    await desktop.dfsOk(['mount', desktop.folder])
    const isConflict = (name: string) => /^meanwhile \(conflict .* \d{4}-\d\d-\d\d\)\.txt$/.test(name)
    await until('the conflict shows', async () => (await names(laptop)).some(isConflict), SOON_MS)
    await until('here, too', async () => (await names(desktop)).some(isConflict), SOON_MS)
    for (const device of [laptop, desktop]) {
      const files = (await names(device)).filter((name) => name.startsWith('meanwhile'))
      const contents = await Promise.all(files.map((name) => soon(fs.readFile(at(device, name), 'utf8'))))
      assert.deepEqual(contents.sort(), ['as the desktop has it', 'as the laptop has it'])
    }
  })
})

test('a folder of its own has nothing to do with those of the others', { skip }, async (t) => {
  const { laptop, desktop } = await twoDevices(t)
  const other = path.join(path.dirname(desktop.folder), 'own')
  const slip = await desktop.dfs(['mount', other])
  assert.equal(slip.code, 3)
  assert.match(slip.stderr, /own: is not there; make it with "mkdir -p /)
  await fs.mkdir(other)
  await desktop.dfsOk(['mount', '--new', other])
  await soon(fs.writeFile(path.join(other, 'mine.txt'), 'mine'))
  await soon(fs.writeFile(at(desktop, 'ours.txt'), 'ours'))
  await shows(laptop, 'ours.txt', 'ours')
  assert.equal((await names(laptop)).includes('mine.txt'), false)
})

test('folders are listed, had here by name, and left; a conflict is settled by keeping one version', {
  skip,
}, async (t) => {
  const { laptop, desktop } = await twoDevices(t)
  await shows(desktop, 'note.txt', 'a note')

  await t.test('dfs folders says where each is', async () => {
    const second = path.join(path.dirname(laptop.folder), 'papers')
    await fs.mkdir(second)
    await laptop.dfsOk(['mount', '--new', second])
    await soon(fs.writeFile(path.join(second, 'letter.txt'), 'a letter'))
    await until('it is heard of', async () => (await desktop.dfsOk(['folders'])).includes('(papers)'), SOON_MS)
    assert.match(
      await desktop.dfsOk(['folders']),
      /also on .*\n\(papers\) +also on .* not here: dfs folders add [0-9a-f]{8} DIRECTORY/,
    )
  })

  await t.test('dfs folders add brings one here', async () => {
    const here = path.join(path.dirname(desktop.folder), 'my papers')
    await fs.mkdir(here)
    assert.match(await desktop.dfsOk(['folders', 'add', 'papers', here]), /is the folder "papers" now/)
    await desktop.dfsOk(['mount', here])
    const isThere = async () =>
      (await soon(fs.readFile(path.join(here, 'letter.txt'), 'utf8')).catch(() => '')) === 'a letter'
    await until('the letter is there', isThere, SOON_MS)
    const again = await desktop.dfs(['folders', 'add', 'papers', here])
    assert.notEqual(again.code, 0)
    const unknown = await desktop.dfs(['folders', 'add', 'nothing', path.dirname(here)])
    assert.match(unknown.stderr, /no folder of your other devices is called so/)
    assert.match((await desktop.dfs(['folders', 'leave', here])).stderr, /is in use.*dfs umount/s)
    await desktop.dfsOk(['umount', here])
    await desktop.dfsOk(['folders', 'leave', here])
    await desktop.dfsOk(['mount', here])
    await soon(fs.writeFile(path.join(here, 'letter.txt'), 'another letter'))
    assert.match((await desktop.dfs(['folders', 'leave', path.dirname(here)])).stderr, /is no folder of this home/)
  })

  await t.test('dfs conflicts lists them, and keep settles one', async () => {
    await desktop.dfsOk(['umount', desktop.folder])
    await stopDaemon(desktop)
    await soon(fs.writeFile(at(laptop, 'note.txt'), 'as the laptop has it'))
    await desktop.dfsOk(['mount', '--offline', desktop.folder])
    await soon(fs.writeFile(at(desktop, 'note.txt'), 'as the desktop has it'))
    await desktop.dfsOk(['umount', desktop.folder])
    await stopDaemon(desktop)
    await desktop.dfsOk(['mount', desktop.folder])
    const found = async () => (await laptop.json('conflicts')).conflicts
    await until('the conflict is listed', async () => (await found()).length === 1, SOON_MS)
    const [{ path: copy, original }] = await found()
    assert.equal(original, at(laptop, 'note.txt'))
    const kept = await soon(fs.readFile(copy, 'utf8'))
    const other = await soon(fs.readFile(original))
    assert.match(await laptop.dfsOk(['conflicts', 'keep', copy]), /1 other version gone/)
    const [gone] = (await laptop.json('history', original)).versions
    assert.equal(gone?.size, other.length, 'what was given up is an earlier version')
    assert.equal(await laptop.dfsOk(['conflicts']), 'there are no conflicts\n')
    await shows(laptop, 'note.txt', kept)
    await shows(desktop, 'note.txt', kept)
    await until(
      'it is settled here, too',
      async () => (await names(desktop)).every((name) => !/conflict/.test(name)),
      SOON_MS,
    )
    assert.match((await laptop.dfs(['conflicts', 'keep', original])).stderr, /there is no conflict about this file/)
  })
})

test('a device whose home came back from a backup loses nothing that either device wrote since', {
  skip,
}, async (t) => {
  const { laptop, desktop } = await twoDevices(t)
  await shows(desktop, 'note.txt', 'a note')
  const backup = `${desktop.home}.backup`
  const offline = async (work: () => Promise<void>) => {
    await desktop.dfsOk(['mount', '--offline', desktop.folder])
    await work()
    await desktop.dfsOk(['umount', desktop.folder])
    await stopDaemon(desktop)
  }
  await desktop.dfsOk(['umount', desktop.folder])
  await stopDaemon(desktop)
  await fs.cp(desktop.home, backup, { recursive: true })

  await desktop.dfsOk(['mount', desktop.folder])
  await soon(fs.writeFile(at(desktop, 'known.txt'), 'written before the home was lost'))
  await shows(laptop, 'known.txt', 'written before the home was lost')
  await desktop.dfsOk(['umount', desktop.folder])
  await stopDaemon(desktop)
  await fs.rm(desktop.home, { recursive: true })
  await fs.rename(backup, desktop.home)

  await soon(fs.writeFile(at(laptop, 'known.txt'), 'as the laptop has it'))
  await offline(() => soon(fs.writeFile(at(desktop, 'known.txt'), 'as the desktop has it')))
  await desktop.dfsOk(['mount', desktop.folder])
  const kept = async (device: Device) => {
    const files = (await names(device)).filter((name) => name.startsWith('known'))
    const contents = await Promise.all(files.map((name) => soon(fs.readFile(at(device, name), 'utf8')).catch(() => '')))
    return contents.includes('as the laptop has it') && contents.includes('as the desktop has it')
  }
  for (const device of [laptop, desktop]) await until('both are kept', () => kept(device), SOON_MS)
})
