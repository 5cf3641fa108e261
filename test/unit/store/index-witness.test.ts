import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { closeFd, O, openAt } from '../../../src/posix/files.ts'
import { Keys } from '../../../src/seal/keys.ts'
import { WitnessFile } from '../../../src/store/index-witness.ts'
import { SyncIndexDb } from '../../../src/store/sync-index-db.ts'
import { SyncIndex } from '../../../src/sync/sync-index.ts'
import { entryOf } from '../../conformance/sync-store.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const KEYS = Keys.derive(Buffer.alloc(32, 7))
const AT_FDCWD = -100

let runs = 0

/** A folder, its index in a home, and runs of the daemon. */
function place() {
  const root = temporaryDirectory()
  const [home, folder] = [path.join(root, 'home'), path.join(root, 'folder')]
  mkdirSync(path.join(folder, '.dfs'), { recursive: true })
  const database = path.join(home, 'index')

  /** The index's writer in the end. */
  async function run(work: (index: SyncIndex) => Promise<unknown> = async () => undefined): Promise<string> {
    const [indexId, newWriter] = [`${++runs}`.padStart(32, '0'), `${runs}`.padStart(32, 'e')]
    const rootFd = openAt(AT_FDCWD, folder, O.RDONLY | O.DIRECTORY)
    try {
      await using db = await SyncIndexDb.open(database, KEYS)
      using witness = new WitnessFile(rootFd, database)
      const index = await SyncIndex.open(db, { indexId, newWriter, witness })
      await work(index)
      return index.writer
    } finally {
      closeFd(rootFd)
    }
  }
  return { home, folder, database, run }
}

const change = (at: number) => (index: SyncIndex) => index.take('other', [entryOf(at, `${at}`)], undefined)

function copy(from: string, to: string): void {
  cpSync(from, to, { recursive: true })
}

function replace(place: string, by: string): void {
  rmSync(place, { recursive: true })
  renameSync(by, place)
}

describe('an index that its folder remembers', () => {
  it('goes on as the same writer from one run to the next', async () => {
    const { run } = place()
    const writer = await run(change(1))
    assert.equal(await run(change(2)), writer)
    assert.equal(await run(), writer)
  })

  it('has a new writer once an earlier one is put back, also where the directory stays the one that it is', async () => {
    const { database, run } = place()
    const writer = await run(change(1))
    copy(database, `${database}.before`)
    assert.equal(await run(change(2)), writer)
    for (const name of readdirSync(database)) rmSync(path.join(database, name))
    copy(`${database}.before`, database)
    const next = await run()
    assert.notEqual(next, writer)
    assert.equal(await run(), next)
  })

  it('has a new writer where it is of a moment of the last run', async () => {
    const { database, run } = place()
    const writer = await run(change(1))
    await run(async (index) => {
      await change(2)(index)
      copy(database, `${database}.before`)
      await change(3)(index)
    })
    for (const name of readdirSync(database)) rmSync(path.join(database, name))
    copy(`${database}.before`, database)
    assert.notEqual(await run(), writer)
  })

  it('has a new writer where home and folder are both copies', async () => {
    const { home, folder, run } = place()
    const writer = await run(change(1))
    for (const one of [home, folder]) {
      copy(one, `${one}.copy`)
      replace(one, `${one}.copy`)
    }
    assert.notEqual(await run(), writer)
  })

  it('has a new writer where nothing is remembered of it, or what is remembered is damaged', async () => {
    const { folder, run } = place()
    const writer = await run(change(1))
    rmSync(path.join(folder, '.dfs', 'index'))
    const next = await run(change(2))
    assert.notEqual(next, writer)
    writeFileSync(path.join(folder, '.dfs', 'index'), 'damaged')
    assert.notEqual(await run(), next)
  })
})
