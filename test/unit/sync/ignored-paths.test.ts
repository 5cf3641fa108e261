import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { byteStringOf } from '../../../src/bytes/byte-string.ts'
import { IgnoredPaths } from '../../../src/sync/ignored-paths.ts'
import { agree, FolderDevice, sharedFolder } from './disk-folders.ts'

/** A device that has taken in a file `.dfsignore`. */
async function ignoring(patterns: string): Promise<FolderDevice> {
  const device = await FolderDevice.start('a')
  device.create('.dfsignore', patterns)
  await device.run()
  return device
}

/** What of these paths is ignored; those of directories end in a slash. */
async function ignoredOf(patterns: string, paths: readonly string[]): Promise<string[]> {
  const device = await FolderDevice.start('a')
  device.create('.dfsignore', patterns)
  const ignored = new IgnoredPaths(device.disk, (path) => device.readFile(path))
  await ignored.list('')
  return paths.filter((path) => {
    const isDirectory = path.endsWith('/')
    return ignored.has(byteStringOf(isDirectory ? path.slice(0, -1) : path), isDirectory ? 'directory' : 'file')
  })
}

describe('what a file .dfsignore says', () => {
  it('is read as git reads it', async () => {
    const patterns = '# a comment\n\n*.log\n!kept.log\nbuild/\n/top\na/**/z\n\\#odd\ntrailing   \n'
    const ignored = ['x.log', 'deep/x.log', 'build/', 'in/build/', 'build/in', 'top', 'a/b/c/z', '#odd', 'trailing']
    const taken = ['kept.log', 'build', 'in/top', 'z', 'b/c/z', 'comment', 'x.logs']
    assert.deepEqual(await ignoredOf(patterns, [...ignored, ...taken]), ignored)
  })

  it('takes nothing out of an ignored directory', async () => {
    assert.deepEqual(await ignoredOf('dir/\n!dir/kept', ['dir/', 'dir/kept', 'kept']), ['dir/', 'dir/kept'])
    assert.deepEqual(await ignoredOf('/*\n!/kept/', ['other/', 'other/kept', 'kept/', 'kept/file']), [
      'other/',
      'other/kept',
    ])
  })

  it('tells large letters from small ones, and compares bytes', async () => {
    assert.deepEqual(await ignoredOf('NAME\n', ['NAME', 'name']), ['NAME'])
    assert.deepEqual(await ignoredOf('späße*\n', ['späße.txt', 'SPÄSSE', 'spa\u0308ße.txt']), ['späße.txt'])
    // A byte that is no UTF-8, as an exact text.
    assert.deepEqual(await ignoredOf('*.o\n?', ['\udcff.o', '\udcff']), ['\udcff.o', '\udcff'])
  })

  it('may begin with a byte order mark, and have lines as on Windows', async () => {
    assert.deepEqual(await ignoredOf('\ufeffone\r\ntwo\r\n', ['one', 'two']), ['one', 'two'])
  })

  it('never means the file itself', async () => {
    assert.deepEqual(await ignoredOf('*\n.dfsignore', ['.dfsignore', 'x']), ['x'])
  })

  it('is asked for any name that a file can have', async () => {
    assert.deepEqual(await ignoredOf('x\n', ['.../x', 'a\\x', '..x', ' ', 'x']), ['.../x', 'x'])
  })

  it('says it of what is below, and a nearer one has the last word', async () => {
    const device = await FolderDevice.start('a')
    device.create('.dfsignore', '*.log\nother')
    device.makeDirectory('dir')
    device.create('dir/.dfsignore', '!kept.log\n/other2')
    const ignored = new IgnoredPaths(device.disk, (path) => device.readFile(path))
    for (const directory of ['', 'dir']) await ignored.list(directory)
    const paths = ['dir/x.log', 'dir/kept.log', 'kept.log', 'dir/other', 'dir/other2', 'other2']
    assert.deepEqual(
      paths.filter((path) => ignored.has(path, 'file')),
      ['dir/x.log', 'kept.log', 'dir/other', 'dir/other2'],
    )
  })
})

