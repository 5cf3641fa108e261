/**
 * What every block store promises. A test file calls `describeBlockStore` with a factory of empty stores.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BlockRef, Cid } from '../../src/dfs.ts'
import { cidOfDigest } from '../../src/format/cid.ts'
import { digestOf } from '../../src/seal/hash.ts'
import type { SweepableStore } from '../../src/store/pins.ts'

export interface TestedStore extends SweepableStore {
  delete(cid: Cid): boolean
  usage(): Promise<{ blocks: number; bytes: number }>
}

export interface TestBlock {
  readonly ref: BlockRef
  readonly bytes: Buffer
}

/** A block whose bytes follow from `seed`; its key and hash mean nothing to a store. */
export function testBlock(seed: number, length = 100): TestBlock {
  const bytes = Buffer.from(
    Uint32Array.from({ length: Math.ceil(length / 4) }, (_, at) => seed * 65_537 + at).buffer,
    0,
    length,
  )
  const cid = cidOfDigest(digestOf(bytes))
  return { ref: { cid, key: Buffer.alloc(32), hash: Buffer.alloc(32), plainBytes: length, sealedBytes: length }, bytes }
}

/** Puts the block and unpins it at once. */
export async function putUnpinned(store: TestedStore, { ref, bytes }: TestBlock): Promise<void> {
  await store.put(ref, bytes)
  store.unpin(ref.cid)
}

async function listed(store: TestedStore): Promise<Map<Cid, number>> {
  const found = new Map<Cid, number>()
  for await (const { cid, bytes } of store.list()) found.set(cid, bytes)
  return found
}

