import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { VersionAge } from '../../../src/dfs.ts'
import { O } from '../../../src/posix/files.ts'
import { MemoryBlocks } from '../../../src/store/memory-blocks.ts'
import { FolderPaths } from '../../../src/vfs/folder-paths.ts'
import { versionsOf } from '../../../src/vfs/history.ts'
import { expireVersions } from '../../../src/vfs/version-expiry.ts'
import { CALLER, noise, TestFolder } from './support.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const KEEP_MS = 365 * DAY
/** What the content of a file takes here, and a little more. */
const CONTENT_BYTES = 200_000
const ROOM_FOR_ONE = 250_000

/** A folder in which a day goes by between one step and the next. */
class Days extends AsyncDisposableStack {
  readonly folder: TestFolder
  readonly #paths: FolderPaths
  #nowMs = 0
  #seed = 1
  #ages: ReadonlyMap<string, VersionAge> = new Map()

  constructor(folder: TestFolder) {
    super()
    this.use(folder)
    this.folder = folder
    this.#paths = new FolderPaths(folder.services, folder)
  }

  static async open(store = new MemoryBlocks()): Promise<Days> {
    return new Days(await TestFolder.open({ store }))
  }

  /** Writes a file anew; gives the length of its content, by which it is known again. */
  async write(name: string): Promise<number> {
    const { filesystem, services, checkpointer } = this.folder
    const content = noise(CONTENT_BYTES + this.#seed, this.#seed++)
    const found = this.folder.lookup(name)
    const handle =
      found === undefined
        ? (await filesystem.create(services.table.root.ino, name, 0o644, O.RDWR, CALLER)).handle
        : await filesystem.open(found.ino, O.RDWR | O.TRUNC)
    await filesystem.write(handle, 0, content)
    await filesystem.flush(handle)
    filesystem.release(handle)
    await checkpointer.run({ all: true })
    return content.length
  }

  /** Writes a file over and over, a day between one and the next; gives the lengths of what it was before. */
  async history(name: string, versions: number): Promise<number[]> {
    const lengths = [await this.write(name)]
    while (lengths.length <= versions) {
      this.folder.keeping.keepNext(this.folder.inode(name).file!)
      lengths.push(await this.write(name))
      await this.pass(DAY)
    }
    return lengths.slice(0, -1)
  }

  async pass(ms: number, bytesMax?: number): Promise<number> {
    this.#nowMs += ms
    const { services, keeping } = this.folder
    const { removed, ages } = await expireVersions(services, keeping, {
      ages: this.#ages,
      nowMs: this.#nowMs,
      keepMs: KEEP_MS,
      bytesMax,
      present: (path) => this.#paths.contentAt(path),
    })
    this.#ages = ages
    return removed
  }

  /** Lengths of what is kept of a path, the oldest first. */
  async kept(path: string): Promise<number[]> {
    const versions = await versionsOf(this.folder.services, this.folder.versions, { path, fileId: undefined })
    return versions.map(({ size }) => size).reverse()
  }
}

describe('a budget of versions', () => {
  it('has the oldest go, and leaves the newest of each path', async () => {
    await using days = await Days.open()
    const [other] = await days.history('b', 1)
    const [, , newest] = await days.history('a', 3)
    assert.equal(await days.pass(DAY, 2 * ROOM_FOR_ONE), 2)
    assert.deepEqual([await days.kept('a'), await days.kept('b')], [[newest], [other]])
  })

  it('has the newest of a path go as well where the others are not enough, the oldest first', async () => {
    await using days = await Days.open()
    await days.history('b', 1)
    const [, newest] = await days.history('a', 2)
    assert.equal(await days.pass(DAY, ROOM_FOR_ONE), 2)
    assert.deepEqual([await days.kept('a'), await days.kept('b')], [[newest], []])
    assert.equal(await days.pass(DAY, 1), 1)
    assert.deepEqual(await days.kept('a'), [])
  })

  it('leaves all where there is room for them', async () => {
    await using days = await Days.open()
    await days.history('a', 3)
    assert.equal(await days.pass(DAY, 3 * ROOM_FOR_ONE), 0)
  })

  it('leaves what is younger than an hour', async () => {
    await using days = await Days.open()
    await days.history('a', 1)
    days.folder.keeping.keepNext(days.folder.inode('a').file!)
    await days.write('a')
    assert.equal(await days.pass(HOUR, 1), 1)
    assert.equal((await days.kept('a')).length, 1)
    assert.equal(await days.pass(HOUR - 1, 1), 0)
    assert.equal(await days.pass(1, 1), 1)
  })

  it('counts once what several versions have, and not at all what the file has', async () => {
    await using days = await Days.open()
    const [length] = await days.history('a', 1)
    const { keeping } = days.folder
    for (let count = 0; count < 3; count++) {
      await days.pass(DAY)
      keeping.copyBeforeUnlink(days.folder.inode('a'))
    }
    await days.pass(DAY)
    assert.equal(await days.pass(DAY, ROOM_FOR_ONE), 0)
    assert.equal((await days.kept('a'))[0], length)
  })

  it('passes over the history of a file that is being written', async () => {
    await using days = await Days.open()
    await days.history('a', 2)
    const { filesystem } = days.folder
    const handle = await filesystem.open(days.folder.lookup('a')!.ino, O.RDWR)
    await filesystem.write(handle, 0, Buffer.from('in the midst'))
    assert.equal(await days.pass(DAY, 1), 0)
    filesystem.release(handle)
  })

  it('counts nothing for what is on other devices only', async () => {
    const store = new MemoryBlocks()
    await using days = await Days.open(store)
    await days.history('a', 2)
    for await (const { cid } of store.list()) store.delete(cid)
    assert.equal(await days.pass(DAY, ROOM_FOR_ONE), 0)
  })
})
