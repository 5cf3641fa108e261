import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BlockRef, BlockSource, BlockStore } from '../../../src/dfs.ts'
import { DfsError, kindOf } from '../../../src/errors.ts'
import { MemoryBlocks } from '../../../src/store/memory-blocks.ts'
import { buildHead } from '../../../src/sync/head-build.ts'
import { HeadNodes } from '../../../src/sync/head-store.ts'
import { entriesOf, fileEntry, KEYS } from './support.ts'

const entries = Array.from({ length: 1000 }, (_, index) => fileEntry(`file ${1000 + index}`, 1, index))

/** Another device's store, as the network gives it. */
function sourceOf(store: BlockStore): BlockSource & { lent: number } {
  const source = {
    lent: 0,
    fetch: (ref: BlockRef) => {
      source.lent++
      const handle = store.open(ref.cid)
      const block =
        handle === undefined
          ? Promise.reject(new DfsError('unreachable', 'nobody has it'))
          : Promise.resolve(handle.read(0, handle.bytes))
      return { block, prefer: () => {}, release: () => void source.lent-- }
    },
  }
  return source
}

test('nodes are blocks of the store, pinned until they are let go', async () => {
  const store = new MemoryBlocks()
  const nodes = new HeadNodes({ store, keys: KEYS })
  const root = await buildHead(entries, nodes)
  await nodes.sync()
  assert.deepEqual(await entriesOf(root, nodes), entries)
  assert.equal(store.delete(root.ref.cid), false)
  nodes[Symbol.dispose]()
  assert.equal(store.delete(root.ref.cid), true)
})

test('what is not here is fetched, kept and given back', async () => {
  const theirs = new MemoryBlocks()
  using made = new HeadNodes({ store: theirs, keys: KEYS })
  const root = await buildHead(entries, made)
  const store = new MemoryBlocks()
  const source = sourceOf(theirs)
  using nodes = new HeadNodes({ store, keys: KEYS, source })
  assert.deepEqual(await entriesOf(root, nodes), entries)
  assert.equal(source.lent, 0)
  using again = new HeadNodes({ store, keys: KEYS })
  assert.deepEqual(await entriesOf(root, again), entries)
})

test('a block that is damaged here is fetched again; without anybody to ask it is corrupt', async () => {
  const theirs = new MemoryBlocks()
  using made = new HeadNodes({ store: theirs, keys: KEYS })
  const root = await buildHead(entries, made)
  const store = new MemoryBlocks()
  await store.put(root.ref, Buffer.alloc(root.ref.sealedBytes))
  assert.throws(
    () => new HeadNodes({ store, keys: KEYS }).readNode(root.ref),
    (error) => kindOf(error) === 'corrupt',
  )
  using nodes = new HeadNodes({ store, keys: KEYS, source: sourceOf(theirs) })
  assert.deepEqual(await entriesOf(root, nodes), entries)
  assert.doesNotThrow(() => new HeadNodes({ store, keys: KEYS }).readNode(root.ref))
})

test('what a peer gives is authenticated: other bytes are corrupt, and are not kept', async () => {
  const theirs = new MemoryBlocks()
  using made = new HeadNodes({ store: theirs, keys: KEYS })
  const root = await buildHead(entries, made)
  const store = new MemoryBlocks()
  const lie: BlockSource = {
    fetch: ({ sealedBytes }) => ({
      block: Promise.resolve(Buffer.alloc(sealedBytes, 1)),
      prefer: () => {},
      release: () => {},
    }),
  }
  using nodes = new HeadNodes({ store, keys: KEYS, source: lie })
  await assert.rejects(entriesOf(root, nodes), (error) => kindOf(error) === 'corrupt')
  assert(!store.has(root.ref.cid))
})

test('a block that nobody has is unreachable', async () => {
  using made = new HeadNodes({ store: new MemoryBlocks(), keys: KEYS })
  const root = await buildHead(entries, made)
  const empty = new MemoryBlocks()
  const nodes = new HeadNodes({ store: empty, keys: KEYS })
  assert.throws(
    () => nodes.readNode(root.ref),
    (error) => kindOf(error) === 'unreachable',
  )
  const asking = new HeadNodes({ store: empty, keys: KEYS, source: sourceOf(empty) })
  await assert.rejects(entriesOf(root, asking), (error) => kindOf(error) === 'unreachable')
})
