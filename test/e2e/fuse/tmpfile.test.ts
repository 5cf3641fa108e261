/** Files that are made without a name (O_TMPFILE), and get one or never do. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { linkOpenFile, O_TMPFILE } from '../../support/syscalls.ts'
import { assertContent, assertFails, noise } from '../support/files.ts'
import { fuseMissing, mountFolder } from '../support/mount.ts'
import { mountedSuite } from '../support/mounted-suite.ts'
import { DRIVER } from '../support/place.ts'
import { runOk, within } from '../support/process.ts'

const skip = DRIVER === 'fuse-native' && 'libfuse 2.9 cannot do it'
const SYSCALLS = new URL('../../support/syscalls.ts', import.meta.url).href
const { O_RDWR, O_EXCL, O_WRONLY } = fs.constants

/** Opens a file without a name for the time of `work`. */
function withNameless<T>(directory: string, work: (fd: number) => T, flags = O_RDWR, mode = 0o640): T {
  const fd = fs.openSync(directory, O_TMPFILE | flags, mode)
  try {
    return work(fd)
  } finally {
    fs.closeSync(fd)
  }
}

mountedSuite('files without a name', (suite) => {
  const { test, lasts } = suite
  const options = { skip }

  test(
    'is written and read, has no link, and is nowhere to be seen',
    (directory) => {
      withNameless(directory, (fd) => {
        const content = noise(300_000)
        fs.writeSync(fd, content)
        fs.fsyncSync(fd)
        const back = Buffer.alloc(content.length)
        assert.equal(fs.readSync(fd, back, 0, back.length, 0), content.length)
        assert(back.equals(content))
        const { nlink, size, mode } = fs.fstatSync(fd)
        assert.deepEqual({ nlink, size, mode }, { nlink: 0, size: content.length, mode: 0o100640 & ~process.umask() })
        fs.fchmodSync(fd, 0o600)
        fs.ftruncateSync(fd, 10)
        assert.equal(fs.fstatSync(fd).size, 10)
        assert.deepEqual(fs.readdirSync(directory), [])
      })
      assert.deepEqual(fs.readdirSync(directory), [])
    },
    options,
  )

  for (const [title, synced] of [
    ['what was synced before', true],
    ['what nobody synced', false],
  ] as const) {
    lasts(
      `with a name it is a file as any other: ${title}`,
      (directory) => {
        const [path, other] = [join(directory, 'file'), join(directory, 'other')]
        const content = noise(1_200_000)
        withNameless(directory, (fd) => {
          fs.writeSync(fd, content)
          fs.fchmodSync(fd, 0o604)
          if (synced) fs.fsyncSync(fd)
          linkOpenFile(fd, path)
          assert.equal(fs.fstatSync(fd).nlink, 1)
          assertContent(path, content)
          assert.equal(fs.writeSync(fd, Buffer.from('more'), 0, 4, content.length), 4)
          linkOpenFile(fd, other)
        })
        fs.appendFileSync(other, '!')
        const expected = Buffer.concat([content, Buffer.from('more!')])
        return () => {
          for (const name of [path, other]) {
            assertContent(name, expected)
            const { nlink, mode, ino } = fs.statSync(name)
            assert.deepEqual({ nlink, mode }, { nlink: 2, mode: 0o100604 })
            assert.equal(ino, fs.statSync(path).ino)
          }
          assert.deepEqual(fs.readdirSync(directory).sort(), ['file', 'other'])
        }
      },
      options,
    )
  }

  lasts(
    'empty, with extended attributes and times, it is linked as it is',
    (directory) => {
      const path = join(directory, 'empty')
      withNameless(directory, (fd) => {
        fs.futimesSync(fd, 1_000_000_000, 1_000_000_000)
        linkOpenFile(fd, path)
      })
      return () => {
        const { size, mtimeMs } = fs.statSync(path)
        assert.deepEqual({ size, mtimeMs }, { size: 0, mtimeMs: 1e12 })
      }
    },
    options,
  )

  test(
    'it replaces nothing, and can be given another name then',
    (directory) => {
      const path = join(directory, 'file')
      fs.writeFileSync(path, 'there')
      withNameless(directory, (fd) => {
        fs.writeSync(fd, Buffer.from('new'))
        assertFails('EEXIST', () => linkOpenFile(fd, path))
        assert.equal(fs.fstatSync(fd).nlink, 0)
        linkOpenFile(fd, `${path}-2`)
      })
      assertContent(path, 'there')
      assertContent(`${path}-2`, 'new')
      fs.unlinkSync(`${path}-2`)
      assert.deepEqual(fs.readdirSync(directory), ['file'])
    },
    options,
  )

  test(
    'made exclusively it never gets a name, nor does one that has lost its last',
    (directory) => {
      withNameless(
        directory,
        (fd) => assertFails('ENOENT', () => linkOpenFile(fd, join(directory, 'a'))),
        O_WRONLY | O_EXCL,
      )
      withNameless(directory, (fd) => {
        const path = join(directory, 'b')
        linkOpenFile(fd, path)
        fs.unlinkSync(path)
        assertFails('ENOENT', () => linkOpenFile(fd, path))
      })
      assert.deepEqual(fs.readdirSync(directory), [])
    },
    options,
  )

  test(
    'it belongs to who made it',
    async (directory) => {
      for (const passed of [suite.place.root, suite.system.root, directory]) fs.chmodSync(passed, 0o777)
      const script = `
        const fs = require('node:fs')
        const fd = fs.openSync(process.argv[1], ${O_TMPFILE | O_RDWR}, 0o644)
        const { uid, gid } = fs.fstatSync(fd)
        console.log(JSON.stringify({ uid, gid }))`
      const user = { uid: 12_345, gid: 12_346 }
      assert.deepEqual(JSON.parse(await runOk(process.execPath, ['-e', script, directory], { user, cwd: '/' })), user)
    },
    { skip: skip || (process.getuid?.() !== 0 && 'needs root') },
  )
})

test('after the daemon is killed, what was synced and got a name is whole, and what had none is gone', {
  skip: skip || fuseMissing(),
}, async (t) => {
  const mounted = await mountFolder(t)
  const content = noise(700_000)
  const script = `
    import { fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
    import { linkOpenFile } from '${SYSCALLS}'
    const [folder, source] = process.argv.slice(1)
    for (const name of ['named', undefined]) {
      const fd = openSync(folder, ${O_TMPFILE | O_RDWR}, 0o644)
      writeSync(fd, readFileSync(source))
      fsyncSync(fd)
      if (name !== undefined) linkOpenFile(fd, folder + '/' + name)
    }
    console.log('made')
    setInterval(() => {}, 1000)`
  fs.writeFileSync(join(mounted.root, 'source'), content)
  const args = ['--input-type=module', '-e', script, mounted.folder, join(mounted.root, 'source')]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  await within(30_000, once(child.stdout, 'data'), 'both are made')
  await mounted.crash()
  child.kill('SIGKILL')
  await mounted.mount()
  assert.equal(await mounted.sh('ls -A folder | grep -v "^[.]dfs$"'), 'named\n')
  assert.equal(await mounted.sh('cmp folder/named source && echo same'), 'same\n')
  await mounted.unmount()
})
