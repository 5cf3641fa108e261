/** What a file `.dfsignore` names is on the device that has it, and nowhere else. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import { noise } from '../support/files.ts'
import { fuseMissing } from '../support/mount.ts'
import { until } from '../support/process.ts'
import { at, gone, names, SOON_MS, shows, soon, twoDevices } from '../support/same-folder.ts'
import { stopDaemon } from '../support/sharing.ts'

const skip = fuseMissing()

test('what .dfsignore names stays on its device', { skip }, async (t) => {
  const { laptop, desktop } = await twoDevices(t)
  await shows(desktop, 'note.txt', 'a note')

  await t.test('and is there as any other file, while the file that says so is on both', async () => {
    await soon(fs.writeFile(at(laptop, '.dfsignore'), 'build/\n*.o\n'))
    await soon(fs.mkdir(at(laptop, 'build')))
    await soon(fs.writeFile(at(laptop, 'build/out'), 'made here'))
    await soon(fs.writeFile(at(laptop, 'main.o'), 'made here'))
    await soon(fs.writeFile(at(laptop, 'main.c'), 'written here'))
    await shows(desktop, '.dfsignore', 'build/\n*.o\n')
    await shows(desktop, 'main.c', 'written here')
    await soon(fs.writeFile(at(desktop, 'main.o'), 'made there'))
    await soon(fs.writeFile(at(desktop, 'new.c'), 'written there'))
    await shows(laptop, 'new.c', 'written there')
    assert.equal(await soon(fs.readFile(at(laptop, 'main.o'), 'utf8')), 'made here')
    assert.equal(await soon(fs.readFile(at(laptop, 'build/out'), 'utf8')), 'made here')
    assert.deepEqual(await names(desktop), ['.dfsignore', 'main.c', 'main.o', 'new.c', 'note.txt', 'photos'])
  })

  await t.test('also when the daemon starts again', async () => {
    await laptop.dfsOk(['umount', laptop.folder])
    await stopDaemon(laptop)
    await laptop.dfsOk(['mount', laptop.folder])
    await soon(fs.writeFile(at(laptop, 'after.c'), 'and more'))
    await shows(desktop, 'after.c', 'and more')
    assert.equal((await names(desktop)).includes('build'), false)
  })

  await t.test('what is named later is followed no more, and stays on both', async () => {
    await soon(fs.writeFile(at(desktop, '.dfsignore'), 'build/\n*.o\n/photos\n'))
    await shows(laptop, '.dfsignore', 'build/\n*.o\n/photos\n')
    await soon(fs.rm(at(laptop, 'photos'), { recursive: true }))
    await soon(fs.writeFile(at(laptop, 'last.c'), 'the last'))
    await shows(desktop, 'last.c', 'the last')
    assert.deepEqual(await names(desktop, 'photos'), ['one.jpg'])
  })

  await t.test('a file of many patterns is fetched before it is gone by', async () => {
    const many = Array.from({ length: 4000 }, (_, line) => `name${line}`)
    await soon(fs.writeFile(at(laptop, '.dfsignore'), many.join('\n')))
    const isThere = async () => (await soon(fs.stat(at(desktop, '.dfsignore')))).size > 30_000
    await until('it has come', isThere, SOON_MS)
    await soon(fs.writeFile(at(desktop, 'name3999'), noise(100, 1)))
    await soon(fs.writeFile(at(desktop, 'name4000'), noise(100, 2)))
    await shows(laptop, 'name4000', noise(100, 2))
    assert.equal((await names(laptop)).includes('name3999'), false)
  })

  await t.test('without the file all comes, and of two of one name both', async () => {
    await soon(fs.rm(at(laptop, '.dfsignore')))
    await gone(desktop, '.dfsignore')
    await shows(desktop, path.join('build', 'out'), 'made here')
    const bothAre = async () => (await names(desktop)).filter((name) => /^main.*\.o$/.test(name)).length === 2
    await until('both are there', bothAre, SOON_MS)
  })
})