describe('what is ignored', () => {
  it('stays on its device, and the file that says so comes to all', async () => {
    const a = await ignoring('*.tmp\ncache/')
    const b = await FolderDevice.start('b')
    a.create('x.tmp', 'here alone')
    a.create('x.txt', 'everywhere')
    a.makeDirectory('cache')
    a.create('cache/file', 'here alone')
    await a.run()
    await b.hear(a)
    await b.run()
    assert.deepEqual(b.shown(), { '.dfsignore': '*.tmp\ncache/', 'x.txt': 'everywhere' })
    b.create('y.tmp', 'on the other alone')
    await b.run()
    await a.hear(b)
    await a.run()
    assert.deepEqual(Object.keys(a.shown()), ['.dfsignore', 'cache', 'cache/file', 'x.tmp', 'x.txt'])
  })

  it('is no longer followed where it was synchronised before, and is deleted nowhere', async () => {
    const [a, b] = await sharedFolder((device) => {
      device.create('edited.log', 'old')
      device.create('removed.log', 'old')
    })
    a.create('.dfsignore', '*.log')
    await a.run()
    a.write('edited.log', 'new')
    a.disk.remove('removed.log')
    await a.run()
    await b.hear(a)
    await b.run()
    assert.deepEqual(b.shown(), { '.dfsignore': '*.log', 'edited.log': 'old', 'removed.log': 'old' })
  })

  it('is taken when it is ignored no more, and two that were made meanwhile are both kept', async () => {
    const [a, b] = await sharedFolder((device) => device.create('.dfsignore', '*.log'))
    a.create('one.log', 'of a')
    a.create('same.log', 'of a')
    b.create('same.log', 'of b')
    for (const device of [a, b]) await device.run()
    a.disk.remove('.dfsignore')
    await a.run()
    await agree(a, b)
    const { 'one.log': one, ...others } = b.shown()
    assert.equal(one, 'of a')
    assert.deepEqual(Object.values(others).sort(), ['of a', 'of b'])
  })

  it('stands where it is when something of this name comes from another device, which waits', async () => {
    const [a, b] = await sharedFolder(() => {})
    a.create('.dfsignore', 'file')
    a.create('file', 'of a')
    await a.run()
    b.create('file', 'of b')
    await b.run()
    await a.hear(b)
    assert.equal((await a.run()).waiting, 1)
    assert.equal(a.shown().file, 'of a')
    a.disk.remove('.dfsignore')
    await a.run()
    await agree(a, b)
    assert.deepEqual(Object.values(a.shown()).sort(), ['of a', 'of b'])
  })

  it('stays when its directory is removed elsewhere, and does not bring that back', async () => {
    const [a, b] = await sharedFolder((device) => {
      device.create('.dfsignore', '*.o\n')
      device.makeDirectory('src')
      device.makeDirectory('src/deep')
      device.create('src/main.c', 'text')
      device.create('src/deep/deep.c', 'text')
    })
    b.create('src/main.o', 'of b')
    b.create('src/deep/deep.o', 'of b')
    await b.run()
    a.removeTree('src')
    await a.run()
    for (let round = 0; round < 2; round++) {
      await b.hear(a)
      assert.equal((await b.run()).waiting, 0)
      await a.hear(b)
      await a.run()
    }
    assert.deepEqual(a.shown(), { '.dfsignore': '*.o\n' })
    assert.deepEqual(Object.keys(b.shown()), ['.dfsignore', 'src', 'src/deep', 'src/deep/deep.o', 'src/main.o'])
    a.makeDirectory('src')
    a.create('src/main.c', 'again')
    await a.run()
    await b.hear(a)
    await b.run()
    assert.deepEqual([b.shown()['src/main.c'], b.shown()['src/main.o']], ['again', 'of b'])
  })

  it('has what is to come in place of its directory wait, and nothing is moved meanwhile', async () => {
    const [a, b] = await sharedFolder((device) => {
      device.create('.dfsignore', '*.o')
      device.makeDirectory('dir')
      device.makeDirectory('dir/moved')
    })
    b.create('dir/file.o', 'of b')
    await b.run()
    a.disk.move('dir/moved', 'moved')
    a.disk.remove('dir')
    a.disk.move('moved', 'dir')
    await a.run()
    await b.hear(a)
    await b.run()
    let steps = 0
    b.disk.onStep = () => steps++
    assert.equal((await b.run()).waiting > 0, true)
    assert.equal(steps, 0)
    assert.deepEqual(b.shown(), {
      '.dfsignore': '*.o',
      dir: 'directory',
      'dir/file.o': 'of b',
      'dir/moved': 'directory',
    })
    b.disk.remove('dir/file.o')
    await b.run()
    await agree(a, b)
    assert.deepEqual(b.shown(), { '.dfsignore': '*.o', dir: 'directory' })
  })

  it('stays with what was done to it when others remove what was synchronised of it before', async () => {
    const [a, b] = await sharedFolder((device) => {
      device.makeDirectory('dir')
      device.create('dir/file.log', 'old')
    })
    b.create('.dfsignore', '*.log')
    await b.run()
    b.write('dir/file.log', 'new, ignored')
    a.removeTree('dir')
    await a.run()
    await b.hear(a)
    assert.equal((await b.run()).waiting, 0)
    assert.equal(b.shown()['dir/file.log'], 'new, ignored')
  })

  it('is gone for the others when it is renamed to a name that is ignored, and comes when it is renamed back', async () => {
    const [a, b] = await sharedFolder((device) => {
      device.create('.dfsignore', '*.log')
      device.create('file', 'text')
    })
    a.disk.move('file', 'file.log')
    await a.run()
    await b.hear(a)
    await b.run()
    assert.deepEqual(Object.keys(b.shown()), ['.dfsignore'])
    a.disk.move('file.log', 'file')
    await a.run()
    await agree(a, b)
    assert.equal(b.shown().file, 'text')
  })
})

describe('a file .dfsignore that cannot be read', () => {
  it('has nothing taken from beside it until it can', async () => {
    const [a, b] = await sharedFolder((device) => device.makeDirectory('dir'))
    const { readFile } = a
    a.readFile = () => Promise.reject(new Error('it is elsewhere'))
    a.create('dir/.dfsignore', 'x')
    a.create('dir/x', 'ignored')
    a.create('dir/y', 'text')
    a.create('z', 'text')
    assert.equal((await a.run()).waiting, 1)
    await b.hear(a)
    await b.run()
    assert.deepEqual(Object.keys(b.shown()), ['dir', 'dir/.dfsignore', 'z'])
    a.readFile = readFile
    assert.equal((await a.bring()).waiting, 0)
    await b.hear(a)
    await b.run()
    assert.deepEqual(Object.keys(b.shown()), ['dir', 'dir/.dfsignore', 'dir/y', 'z'])
  })

  it('is what it was while somebody writes to it', async () => {
    const a = await ignoring('x')
    a.disk.setBusy('.dfsignore', true)
    a.create('x', 'ignored')
    a.create('y', 'text')
    assert.deepEqual(await a.run(), { hasChanged: true, waiting: 0 })
    a.disk.setBusy('.dfsignore', false)
    assert.deepEqual(await a.run(), { hasChanged: false, waiting: 0 })
  })
})
