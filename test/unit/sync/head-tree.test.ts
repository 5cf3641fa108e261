import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { BlockRef } from '../../../src/dfs.ts'
import { kindOf } from '../../../src/errors.ts'
import type { HeadEntry } from '../../../src/format/head-entry.ts'
import {
  decodeHeadNode,
  encodeBranchItem,
  encodeHeadNode,
  encodeLeafItem,
  HEAD_NODE_BYTES_MAX,
} from '../../../src/format/head-node.ts'
import { comparePaths } from '../../../src/format/head-path.ts'
import { blocksOnlyIn, headBlocks } from '../../../src/sync/head-blocks.ts'
import { buildHead, type HeadChange, updateHead } from '../../../src/sync/head-build.ts'
import type { HeadRoot } from '../../../src/sync/head-nodes.ts'
import { findEntry, readHead } from '../../../src/sync/head-read.ts'
import { Random } from '../../support/random.ts'
import { entriesOf, fileEntry, MemoryNodes } from './support.ts'

/** With paths so long, enough for three levels. */
const MANY = 4000
const DIRECTORY = `${'d'.repeat(200)}/`.repeat(5)

function manyEntries(count: number): HeadEntry[] {
  return Array.from({ length: count }, (_, index) =>
    fileEntry(`${DIRECTORY}${String(index).padStart(7, '0')}`, 1, index),
  )
}

async function cidsOf(refs: AsyncIterable<BlockRef>): Promise<string[]> {
  const cids: string[] = []
  for await (const { cid } of refs) cids.push(cid)
  return cids.sort()
}

/** What is left of the entries after the changes. */
function applied(entries: readonly HeadEntry[], changes: readonly HeadChange[]): HeadEntry[] {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]))
  for (const { path, entry } of changes) {
    if (entry === undefined) byPath.delete(path)
    else byPath.set(path, entry)
  }
  return [...byPath.values()].sort((a, b) => comparePaths(a.path, b.path))
}

test('a tree gives back its entries, also none and one', async () => {
  const nodes = new MemoryNodes()
  for (const count of [0, 1, 2, 5000]) {
    const entries = manyEntries(count)
    const root = await buildHead(entries, nodes)
    assert.equal(root.entries, count)
    assert.deepEqual(await entriesOf(root, nodes), entries)
  }
})

test('equal entries make an equal tree, and no node is longer than a frame', async () => {
  const nodes = new MemoryNodes()
  const root = await buildHead(manyEntries(MANY), nodes)
  const made = nodes.made
  assert.equal(decodeHeadNode(nodes.readNode(root.ref)).level, 2)
  assert(made.every(({ plainBytes }) => plainBytes <= HEAD_NODE_BYTES_MAX))
  nodes.forget()
  assert.deepEqual(await buildHead(manyEntries(MANY), nodes), root)
  assert.equal(nodes.made.length, 0)
  assert.deepEqual(await cidsOf(headBlocks(root, nodes)), made.map(({ cid }) => cid).sort())
})

test('a change seals and reads a few nodes, whatever the size of the tree', async () => {
  const nodes = new MemoryNodes()
  const entries = manyEntries(MANY)
  const root = await buildHead(entries, nodes)
  for (const at of [0, 1, MANY / 2, MANY - 1]) {
    const { path } = entries[at]!
    for (const change of [
      { path, entry: fileEntry(path, 2) },
      { path, entry: undefined },
      { path: `${path}+`, entry: fileEntry(`${path}+`) },
    ]) {
      nodes.forget()
      const changed = await updateHead(root, [change], nodes)
      assert(nodes.made.length <= 12, `${nodes.made.length} nodes`)
      assert(nodes.reads <= 20, `${nodes.reads} reads`)
      assert.deepEqual(await buildHead(applied(entries, [change]), nodes), changed)
    }
  }
})

test('no change gives the same tree, without reading it', async () => {
  const nodes = new MemoryNodes()
  const root = await buildHead(manyEntries(100), nodes)
  nodes.forget()
  assert.equal(await updateHead(root, [], nodes), root)
  assert.deepEqual(await updateHead(root, [{ path: 'not there', entry: undefined }], nodes), root)
  assert.equal(nodes.made.length, 0)
})

