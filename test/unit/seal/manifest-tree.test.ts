import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { BlockRef, Cid, Content } from '../../../src/dfs.ts'
import { chunkCount, chunkStart } from '../../../src/format/chunk-layout.ts'
import { cidOfDigest } from '../../../src/format/cid.ts'
import { decodeNode, encodeNode, NODE_ENTRIES_MAX } from '../../../src/format/manifest.ts'
import { ROOT_NODE_BYTES_MAX } from '../../../src/format/stub.ts'
import { contentHash, digestOf } from '../../../src/seal/hash.ts'
import { Keys } from '../../../src/seal/keys.ts'
import { ManifestTree, type NodeIo, type TreeBlock } from '../../../src/seal/manifest-tree.ts'

const keys = Keys.derive(Buffer.alloc(32, 1))
const EMPTY = ManifestTree.of({ kind: 'inline', bytes: Buffer.alloc(0) }, 0)
/** Chunks of a tree whose root has level 2. */
const CHUNKS_MAX = 3 * NODE_ENTRIES_MAX ** 2

type Model = Map<number, BlockRef>

/** A reference to a chunk that was never made. */
function refOf(seed: number, plainBytes = 100): BlockRef {
  const digest = digestOf(Buffer.from(`chunk ${seed}`))
  return { cid: cidOfDigest(digest), key: digest, hash: digest, plainBytes, sealedBytes: plainBytes + 60 }
}

/** Nodes in memory under their digests; counts what is read and sealed. */
class Nodes implements NodeIo {
  readonly plains = new Map<Cid, Buffer>()
  reads = 0
  seals = 0

  readNode({ cid }: BlockRef): Buffer {
    this.reads++
    const plain = this.plains.get(cid)
    assert(plain !== undefined, 'a node that was never sealed')
    return plain
  }

  async sealNode(plain: Buffer): Promise<BlockRef> {
    this.seals++
    const digest = digestOf(plain)
    const cid = cidOfDigest(digest)
    this.plains.set(cid, Buffer.from(plain))
    return {
      cid,
      key: digest,
      hash: contentHash(keys, plain),
      plainBytes: plain.length,
      sealedBytes: plain.length + 100,
    }
  }
}

function sizeOf(chunks: number): number {
  return chunks === 0 ? 0 : chunkStart(chunks - 1) + 1
}

function treeFrom(model: Model, chunks: number, nodes: Nodes): Promise<ManifestTree> {
  return EMPTY.update({ changes: model, keepChunks: 0, size: sizeOf(chunks) }, nodes)
}

async function chunksOf(tree: ManifestTree, nodes: Nodes): Promise<Model> {
  const model: Model = new Map()
  for await (const { ref, kind, index } of tree.blocks(nodes)) if (kind === 'data') model.set(index!, ref)
  return model
}

function range(count: number, seed = 0): Model {
  return new Map(Array.from({ length: count }, (_, i) => [i, refOf(seed + i)]))
}

interface Step {
  chunks: number
  keep: number
  changes: [number, number | undefined][]
}

/** Near the borders of nodes, where trees change their shape. */
const count = fc.oneof(
  fc.integer({ min: 0, max: 50 }),
  fc.constantFrom(
    1023,
    1024,
    1025,
    2048,
    2049,
    NODE_ENTRIES_MAX ** 2 - 1,
    NODE_ENTRIES_MAX ** 2,
    NODE_ENTRIES_MAX ** 2 + 1,
  ),
  fc.integer({ min: 0, max: CHUNKS_MAX }),
)
const steps = fc.array(
  fc.record<Step>({
    chunks: count,
    keep: fc.oneof(count, fc.constant(CHUNKS_MAX)),
    changes: fc.array(fc.tuple(count, fc.option(fc.integer({ min: 0, max: 1e6 }), { nil: undefined, freq: 3 })), {
      maxLength: 12,
    }),
  }),
  { minLength: 1, maxLength: 8 },
)

function applied(model: Model, { chunks, keep, changes }: Step): Model {
  const kept = [...model].filter(([index]) => index < keep)
  const all = new Map<number, BlockRef | undefined>(kept)
  for (const [index, seed] of changes) all.set(index, seed === undefined ? undefined : refOf(seed))
  return new Map([...all].filter((entry): entry is [number, BlockRef] => entry[1] !== undefined && entry[0] < chunks))
}

test('any history of writes, truncations and extensions equals a plain map', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      const nodes = new Nodes()
      let tree = EMPTY
      let model: Model = new Map()
      for (const step of history) {
        const changes = new Map(
          step.changes.map(([index, seed]) => [index, seed === undefined ? undefined : refOf(seed)]),
        )
        tree = await tree.update({ changes, keepChunks: step.keep, size: sizeOf(step.chunks) }, nodes)
        model = applied(model, step)
        assert.deepEqual(await chunksOf(tree, nodes), new Map([...model].sort(([a], [b]) => a - b)))
        for (const index of [...model.keys(), ...changes.keys(), 0, step.chunks]) {
          assert.deepEqual(await tree.get(index, nodes), model.get(index))
        }
        // Equal chunks, equal tree, whatever the history.
        assert.deepEqual(tree.content, (await treeFrom(model, step.chunks, new Nodes())).content)
      }
    }),
    { numRuns: 150 },
  )
})

