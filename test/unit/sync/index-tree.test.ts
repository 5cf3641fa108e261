import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Slices } from '../../../src/concurrency/slices.ts'
import { encodeSyncEntry, type SyncEntry } from '../../../src/format/sync-entry.ts'
import { withoutLife, withPlaces } from '../../../src/sync/entry-change.ts'
import { IndexTree, readIndexTree } from '../../../src/sync/index-tree.ts'
import { MemorySyncStore } from '../../../src/sync/memory-sync-store.ts'
import { SyncIndex } from '../../../src/sync/sync-index.ts'
import { entryOf, idOf } from '../../conformance/sync-store.ts'
import { Random } from '../../support/random.ts'
import { MemoryNodes } from './support.ts'

const MANY = 5_000
const { signal } = new AbortController()

async function indexOf(files: number): Promise<SyncIndex> {
  const index = await SyncIndex.open(new MemorySyncStore(), { indexId: idOf(1), newWriter: idOf(2) })
  const entries = Array.from({ length: files }, (_, at) => entryOf(at + 1, `file ${at}`))
  await index.take('other', entries, undefined)
  return index
}

async function entriesIn(tree: IndexTree, nodes: MemoryNodes): Promise<string[]> {
  const entries: SyncEntry[] = []
  for await (const entry of readIndexTree(tree.root!, nodes)) entries.push(entry)
  return entries.map((entry) => encodeSyncEntry(entry).toString('hex'))
}

async function entriesOf(index: SyncIndex): Promise<string[]> {
  const { entries } = await index.readChanges(0, { entries: 10_000, bytes: 100_000_000 })
  return entries.map((entry) => entry.toString('hex'))
}

describe('the tree of an index', () => {
  it('says what the index says, also of what was deleted, and follows it at the cost of what changes', async () => {
    const [index, nodes] = [await indexOf(MANY), new MemoryNodes()]
    using tree = new IndexTree(index, () => undefined)
    const update = () => tree.update({ nodes, slices: new Slices(), signal })
    await update()
    assert.deepEqual(await entriesIn(tree, nodes), await entriesOf(index))

    nodes.forget()
    await index.change(async (change) => {
      await change.put(withoutLife((await change.get(idOf(2_000)))!, change.stamp()))
    })
    assert(tree.isDirty)
    await update()
    assert(!tree.isDirty && nodes.made.length <= 4, `${nodes.made.length} nodes`)
    assert.deepEqual(await entriesIn(tree, nodes), await entriesOf(index))

    // A directory's worth that was made together stands together.
    nodes.forget()
    await index.change(async (change) => {
      for (let at = 1_000; at < 1_100; at++) {
        const entry = (await change.get(idOf(at)))!
        await change.put(withPlaces(entry, [{ parent: idOf(7), name: `moved ${at}` }], change.stamp()))
      }
    })
    await update()
    assert(nodes.made.length <= 8, `${nodes.made.length} nodes`)
    assert.deepEqual(await entriesIn(tree, nodes), await entriesOf(index))
  })

  it('is the one of a new index of the same, whatever changed in between, one change while it is made', async () => {
    const [index, nodes, random] = [await indexOf(300), new MemoryNodes(), new Random(5)]
    using tree = new IndexTree(index, () => undefined)
    const changeOne = () =>
      index.change(async (change) => {
        const entry = (await change.get(idOf(1 + random.below(300))))!
        await change.put(withPlaces(entry, [{ parent: idOf(random.below(9) + 1), name: 'x' }], change.stamp()))
      })
    for (let round = 0; round < 30; round++) {
      const updating = tree.update({ nodes, slices: new Slices(), signal })
      for (let count = random.below(5); count > 0; count--) await changeOne()
      await updating
    }
    while (tree.isDirty) await tree.update({ nodes, slices: new Slices(), signal })
    using whole = new IndexTree(index, () => undefined)
    await whole.update({ nodes, slices: new Slices(), signal })
    assert.equal(tree.root?.ref.cid, whole.root?.ref.cid)
    assert.equal(tree.root?.entries, 300)
  })

  it('is made whole again after an update that failed', async () => {
    const [index, nodes] = [await indexOf(10), new MemoryNodes()]
    using tree = new IndexTree(index, () => undefined)
    await tree.update({ nodes, slices: new Slices(), signal })
    await index.take('other', [entryOf(11, 'eleven')], undefined)
    const aborted = AbortSignal.abort(new Error('not now'))
    await assert.rejects(tree.update({ nodes, slices: new Slices(), signal: aborted }), /not now/)
    assert(tree.isDirty)
    await tree.update({ nodes, slices: new Slices(), signal })
    assert.deepEqual(await entriesIn(tree, nodes), await entriesOf(index))
  })
})