export function describeBlockStore(name: string, makeStore: () => Promise<TestedStore>): void {
  describe(`${name} as a block store`, () => {
    it('gives back what was put', async () => {
      const store = await makeStore()
      for (const length of [1, 100, 70_000, 1_048_576]) {
        const { ref, bytes } = testBlock(length, length)
        await store.put(ref, bytes)
        const handle = store.open(ref.cid)!
        assert.equal(handle.bytes, length)
        assert.deepEqual(handle.read(0, length), bytes)
        handle.close()
      }
    })

    it('keeps what is distrusted until the block is put again', async () => {
      const store = await makeStore()
      const block = testBlock(4)
      // Its bytes are not those that it is named by.
      await putUnpinned(store, { ref: block.ref, bytes: testBlock(5).bytes })
      await putUnpinned(store, block)
      assert.deepEqual(store.open(block.ref.cid)!.read(0, 100), testBlock(5).bytes, 'it is taken for kept')
      store.distrust(block.ref.cid)
      assert.deepEqual(store.open(block.ref.cid)!.read(0, 100), testBlock(5).bytes)
      await putUnpinned(store, block)
      assert.deepEqual(store.open(block.ref.cid)!.read(0, 100), block.bytes)
    })

    it('does not have what was never put', async () => {
      const store = await makeStore()
      const { ref } = testBlock(1)
      assert.equal(store.has(ref.cid), false)
      assert.equal(store.open(ref.cid), undefined)
      assert.equal(store.delete(ref.cid), false)
    })

    it('keeps its own copy of the bytes', async () => {
      const store = await makeStore()
      const { ref, bytes } = testBlock(2)
      const mine = Buffer.from(bytes)
      await store.put(ref, mine)
      mine.fill(0)
      assert.deepEqual(store.open(ref.cid)!.read(0, 100), bytes)
    })

    it('reads a range, cut at the end of the block', async () => {
      const store = await makeStore()
      const { ref, bytes } = testBlock(3)
      await store.put(ref, bytes)
      using stack = new DisposableStack()
      const handle = stack.adopt(store.open(ref.cid)!, (opened) => opened.close())
      assert.deepEqual(handle.read(10, 20), bytes.subarray(10, 30))
      assert.deepEqual(handle.read(90, 20), bytes.subarray(90))
      assert.equal(handle.read(100, 20).length, 0)
      assert.equal(handle.read(200, 20).length, 0)
    })

    it('keeps one block for puts of one CID, at once or one after the other', async () => {
      const store = await makeStore()
      const { ref, bytes } = testBlock(4, 50_000)
      await Promise.all([store.put(ref, bytes), store.put(ref, bytes), store.put(ref, bytes)])
      await store.put(ref, bytes)
      assert.deepEqual(await store.usage(), { blocks: 1, bytes: 50_000 })
    })

    it('lists and counts its blocks', async () => {
      const store = await makeStore()
      const blocks = [1, 2, 3].map((seed) => testBlock(seed, seed * 1000))
      for (const block of blocks) await store.put(block.ref, block.bytes)
      assert.deepEqual(await listed(store), new Map(blocks.map(({ ref }) => [ref.cid, ref.sealedBytes])))
      assert.deepEqual(await store.usage(), { blocks: 3, bytes: 6000 })
    })

    it('pins by counting: a block put twice is deleted only after two unpins', async () => {
      const store = await makeStore()
      const { ref, bytes } = testBlock(5)
      await store.put(ref, bytes)
      await store.put(ref, bytes)
      store.unpin(ref.cid)
      assert.equal(store.delete(ref.cid), false)
      assert.ok(store.has(ref.cid))
      store.unpin(ref.cid)
      assert.equal(store.delete(ref.cid), true)
      assert.equal(store.has(ref.cid), false)
      assert.equal(store.open(ref.cid), undefined)
    })

    it('does not unpin what is not pinned', async () => {
      const store = await makeStore()
      assert.throws(() => store.unpin(testBlock(6).ref.cid), { name: 'AssertionError' })
    })

    it('lets an open handle read a block that is deleted meanwhile', async () => {
      const store = await makeStore()
      const block = testBlock(7)
      await putUnpinned(store, block)
      const handle = store.open(block.ref.cid)!
      assert.equal(store.delete(block.ref.cid), true)
      assert.deepEqual(handle.read(0, 100), block.bytes)
      handle.close()
    })

    it('takes a block again after it was deleted', async () => {
      const store = await makeStore()
      const block = testBlock(8)
      await putUnpinned(store, block)
      store.delete(block.ref.cid)
      await store.put(block.ref, block.bytes)
      assert.deepEqual(store.open(block.ref.cid)!.read(0, 100), block.bytes)
    })

    it('syncs what is here, and says when a block to sync is not', async () => {
      const store = await makeStore()
      const blocks = Array.from({ length: 40 }, (_, seed) => testBlock(seed))
      for (const { ref, bytes } of blocks) await store.put(ref, bytes)
      await store.sync([blocks[0]!.ref.cid])
      await store.sync(blocks.map(({ ref }) => ref.cid))
      await store.sync()
      await assert.rejects(store.sync([testBlock(999).ref.cid]), { kind: 'io' })
    })

    it('refuses a sweep what is pinned', async () => {
      const store = await makeStore()
      const { ref, bytes } = testBlock(9)
      await store.put(ref, bytes)
      using sweep = store.beginSweep()
      assert.equal(sweep.protects(ref.cid), true)
      assert.equal(sweep.delete(ref.cid), undefined)
      assert.ok(store.has(ref.cid))
    })

    it('lets a sweep delete what nobody touched since it began', async () => {
      const store = await makeStore()
      const block = testBlock(10)
      await putUnpinned(store, block)
      using sweep = store.beginSweep()
      assert.equal(sweep.delete(block.ref.cid), 100)
      assert.equal(sweep.delete(block.ref.cid), undefined)
      assert.equal(store.has(block.ref.cid), false)
    })

    const touches: Record<string, (store: TestedStore, block: TestBlock) => void | Promise<void>> = {
      'put again': (store, block) => putUnpinned(store, block),
      'pinned and unpinned': (store, { ref }) => {
        store.pin(ref.cid)
        store.unpin(ref.cid)
      },
    }
    for (const [what, touch] of Object.entries(touches)) {
      it(`refuses a sweep what was ${what} since it began`, async () => {
        const store = await makeStore()
        const block = testBlock(11)
        await putUnpinned(store, block)
        using sweep = store.beginSweep()
        await touch(store, block)
        assert.equal(sweep.delete(block.ref.cid), undefined)
        assert.ok(store.has(block.ref.cid))
      })
    }

    it('refuses a sweep what was pinned before it began and unpinned since', async () => {
      const store = await makeStore()
      const { ref, bytes } = testBlock(12)
      await store.put(ref, bytes)
      using sweep = store.beginSweep()
      store.unpin(ref.cid)
      assert.equal(sweep.delete(ref.cid), undefined)
    })

    it('refuses a sweep a block whose put has only begun', async () => {
      const store = await makeStore()
      const block = testBlock(13, 500_000)
      await putUnpinned(store, block)
      using sweep = store.beginSweep()
      const putting = store.put(block.ref, block.bytes)
      assert.equal(sweep.delete(block.ref.cid), undefined)
      await putting
      assert.ok(store.has(block.ref.cid))
    })
  })
}
