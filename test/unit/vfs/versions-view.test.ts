import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { byteStringOf } from '../../../src/bytes/byte-string.ts'
import type { Ino } from '../../../src/dfs.ts'
import { O } from '../../../src/posix/files.ts'
import { MODE } from '../../../src/posix/stat.ts'
import { CALLER, TestFolder } from './support.ts'

const VERSIONS = '.dfs/versions'
const TIME = String.raw`\d{8}T\d{6}\.\d{3}Z`

/** Writes a file and its directories; what it was before is kept, if it was there. */
async function write(folder: TestFolder, inside: string, text: string): Promise<void> {
  const { filesystem, services, checkpointer, keeping } = folder
  const names = inside.split('/')
  const last = names.pop()!
  let directory = services.table.root.ino
  for (const [at, name] of names.entries()) {
    const found = folder.lookup(names.slice(0, at + 1).join('/'))
    directory = (found ?? filesystem.mkdir(directory, byteStringOf(name), 0o755, CALLER)).ino
  }
  const found = folder.lookup(inside)
  if (found !== undefined) keeping.keepNext(services.table.get(found.ino).file!)
  const handle =
    found === undefined
      ? (await filesystem.create(directory, byteStringOf(last), 0o640, O.RDWR, CALLER)).handle
      : await filesystem.open(found.ino, O.RDWR | O.TRUNC)
  await filesystem.write(handle, 0, Buffer.from(text))
  await filesystem.flush(handle)
  filesystem.release(handle)
  await checkpointer.run({ all: true })
}

/** Keeps what a file is now, as if it were removed, and removes it. */
async function remove(folder: TestFolder, inside: string): Promise<void> {
  const { filesystem, services, keeping } = folder
  const { place, file } = services.table.get(folder.lookup(inside)!.ino)
  keeping.whileDecided(file!, true, () => void filesystem.unlink(place.parent.ino, place.name))
}

async function names(folder: TestFolder, inside: string): Promise<string[]> {
  const { filesystem } = folder
  const handle = filesystem.opendir((await folder.find(inside))!.ino)
  const entries = await filesystem.readdir(handle)
  filesystem.releasedir(handle)
  return entries.map(({ name }) => name).filter((name) => name !== '.' && name !== '..')
}

/** Contents of the versions of a path, the oldest first. */
async function contents(folder: TestFolder, inside: string): Promise<string[]> {
  const shown = (await names(folder, `${VERSIONS}/${inside}`)).sort()
  return Promise.all(shown.map(async (name) => `${await folder.read(`${VERSIONS}/${inside}/${name}`)}`))
}