test('any changes, one after the other, give the tree that is made of what is left', async () => {
  const anyPath = fc.array(fc.constantFrom('a', 'b', 'a.txt', 'c\n', '\xff\xfe', '~', ' '), {
    minLength: 1,
    maxLength: 6,
  })
  const anySize = fc.constantFrom(1, 20, 150)
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.array(anyPath, { maxLength: 30 }), anySize, async (seed, paths, spread) => {
      const random = new Random(seed)
      const nodes = new MemoryNodes()
      let entries = manyEntries(random.below(spread * 10))
      let root = await buildHead(entries, nodes)
      for (let round = 0; round < 4; round++) {
        const chosen = [
          ...paths.filter(() => random.oneIn(2)).map((names) => names.join('/')),
          ...entries.filter(() => random.oneIn(spread)).map(({ path }) => path),
        ]
        const changes = [...new Set(chosen)].sort(comparePaths).map((path) => ({
          path,
          entry: random.oneIn(3) ? undefined : fileEntry(path, round + 2),
        }))
        const before = root
        entries = applied(entries, changes)
        root = await updateHead(root, changes, nodes)
        assert.deepEqual(root, await buildHead(entries, nodes))
        assert.deepEqual(await entriesOf(root, nodes), entries)
        const own = await cidsOf(headBlocks(root, nodes))
        const others = new Set(await cidsOf(headBlocks(before, nodes)))
        const only = own.filter((cid) => !others.has(cid))
        assert.deepEqual(await cidsOf(blocksOnlyIn(root, before, nodes)), only)
      }
    }),
    { numRuns: 15 },
  )
})

test('an entry is found by its path, and what is not there is not', async () => {
  const nodes = new MemoryNodes()
  const entries = manyEntries(MANY)
  const root = await buildHead(entries, nodes)
  for (const at of [0, 7, 1234, MANY - 1]) {
    assert.deepEqual(await findEntry(root, entries[at]!.path, nodes), entries[at])
    assert.equal(await findEntry(root, `${entries[at]!.path}x`, nodes), undefined)
  }
  assert.equal(await findEntry(root, '', nodes), undefined)
})

test('paths that do not ascend are refused', async () => {
  const twice = [fileEntry('a'), fileEntry('a')]
  await assert.rejects(buildHead(twice, new MemoryNodes()), (error) => kindOf(error) === 'invalid')
})

test('a leaf that cannot be had fails the walk, and a walk that is left ends', async () => {
  const nodes = new MemoryNodes()
  const root = await buildHead(manyEntries(3000), nodes)
  for await (const _ of readHead(root, nodes)) break
  nodes.blocks.delete(nodes.made[5]!.cid)
  await assert.rejects(entriesOf(root, nodes), (error) => kindOf(error) === 'unreachable')
})

test('nodes that are authentic and do not fit are refused: a walk ends whatever an owner wrote', async () => {
  const nodes = new MemoryNodes()
  const leaf = async (...paths: string[]) =>
    nodes.sealNode(
      encodeHeadNode(
        0,
        paths.map((path) => encodeLeafItem(fileEntry(path))),
      ),
    )
  const branch = (level: number, ...items: { path: string; entries: number; ref: BlockRef }[]) =>
    nodes.sealNode(encodeHeadNode(level, items.map(encodeBranchItem)))
  const [ab, cd] = [await leaf('a', 'b'), await leaf('c', 'd')]
  const wrong: Record<string, HeadRoot> = {
    'another level': { ref: await branch(2, { path: 'a', entries: 2, ref: ab }), entries: 2 },
    'another first path': { ref: await branch(1, { path: 'Z', entries: 2, ref: ab }), entries: 2 },
    'the same node twice': {
      ref: await branch(1, { path: 'a', entries: 2, ref: ab }, { path: 'b', entries: 2, ref: ab }),
      entries: 4,
    },
    'paths past the next node': {
      ref: await branch(1, { path: 'a', entries: 2, ref: ab }, { path: 'aa', entries: 2, ref: cd }),
      entries: 4,
    },
    'another count': { ref: await branch(1, { path: 'a', entries: 3, ref: ab }), entries: 3 },
    'another count in all': { ref: ab, entries: 3 },
    'an empty node that is no root': {
      ref: await branch(1, { path: 'a', entries: 1, ref: await leaf() }),
      entries: 1,
    },
    'no node of a head': { ref: await nodes.sealNode(Buffer.from([1, 0, 0, 0])), entries: 1 },
  }
  for (const [what, root] of Object.entries(wrong)) {
    await assert.rejects(entriesOf(root, nodes), (error) => kindOf(error) === 'corrupt', what)
  }
})
