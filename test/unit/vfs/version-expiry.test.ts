import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import type { VersionAge } from '../../../src/dfs.ts'
import { O } from '../../../src/posix/files.ts'
import { expireVersions } from '../../../src/vfs/version-expiry.ts'
import type { Versions } from '../../../src/vfs/versions.ts'
import { CALLER, TestFolder } from './support.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const KEEP = 30 * DAY

class Kept extends AsyncDisposableStack {
  readonly folder: TestFolder
  readonly versions: Versions
  readonly directory: string

  constructor(folder: TestFolder) {
    super()
    this.use(folder)
    this.folder = folder
    this.versions = folder.keeping
    this.directory = path.join(folder.path, '.dfs', 'versions')
  }

  static async open(): Promise<Kept> {
    return new Kept(await TestFolder.open())
  }

  async write(name: string, content: string | Buffer): Promise<void> {
    const { filesystem, services, checkpointer } = this.folder
    const { handle } = await filesystem.create(services.table.root.ino, name, 0o644, O.RDWR, CALLER)
    await filesystem.write(handle, 0, Buffer.from(content))
    await filesystem.flush(handle)
    filesystem.release(handle)
    await checkpointer.run({ all: true })
  }

  keep(name: string, count = 1): void {
    for (let i = 0; i < count; i++) this.versions.copyBeforeUnlink(this.folder.inode(name))
  }

  expire(nowMs: number, ages: ReadonlyMap<string, VersionAge> = new Map(), keepMs = KEEP) {
    return expireVersions(this.folder.services, this.versions, { ages, nowMs, keepMs })
  }

  /** Names of the version directories that are left, and of what is in each. */
  list(): Record<string, string[]> {
    return Object.fromEntries(readdirSync(this.directory).map((id) => [id, readdirSync(path.join(this.directory, id))]))
  }
}

describe('expireVersions', () => {
  it('thins out what is there, with the ages it gave before', async () => {
    await using kept = await Kept.open()
    await kept.write('a', 'some content')
    kept.keep('a', 5)
    const first = await kept.expire(0)
    assert.deepEqual([first.removed, first.ages.size], [0, 5])
    const second = await kept.expire(2 * HOUR, first.ages)
    // They were made within milliseconds, which may lie in two hours of the wall clock.
    assert.ok([3, 4].includes(second.removed))
    assert.equal(Object.values(kept.list()).flat().length, second.ages.size)
    const third = await kept.expire(2 * HOUR, second.ages)
    assert.equal(third.removed, 0)
    assert.deepEqual(third.ages, second.ages)
  })

  it('begins anew where the ages are lost', async () => {
    await using kept = await Kept.open()
    await kept.write('a', 'some content')
    kept.keep('a', 3)
    assert.equal((await kept.expire(40 * DAY)).removed, 0)
  })

  it('counts files that had one path, one after the other, as one history', async () => {
    await using kept = await Kept.open()
    const { filesystem, services } = kept.folder
    for (let i = 0; i < 4; i++) {
      await kept.write('a', `content ${i}`)
      kept.keep('a')
      await filesystem.unlink(services.table.root.ino, 'a')
    }
    await kept.write('b', 'another')
    kept.keep('b')
    const { ages } = await kept.expire(0)
    assert.equal(new Set([...ages.values()].map(({ lineage }) => lineage)).size, 2)
    const { removed } = await kept.expire(2 * HOUR, ages)
    assert.ok([2, 3].includes(removed))
  })

  it('takes the directory of a file away with its last version', async () => {
    await using kept = await Kept.open()
    await kept.write('a', 'some content')
    kept.keep('a', 2)
    const { ages } = await kept.expire(0)
    assert.equal((await kept.expire(KEEP, ages)).removed, 2)
    assert.deepEqual(kept.list(), {})
    kept.keep('a')
    assert.equal(Object.values(kept.list()).flat().length, 1)
  })

  it('leaves a version that somebody reads, until it is closed', async () => {
    await using kept = await Kept.open()
    const { filesystem } = kept.folder
    await kept.write('a', 'some content')
    kept.keep('a')
    const [[stub]] = Object.values(kept.list()) as [[string]]
    const inside = `.dfs/versions/a/${stub.replace(/\.f$/, '')}`
    const { ino } = (await kept.folder.find(inside))!
    const handle = await filesystem.open(ino, O.RDONLY)
    const { ages } = await kept.expire(0)
    const again = await kept.expire(KEEP, ages)
    assert.deepEqual([again.removed, again.ages.size], [0, 1])
    const content = Buffer.alloc(4)
    await filesystem.read(handle, 0, content)
    assert.equal(content.toString(), 'some')
    filesystem.release(handle)
    assert.equal((await kept.expire(KEEP, again.ages)).removed, 1)
    assert.equal(await kept.folder.find(inside), undefined)
    assert.throws(() => filesystem.getattr(ino), { kind: 'not-found' })
  })

  it('passes over what is no version, and lets damaged ones grow old', async () => {
    await using kept = await Kept.open()
    await kept.write('a', 'some content')
    kept.keep('a')
    const [[id, [stub]]] = Object.entries(kept.list()) as [[string, [string]]]
    const file = path.join(kept.directory, id, stub)
    writeFileSync(file, readFileSync(file).fill(7, 300))
    writeFileSync(path.join(kept.directory, 'a file'), 'mine')
    writeFileSync(path.join(kept.directory, id, 'notes.f'), 'mine')
    mkdirSync(path.join(kept.directory, 'empty'))
    const { ages, removed } = await kept.expire(0)
    assert.deepEqual([ages.size, removed], [1, 0])
    assert.equal((await kept.expire(KEEP, ages)).removed, 1)
    assert.deepEqual(readdirSync(path.join(kept.directory, id)), ['notes.f'])
  })

  it('stops when it is told to', async () => {
    await using kept = await Kept.open()
    await kept.write('a', 'some content')
    kept.keep('a')
    const options = { ages: new Map(), nowMs: 0, keepMs: KEEP, signal: AbortSignal.abort() }
    await assert.rejects(expireVersions(kept.folder.services, kept.versions, options), { kind: 'aborted' })
  })
})
