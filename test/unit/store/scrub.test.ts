import assert from 'node:assert/strict'
import { copyFileSync, renameSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import type { Cid } from '../../../src/dfs.ts'
import { BlockFiles, type BlockFilesOptions } from '../../../src/store/block-files.ts'
import { placeOf } from '../../../src/store/block-paths.ts'
import { realFiles } from '../../../src/store/files.ts'
import { findFileDamage, type ScrubbedBlock, scrub } from '../../../src/store/scrub.ts'
import { testBlock } from '../../conformance/block-store.ts'
import { diskError, temporaryDirectory } from './temporary-directory.ts'

const BLOCKS = [1, 2, 3, 4].map((seed) => testBlock(seed, seed * 1000))
const CIDS = BLOCKS.map(({ ref }) => ref.cid)

const referenceTo = (block: number, file: string) => ({ ...BLOCKS[block]!.ref, file, fileId: Buffer.alloc(16) })

async function storeWithBlocks(options?: BlockFilesOptions) {
  const dir = temporaryDirectory()
  const store = await BlockFiles.open(dir, options)
  for (const { ref, bytes } of BLOCKS) await store.put(ref, bytes)
  return { store, fileOf: (cid: Cid) => path.join(dir, placeOf(cid)), dir }
}

async function statesOf(store: BlockFiles): Promise<Map<Cid, ScrubbedBlock['state']>> {
  const states = new Map<Cid, ScrubbedBlock['state']>()
  for await (const { cid, state } of scrub(store)) states.set(cid, state)
  return states
}

describe('scrub', () => {
  it('finds whole blocks ok', async () => {
    const { store } = await storeWithBlocks()
    assert.deepEqual(await statesOf(store), new Map(CIDS.map((cid) => [cid, 'ok'])))
  })

  const damages: Record<string, (file: string, bytes: Buffer) => void> = {
    'a flipped bit': (file, bytes) => {
      const flipped = Buffer.from(bytes)
      flipped[999]! ^= 4
      writeFileSync(file, flipped)
    },
    'a cut end': (file, bytes) => truncateSync(file, bytes.length - 1),
    'no bytes': (file) => truncateSync(file, 0),
    'bytes added': (file, bytes) => writeFileSync(file, Buffer.concat([bytes, Buffer.alloc(1)])),
    'more bytes than a block can have': (file) => truncateSync(file, 1e12),
  }
  for (const [what, damage] of Object.entries(damages)) {
    it(`finds a block with ${what} damaged, and no other`, async () => {
      const { store, fileOf } = await storeWithBlocks()
      damage(fileOf(CIDS[0]!), BLOCKS[0]!.bytes)
      const states = await statesOf(store)
      assert.deepEqual(
        CIDS.map((cid) => states.get(cid)),
        ['damaged', 'ok', 'ok', 'ok'],
      )
    })
  }

  it('finds a block that cannot be read damaged', async () => {
    const { store } = await storeWithBlocks({
      files: {
        ...realFiles,
        readFile: (file) => (file.endsWith(CIDS[2]!) ? Promise.reject(diskError('EIO')) : realFiles.readFile(file)),
      },
    })
    assert.equal((await statesOf(store)).get(CIDS[2]!), 'damaged')
  })

  it('finds a block in another directory misplaced', async () => {
    const { store, fileOf, dir } = await storeWithBlocks()
    const elsewhere = placeOf(CIDS[1]!).startsWith('00') ? '01' : '00'
    renameSync(fileOf(CIDS[1]!), path.join(dir, elsewhere, CIDS[1]!))
    assert.equal((await statesOf(store)).get(CIDS[1]!), 'misplaced')
  })

  it('passes over foreign files', async () => {
    const { store, fileOf, dir } = await storeWithBlocks()
    copyFileSync(fileOf(CIDS[0]!), path.join(dir, '00', 'backup of a block'))
    assert.equal((await statesOf(store)).size, 4)
  })

  it('stops when it is told to', async () => {
    const { store } = await storeWithBlocks()
    const found = scrub(store, { signal: AbortSignal.abort() }).next()
    await assert.rejects(found, { kind: 'aborted' })
  })

  it('finds a block missing whose descriptor is still open', async () => {
    const { store, fileOf } = await storeWithBlocks()
    store.open(CIDS[0]!)!.close()
    unlinkSync(fileOf(CIDS[0]!))
    const found = []
    const references = [referenceTo(0, 'a.txt')]
    for await (const damage of findFileDamage(store, new Set(), references)) found.push(damage)
    assert.deepEqual(found, [{ ...referenceTo(0, 'a.txt'), state: 'missing' }])
  })

  it('names the files that missing and damaged blocks hit', async () => {
    const { store, fileOf } = await storeWithBlocks()
    unlinkSync(fileOf(CIDS[0]!))
    const references = [
      referenceTo(0, 'a.txt'),
      referenceTo(1, 'a.txt'),
      referenceTo(1, 'b.txt'),
      referenceTo(2, 'c.txt'),
    ]
    const found = []
    for await (const damage of findFileDamage(store, new Set([CIDS[1]!]), references)) found.push(damage)
    assert.deepEqual(found, [
      { ...referenceTo(0, 'a.txt'), state: 'missing' },
      { ...referenceTo(1, 'a.txt'), state: 'damaged' },
      { ...referenceTo(1, 'b.txt'), state: 'damaged' },
    ])
  })
})
