/** In which order blocks were used, as the store tells it. */
import assert from 'node:assert/strict'
import { statSync, utimesSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import type { Cid } from '../../../src/dfs.ts'
import { BlockFiles } from '../../../src/store/block-files.ts'
import { placeOf } from '../../../src/store/block-paths.ts'
import { realFiles } from '../../../src/store/files.ts'
import { putUnpinned, testBlock } from '../../conformance/block-store.ts'
import { diskError, temporaryDirectory } from './temporary-directory.ts'

const HOUR_MS = 3_600_000

async function storeWith(count: number, options: Parameters<typeof BlockFiles.open>[1] = {}) {
  const dir = temporaryDirectory()
  const store = await BlockFiles.open(dir, options)
  const blocks = Array.from({ length: count }, (_, seed) => testBlock(seed))
  for (const block of blocks) await putUnpinned(store, block)
  const fileOf = (cid: Cid) => path.join(dir, placeOf(cid))
  const age = (cid: Cid, ageMs: number) => {
    const seconds = (Date.now() - ageMs) / 1000
    utimesSync(fileOf(cid), seconds, seconds)
  }
  return { store, cids: blocks.map(({ ref }) => ref.cid), fileOf, age }
}

async function byUse(store: BlockFiles): Promise<Cid[]> {
  const found: { cid: Cid; usedMs: number }[] = []
  for await (const block of store.list()) found.push(block)
  return found.toSorted((one, other) => one.usedMs - other.usedMs).map(({ cid }) => cid)
}

describe('the use of blocks', () => {
  it('moves a block to the end of the order', async () => {
    const { store, cids, age } = await storeWith(3)
    const [first, second, third] = cids as [Cid, Cid, Cid]
    await using _ = store
    for (const [index, cid] of cids.entries()) age(cid, (5 - index) * HOUR_MS)
    assert.deepEqual(await byUse(store), [first, second, third])
    store.open(first)!.close()
    assert.deepEqual(await byUse(store), [second, third, first])
  })

  it('is written down once an hour, so that reading costs no more', async () => {
    let touched = 0
    const touchSync: typeof realFiles.touchSync = (...args) => {
      touched++
      realFiles.touchSync(...args)
    }
    const { store, cids, age } = await storeWith(2, { files: { ...realFiles, touchSync }, openFilesMax: 1 })
    await using _ = store
    for (const cid of [...cids, ...cids]) store.open(cid)!.close()
    assert.equal(touched, 0, 'they came just now')
    for (const cid of cids) age(cid, 2 * HOUR_MS)
    for (const cid of [...cids, ...cids]) store.open(cid)!.close()
    assert.equal(touched, 2)
  })

  it('of a block whose time is ahead, by a clock that went wrong, counts from now on', async () => {
    const { store, cids, fileOf, age } = await storeWith(1)
    await using _ = store
    age(cids[0]!, -1000 * HOUR_MS)
    store.open(cids[0]!)!.close()
    assert.ok(statSync(fileOf(cids[0]!)).mtimeMs < Date.now() + HOUR_MS)
  })

  it('that cannot be written down keeps nobody from reading', async () => {
    const touchSync = () => {
      throw diskError('EPERM')
    }
    const { store, cids, age } = await storeWith(1, { files: { ...realFiles, touchSync } })
    await using _ = store
    age(cids[0]!, 2 * HOUR_MS)
    assert.equal(store.open(cids[0]!)!.bytes, 100)
  })
})