describe('.dfs/versions', () => {
  it('has for each path of which versions are kept a directory with them, the newest last', async () => {
    await using folder = await TestFolder.open()
    for (const text of ['one', 'two', 'three']) await write(folder, 'photos/2026/a.jpg', text)
    await write(folder, 'only.txt', 'there')
    assert.deepEqual(await names(folder, VERSIONS), ['photos'])
    assert.deepEqual(await names(folder, `${VERSIONS}/photos`), ['2026'])
    assert.deepEqual(await names(folder, `${VERSIONS}/photos/2026`), ['a.jpg'])
    assert.deepEqual(await contents(folder, 'photos/2026/a.jpg'), ['one', 'two'])
  })

  it('calls a version by its time, with the ending of the file', async () => {
    await using folder = await TestFolder.open()
    const endings = { 'a.tar.gz': '.gz', '.bashrc': '', README: '', 'v1. final draft': '', 'x.': '' }
    for (const [name, ending] of Object.entries(endings)) {
      await write(folder, name, 'one')
      await remove(folder, name)
      const [shown] = await names(folder, `${VERSIONS}/${name}`)
      assert.match(shown!, new RegExp(`^${TIME}${ending.replace('.', String.raw`\.`)}$`))
    }
  })

  it('shows what was deleted, with the directory it was in', async () => {
    await using folder = await TestFolder.open()
    await write(folder, 'gone/deep/file', 'content')
    await remove(folder, 'gone/deep/file')
    const { filesystem, services } = folder
    filesystem.rmdir(folder.lookup('gone')!.ino, 'deep')
    filesystem.rmdir(services.table.root.ino, 'gone')
    assert.deepEqual(await contents(folder, 'gone/deep/file'), ['content'])
  })

  it('follows what is kept, and what goes, after it was looked at', async () => {
    await using folder = await TestFolder.open()
    assert.deepEqual(await names(folder, VERSIONS), [])
    await write(folder, 'a', 'one')
    await remove(folder, 'a')
    assert.deepEqual(await contents(folder, 'a'), ['one'])
    const [time] = await names(folder, `${VERSIONS}/a`)
    const [id] = folder.versions.children.keys()
    assert.equal(folder.keeping.remove(id!, time!), true)
    assert.deepEqual(await names(folder, VERSIONS), [])
    assert.equal(await folder.find(`${VERSIONS}/a`), undefined)
  })

  it('shows what is kept while the versions are being looked through', async () => {
    await using folder = await TestFolder.open()
    await write(folder, 'a', 'one')
    await write(folder, 'b', 'two')
    await remove(folder, 'a')
    const looking = names(folder, VERSIONS)
    await remove(folder, 'b')
    await looking
    assert.deepEqual((await names(folder, VERSIONS)).sort(), ['a', 'b'])
  })

  it('shows together what was a file once and a directory at another time', async () => {
    await using folder = await TestFolder.open()
    await write(folder, 'x', 'as a file')
    await remove(folder, 'x')
    await write(folder, 'x/y', 'in a directory')
    await remove(folder, 'x/y')
    assert.deepEqual(await contents(folder, 'x/y'), ['in a directory'])
    const [version, directory] = (await names(folder, `${VERSIONS}/x`)).sort()
    assert.equal(directory, 'y')
    assert.equal(`${await folder.read(`${VERSIONS}/x/${version}`)}`, 'as a file')
  })

  it('numbers versions of different files that had one path at one moment, and gives way to other paths', async (t) => {
    await using folder = await TestFolder.open()
    t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2026, 10, 22, 20, 30, 15) })
    const time = '20261122T203015.000Z'
    for (const text of ['one', 'two']) {
      await write(folder, 'x', text)
      await remove(folder, 'x')
    }
    assert.deepEqual(await names(folder, `${VERSIONS}/x`), [time, `${time}-2`])
    assert.deepEqual((await contents(folder, 'x')).sort(), ['one', 'two'])
    await write(folder, `x/${time}`, 'three')
    await remove(folder, `x/${time}`)
    assert.deepEqual((await names(folder, `${VERSIONS}/x`)).sort(), [time, `${time}-2`, `${time}-3`])
    assert.deepEqual(await contents(folder, `x/${time}`), ['three'])
  })

  it('keeps names apart that begin alike, and those that are no text', async () => {
    await using folder = await TestFolder.open()
    const all = ['a', 'a-b', 'a/b', 'a0', 'a\x01', '\udcff\udc80', 'ä']
    for (const name of all) {
      await write(folder, name, name)
      await remove(folder, name)
      if (name.includes('/')) folder.filesystem.rmdir(folder.services.table.root.ino, 'a')
    }
    const shown = await names(folder, VERSIONS)
    assert.deepEqual(shown.sort(), ['a', 'a-b', 'a0', 'a\x01', '\xff\x80', byteStringOf('ä')].sort())
    assert.deepEqual(await contents(folder, 'a/b'), ['a/b'])
  })

  it('says of versions what the files were, and of directories that nobody may write', async () => {
    await using folder = await TestFolder.open()
    await write(folder, 'd/a', 'some content')
    const { mtimeNs } = folder.lookup('d/a')!
    await remove(folder, 'd/a')
    const [version] = await names(folder, `${VERSIONS}/d/a`)
    const found = (await folder.find(`${VERSIONS}/d/a/${version}`))!
    assert.deepEqual([found.size, found.mode, found.mtimeNs], [12, MODE.REGULAR | 0o640, mtimeNs])
    const directory = (await folder.find(`${VERSIONS}/d`))!
    assert.equal(directory.mode, MODE.DIRECTORY | 0o500)
    assert.deepEqual(folder.filesystem.getattr(directory.ino), directory)
    assert.notEqual(directory.statIno, (await folder.find(`${VERSIONS}/d/a`))!.statIno)
  })

  it('refuses every change', async () => {
    await using folder = await TestFolder.open()
    await write(folder, 'd/a', 'some content')
    await remove(folder, 'd/a')
    await write(folder, 'own', 'mine')
    const { filesystem, services } = folder
    const root = services.table.root.ino
    const [version] = await names(folder, `${VERSIONS}/d/a`)
    for (const directory of [VERSIONS, `${VERSIONS}/d`, `${VERSIONS}/d/a`]) {
      const { ino } = (await folder.find(directory))!
      await refuses(() => filesystem.create(ino, 'new', 0o644, O.RDWR, CALLER))
      await refuses(() => filesystem.mkdir(ino, 'new', 0o755, CALLER))
      await refuses(() => filesystem.symlink(ino, 'new', 'target', CALLER))
      await refuses(() => filesystem.mknod(ino, 'new', MODE.FIFO, 0, CALLER))
      await refuses(() => filesystem.createNameless(ino, 0o644, O.RDWR, CALLER))
      await refuses(() => filesystem.link(folder.lookup('own')!.ino, ino, 'new'))
      await refuses(() => filesystem.rename(root, 'own', ino, 'new'))
      await refuses(() => filesystem.setattr(ino, { mode: 0o777 }))
      await refuses(() => filesystem.setxattr(ino, 'user.x', Buffer.from('x'), 0))
      await refuses(() => filesystem.removexattr(ino, 'user.x'))
      assert.deepEqual([filesystem.listxattr(ino), await filesystem.getxattr(ino, 'user.x')], [[], undefined])
      assert.equal(filesystem.hasDefaultAcl(ino), false)
      assert.equal(filesystem.isVolatile(ino), true)
    }
    const path = (await folder.find(`${VERSIONS}/d/a`))!.ino
    const { ino } = (await folder.find(`${VERSIONS}/d/a/${version}`))!
    await refuses(() => filesystem.open(ino, O.RDWR))
    await refuses(() => filesystem.setattr(ino, { size: 0 }))
    await refuses(() => filesystem.unlink(path, version!))
    await refuses(() => filesystem.rename(path, version!, root, 'taken'))
    await refuses(() => filesystem.link(ino, root, 'taken'))
    await refuses(async () => filesystem.rmdir((await folder.find(`${VERSIONS}/d`))!.ino, 'a'))
    assert.deepEqual(await contents(folder, 'd/a'), ['some content'])
  })

  it('holds nothing of what the kernel has forgotten', async () => {
    await using folder = await TestFolder.open()
    await write(folder, 'd/a', 'some content')
    await remove(folder, 'd/a')
    const { filesystem, services } = folder
    const before = services.table.size
    const held: Ino[] = []
    let at = (await folder.find('.dfs'))!.ino
    const [version] = await names(folder, `${VERSIONS}/d/a`)
    for (const name of ['versions', 'd', 'a', version!]) {
      at = (await filesystem.lookup(at, name))!.ino
      held.push(at)
    }
    for (const ino of held.reverse()) filesystem.forget(ino, services.table.get(ino).lookups)
    assert.ok(services.table.size <= before)
  })
})

async function refuses(work: () => unknown): Promise<void> {
  await assert.rejects(async () => work(), { kind: 'read-only' })
}