test('a file without chunks is the empty inline content', async () => {
  const tree = await (await treeFrom(range(5), 5, new Nodes())).update(
    { changes: new Map(), keepChunks: 0, size: 0 },
    new Nodes(),
  )
  assert.deepEqual(tree.content, { kind: 'inline', bytes: Buffer.alloc(0) })
})

test('a file of holes is a root without entries and seals nothing, however large', async () => {
  const nodes = new Nodes()
  const tree = await treeFrom(new Map(), CHUNKS_MAX, nodes)
  assert.deepEqual(tree.content, { kind: 'root', node: encodeNode({ level: 2, entries: [] }) })
  assert.equal(nodes.seals, 0)
})

test('the root stays in the stub while it fits', async () => {
  const fitting = Math.floor((ROOT_NODE_BYTES_MAX - 4) / 104)
  assert.equal((await treeFrom(range(fitting), fitting, new Nodes())).content.kind, 'root')
  assert.equal((await treeFrom(range(fitting + 1), fitting + 1, new Nodes())).content.kind, 'ref')
})

test('get answers at once if nodes do, and in time if they do not', async () => {
  const nodes = new Nodes()
  const tree = await treeFrom(range(3000), 3000, nodes)
  assert.deepEqual(tree.get(2500, nodes), refOf(2500))
  const slow = { readNode: async (ref: BlockRef) => nodes.readNode(ref) }
  const answer = tree.get(2500, slow)
  assert.ok(answer instanceof Promise)
  assert.deepEqual(await answer, refOf(2500))
})

test('one changed chunk seals only the nodes above it and reads no others', async () => {
  const nodes = new Nodes()
  const tree = await treeFrom(range(100 * 1024), 100 * 1024, nodes)
  assert.deepEqual([nodes.seals, nodes.reads], [101, 0])
  nodes.seals = nodes.reads = 0
  await tree.update(
    { changes: new Map([[70_000, refOf(-1)]]), keepChunks: Number.MAX_SAFE_INTEGER, size: tree.size },
    nodes,
  )
  assert.deepEqual([nodes.seals, nodes.reads], [2, 2])
})

test('appending at a level-0 border seals the new leaf and the root alone', async () => {
  const nodes = new Nodes()
  const tree = await treeFrom(range(100 * 1024), 100 * 1024, nodes)
  nodes.seals = nodes.reads = 0
  const change = {
    changes: new Map([[100 * 1024, refOf(-1)]]),
    keepChunks: Number.MAX_SAFE_INTEGER,
    size: sizeOf(100 * 1024 + 1),
  }
  await tree.update(change, nodes)
  assert.deepEqual([nodes.seals, nodes.reads], [2, 1])
})

test('a file that is cut at a node border takes its leaves over unread', async () => {
  const nodes = new Nodes()
  const tree = await treeFrom(range(40 * 1024), 40 * 1024, nodes)
  assert.equal(tree.content.kind, 'ref')
  nodes.seals = nodes.reads = 0
  const cut = await tree.update({ changes: new Map(), keepChunks: 5 * 1024, size: sizeOf(5 * 1024) }, nodes)
  // Only the old root is read; the new one is small enough for the stub.
  assert.deepEqual([nodes.seals, nodes.reads], [0, 1])
  assert.equal(cut.content.kind, 'root')
  assert.equal((await chunksOf(cut, nodes)).size, 5 * 1024)
})

test('an update changes nothing of the tree it starts from', async () => {
  const nodes = new Nodes()
  const tree = await treeFrom(range(2000), 2000, nodes)
  const before = await chunksOf(tree, nodes)
  await tree.update({ changes: new Map([[5, refOf(-1)]]), keepChunks: 1500, size: sizeOf(1800) }, nodes)
  assert.deepEqual(await chunksOf(tree, nodes), before)
})

test('blocks come in the order of the file, a node before what it names', async () => {
  const nodes = new Nodes()
  const tree = await treeFrom(range(2000), 2000, nodes)
  const blocks: TreeBlock[] = []
  for await (const block of tree.blocks(nodes)) blocks.push(block)
  assert.deepEqual(
    blocks.flatMap(({ kind }, at) => (kind === 'node' ? [at] : [])),
    [0, 1024 + 1],
  )
  assert.deepEqual(
    blocks.flatMap(({ index }) => index ?? []),
    [...Array(2000).keys()],
  )
})

test('a node of the wrong level is corrupt, never followed', async () => {
  const level2: Content = { kind: 'root', node: encodeNode({ level: 2, entries: [] }) }
  assert.throws(() => ManifestTree.of(level2, sizeOf(10)), { kind: 'corrupt' })
  const nodes = new Nodes()
  const tree = await treeFrom(range(3000), 3000, nodes)
  assert(tree.content.kind === 'root')
  const child = decodeNode(tree.content.node).entry(0)!
  nodes.plains.set(child.cid, encodeNode({ level: 1, entries: [child] }))
  assert.throws(() => tree.get(0, nodes), { kind: 'corrupt' })
  await assert.rejects(chunksOf(tree, nodes), { kind: 'corrupt' })
  await assert.rejects(tree.update({ changes: new Map([[0, refOf(-1)]]), keepChunks: 3000, size: tree.size }, nodes), {
    kind: 'corrupt',
  })
})

test('the number of chunks follows from the size', () => {
  for (const chunks of [1, 128, 129, 608, 609, CHUNKS_MAX]) assert.equal(chunkCount(sizeOf(chunks)), chunks)
})
