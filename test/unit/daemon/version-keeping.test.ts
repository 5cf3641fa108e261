import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { Mutex } from '../../../src/concurrency/mutex.ts'
import type { Config } from '../../../src/daemon/config.ts'
import { expireVersions, VersionKeeper } from '../../../src/daemon/version-keeping.ts'
import type { VersionAge } from '../../../src/dfs.ts'
import { DfsError } from '../../../src/errors.ts'
import type { Folder } from '../../../src/vfs/folder.ts'
import type { ExpiryOptions } from '../../../src/vfs/version-expiry.ts'
import { temporaryDirectory } from './temporary.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

function setUp(t: TestContext) {
  const home = { dir: temporaryDirectory(t), config: { versionDays: 3, versionBytes: 0 } as Config }
  const clock = { time: 10 * DAY, nowMs: () => clock.time }
  const calls: ExpiryOptions[] = []
  const folder = {
    id: 'ab',
    path: '/folder',
    async expireVersions(options: ExpiryOptions) {
      calls.push(options)
      const ages = new Map<string, VersionAge>([['1/T', { firstSeenMs: options.nowMs, lineage: 'l' }]])
      return { removed: calls.length, ages }
    },
  }
  return { home, clock, calls, folder, parts: { home, clock } }
}

describe('expireVersions', () => {
  it('hands on what it was given the last time, and the setting', async (t) => {
    const { clock, calls, folder, parts } = setUp(t)
    assert.equal(await expireVersions(folder, parts), 1)
    clock.time += 5
    assert.equal(await expireVersions(folder, parts), 2)
    const [first, second] = calls
    assert.equal(first!.ages.size, 0)
    assert.deepEqual([first!.nowMs, first!.keepMs], [10 * DAY, 3 * DAY])
    assert.deepEqual([...second!.ages], [['1/T', { firstSeenMs: 10 * DAY, lineage: 'l' }]])
  })

  it('sets a limit to what they take only where there is one', async (t) => {
    const { home, calls, folder, parts } = setUp(t)
    await expireVersions(folder, parts)
    await expireVersions(folder, { ...parts, home: { ...home, config: { ...home.config, versionBytes: 5 } } })
    assert.deepEqual(
      calls.map(({ bytesMax }) => bytesMax),
      [undefined, 5],
    )
  })

  it('does nothing too soon, unless the running time went back', async (t) => {
    const { clock, calls, folder, parts } = setUp(t)
    const options = { everyMs: HOUR }
    await expireVersions(folder, parts, options)
    clock.time += HOUR - 1
    assert.equal(await expireVersions(folder, parts, options), 0)
    clock.time += 1
    assert.equal(await expireVersions(folder, parts, options), 2)
    clock.time = 0
    assert.equal(await expireVersions(folder, parts, options), 3)
    assert.equal(calls.length, 3)
  })

  it('keeps one file a folder', async (t) => {
    const { home, folder, parts } = setUp(t)
    await expireVersions(folder, parts)
    await expireVersions({ ...folder, id: 'cd' }, parts)
    assert.deepEqual(readdirSync(path.join(home.dir, 'version-ages')).sort(), ['ab', 'cd'])
  })
})

describe('VersionKeeper', () => {
  it('looks after each open folder, though one fails, and not while garbage is collected', async (t) => {
    const said = t.mock.method(process.stderr, 'write', () => true)
    const { calls, folder, parts } = setUp(t)
    const collecting = new Mutex()
    const folders = {
      openPaths: ['/broken', '/folder'],
      async use<T>(at: string, work: (folder: Folder) => Promise<T> | T): Promise<T> {
        if (at === '/broken') throw new DfsError('io', 'it is broken')
        return await work(folder as unknown as Folder)
      },
    }
    await using keeper = new VersionKeeper({ ...parts, folders, collecting })
    const { promise, resolve } = Promise.withResolvers<void>()
    const collected = collecting.run(() => promise)
    const round = keeper.runRound()
    assert.equal(calls.length, 0)
    resolve()
    await Promise.all([collected, round])
    assert.equal(calls.length, 1)
    assert.match(String(said.mock.calls[0]!.arguments[0]), /\/broken stay for now: it is broken/)
  })

  it('tells of ages of a newer dfs and leaves them', async (t) => {
    const said = t.mock.method(process.stderr, 'write', () => true)
    const { home, calls, folder, parts } = setUp(t)
    await expireVersions(folder, parts)
    const file = path.join(home.dir, 'version-ages', 'ab')
    // {"version": 9}
    writeFileSync(file, Buffer.from('a16776657273696f6e09', 'hex'))
    const use = async <T>(_: string, work: (folder: Folder) => Promise<T> | T) => work(folder as unknown as Folder)
    await using keeper = new VersionKeeper({
      ...parts,
      folders: { openPaths: ['/folder'], use },
      collecting: new Mutex(),
    })
    await keeper.runRound()
    assert.equal(calls.length, 1)
    assert.match(String(said.mock.calls[0]!.arguments[0]), /version 9/)
  })
})
