import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemorySyncStore } from '../../../src/sync/memory-sync-store.ts'
import { SyncIndex } from '../../../src/sync/sync-index.ts'
import { entryOf, idOf } from '../../conformance/sync-store.ts'

const beginning = (number: number) => ({ indexId: idOf(number), newWriter: idOf(100 + number) })

describe('the index of a synced folder', () => {
  it('has another id in each run, goes on counting, and remembers what it was', async () => {
    const store = new MemorySyncStore()
    const first = await SyncIndex.open(store, beginning(1))
    await first.change((change) => change.put(entryOf(1, 'a')))
    const second = await SyncIndex.open(store, beginning(2))
    assert.deepEqual(second.own, { indexId: idOf(2), sequence: 1 })
    assert.equal(second.writer, first.writer)
    assert(second.hasBeen({ indexId: idOf(1), sequence: 1 }) && second.hasBeen(second.own))
    assert(!second.hasBeen({ indexId: idOf(1), sequence: 2 }) && !second.hasBeen({ indexId: idOf(3), sequence: 0 }))
  })

  it('never counts a change twice, and not on where it may have been set back', async () => {
    const store = new MemorySyncStore()
    const dots: unknown[] = []
    for (const [number, isSetBack] of [false, false, true].entries()) {
      const index = await SyncIndex.open(store, {
        ...beginning(number),
        witness: { confirms: () => !isSetBack, note: () => undefined },
      })
      await index.change(async (change) => {
        dots.push(change.stamp().dot, change.stamp().dot)
        await change.put(entryOf(number, 'a'))
      })
    }
    const [first, second] = [idOf(100), idOf(102)]
    const counted = [1, 2, 3, 4].map((counter) => ({ writer: first, counter }))
    assert.deepEqual(dots, [...counted, { writer: second, counter: 1 }, { writer: second, counter: 2 }])
  })

  it('begins anew in the middle of a run if another device knows more of it', async () => {
    const store = new MemorySyncStore()
    const index = await SyncIndex.open(store, beginning(1))
    await index.change((change) => change.put(entryOf(1, 'a')))
    const lost = { indexId: idOf(1), sequence: 7 }
    await index.beginAnew(lost, beginning(2))
    assert.deepEqual([index.own, index.writer], [{ indexId: idOf(2), sequence: 1 }, idOf(102)])
    assert(index.hasLost(lost) && !index.hasBeen({ indexId: idOf(1), sequence: 1 }))
    const again = await SyncIndex.open(store, beginning(3))
    assert(again.hasLost(lost) && again.hasBeen({ indexId: idOf(2), sequence: 1 }))
  })

  it('is as it was if a change fails', async () => {
    const index = await SyncIndex.open(new MemorySyncStore(), beginning(1))
    const failing = index.change(async (change) => {
      await change.put(entryOf(1, 'a'))
      throw new Error('in the middle')
    })
    await assert.rejects(failing, /in the middle/)
    assert.equal(await index.get(idOf(1)), undefined)
    assert.equal(index.own.sequence, 0)
  })

  it('writes nothing for entries that it has', async () => {
    const index = await SyncIndex.open(new MemorySyncStore(), beginning(1))
    await index.take('bob', [entryOf(1, 'a'), entryOf(2, 'b')], undefined)
    const cursor = { indexId: idOf(9), sequence: 4 }
    await index.take('bob', [entryOf(2, 'b')], cursor)
    assert.equal(index.own.sequence, 2)
    assert.deepEqual(await index.readCursor('bob'), cursor)
  })
})
