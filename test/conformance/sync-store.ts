/**
 * What every store of the index of a synced folder promises. A test file calls `describeSyncStore` with a factory of empty ones.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeSyncEntry, type ObjectId, ROOT_ID, type SyncEntry } from '../../src/format/sync-entry.ts'
import type { IndexBatch, IndexState, ReadLimits } from '../../src/format/sync-record.ts'
import { createEntry, type Stamp, withAttributes, withoutLife, withPlaces } from '../../src/sync/entry-change.ts'
import type { SyncStore } from '../../src/sync/sync-store.ts'

const WRITER = '0a'.repeat(16)
const INDEX_ID = '0b'.repeat(16)
const ATTRIBUTES = { mode: 0o644, uid: 1, gid: 2, xattrs: [] }
const NO_LIMITS: ReadLimits = { entries: 1000, bytes: 1_000_000 }

export const idOf = (number: number): ObjectId => `d${number.toString(16).padStart(31, '0')}`
export const stampOf = (counter: number): Stamp => ({ dot: { writer: WRITER, counter }, nowMs: counter })

/** A file that holds its name, or a directory. */
export function entryOf(
  number: number,
  name: string,
  parent = ROOT_ID,
  kind: 'file' | 'directory' = 'file',
): SyncEntry {
  const bytes = Buffer.from(name, 'latin1')
  const file = { kind: 'file', size: bytes.length, content: { kind: 'inline', bytes } } as const
  const content = kind === 'file' ? file : ({ kind: 'nothing' } as const)
  return createEntry(
    { id: idOf(number), kind, place: { parent, name }, content, mtimeNs: 5n, attributes: ATTRIBUTES },
    stampOf(number),
  )
}

export function stateOf(sequence: number): IndexState {
  return { own: { indexId: INDEX_ID, sequence }, former: [], lost: [], writer: WRITER, counter: 9, loops: [] }
}

/** Writes entries that are new, or changed from what is there, with the next numbers. */
export async function write(store: SyncStore, ...entries: SyncEntry[]): Promise<void> {
  const sequence = (await store.readState())?.own.sequence ?? 0
  const before = await store.readEntries(entries.map(({ id }) => id))
  const batch: IndexBatch = {
    state: stateOf(sequence + entries.length),
    entries: entries.map((entry, at) => ({ before: before[at], after: { entry, sequence: sequence + at + 1 } })),
  }
  await store.write(batch)
}

export async function namesIn(store: SyncStore, parent: ObjectId, name?: string): Promise<string[]> {
  const names: string[] = []
  for await (const { placement } of store.readChildren(parent, name)) {
    names.push(placement.value.places.map((place) => place.name).join('+'))
  }
  return names
}

export function describeSyncStore(what: string, open: () => Promise<SyncStore>): void {
  const changed = async (store: SyncStore, after: number, limits = NO_LIMITS) => {
    const { entries, upTo } = await store.readChanges(after, limits)
    return { ids: entries.map((bytes) => decodeSyncEntry(bytes).id), upTo }
  }

  describe(what, () => {
    it('is empty at first', async () => {
      const store = await open()
      assert.equal(await store.readState(), undefined)
      assert.deepEqual(await store.readEntries([idOf(1)]), [undefined])
      assert.deepEqual(await namesIn(store, ROOT_ID), [])
      assert.deepEqual(await changed(store, 0), { ids: [], upTo: 0 })
      assert.equal(await store.readCursor('bob'), undefined)
      assert.deepEqual(await store.readBehind(), new Map())
    })

    it('keeps what the disk shows of objects, as entries or as nothing, until it has caught up', async () => {
      const store = await open()
      const [a, b, c] = [entryOf(1, 'a'), entryOf(2, 'b'), entryOf(3, 'c')]
      const state = stateOf(0)
      const behind = new Map([
        [a.id, { entry: a }],
        [b.id, { entry: undefined }],
        [c.id, { entry: c }],
      ])
      await store.write({ state, entries: [], behind })
      assert.deepEqual(await store.readBehind(), behind)
      await store.write({ state, entries: [], behind: new Map([[a.id, undefined]]) })
      await store.write({ state, entries: [], behind: new Map([[b.id, { entry: b }]]) })
      await write(store, c)
      assert.deepEqual(
        await store.readBehind(),
        new Map([
          [b.id, { entry: b }],
          [c.id, { entry: c }],
        ]),
      )
    })

    it('does not take what the disk shows for what the index has', async () => {
      const store = await open()
      const a = entryOf(1, 'a')
      await store.write({ state: stateOf(0), entries: [], behind: new Map([[a.id, { entry: a }]]) })
      assert.deepEqual(await store.readEntries([a.id]), [undefined])
      assert.deepEqual(await namesIn(store, ROOT_ID), [])
      assert.deepEqual(await changed(store, 0), { ids: [], upTo: 0 })
    })

    it('gives back entries by their ids, in the order that was asked for', async () => {
      const store = await open()
      const [a, b] = [entryOf(1, 'a'), entryOf(2, 'b')]
      await write(store, a, b)
      const found = await store.readEntries([b.id, idOf(3), a.id])
      assert.deepEqual(found, [{ entry: b, sequence: 2 }, undefined, { entry: a, sequence: 1 }])
    })

    it('gives what changed after a number, each entry once, under the number of its last change', async () => {
      const store = await open()
      const [a, b] = [entryOf(1, 'a'), entryOf(2, 'b')]
      await write(store, a, b, entryOf(3, 'c'))
      await write(store, withAttributes(a, { ...ATTRIBUTES, mode: 0 }, stampOf(9)))
      assert.deepEqual(await changed(store, 0), { ids: [idOf(2), idOf(3), idOf(1)], upTo: 4 })
      assert.deepEqual(await changed(store, 3), { ids: [idOf(1)], upTo: 4 })
      assert.deepEqual(await changed(store, 4), { ids: [], upTo: 4 })
    })

    it('keeps to the limits, and says how far it came', async () => {
      const store = await open()
      await write(store, ...[1, 2, 3, 4].map((number) => entryOf(number, `${number}`)))
      assert.deepEqual(await changed(store, 0, { ...NO_LIMITS, entries: 3 }), { ids: [1, 2, 3].map(idOf), upTo: 3 })
      const { entries } = await store.readChanges(0, NO_LIMITS)
      const bytes = entries[0]!.length + entries[1]!.length
      assert.deepEqual(await changed(store, 0, { ...NO_LIMITS, bytes }), { ids: [1, 2].map(idOf), upTo: 2 })
      assert.deepEqual(await changed(store, 1, { ...NO_LIMITS, bytes: 1 }), { ids: [idOf(2)], upTo: 2 })
      assert.deepEqual(await changed(store, 1, { ...NO_LIMITS, upTo: 3 }), { ids: [2, 3].map(idOf), upTo: 3 })
      assert.deepEqual(await changed(store, 3, { ...NO_LIMITS, upTo: 3 }), { ids: [], upTo: 3 })
    })

    it('lists a directory, or a name in it, what is not deleted first', async () => {
      const store = await open()
      const directory = entryOf(1, 'gone', ROOT_ID, 'directory')
      const file = entryOf(2, 'lost')
      await write(store, directory, file, entryOf(3, 'here'), entryOf(4, 'her'), entryOf(5, 'inside', directory.id))
      await write(store, withoutLife(directory, stampOf(9)), withoutLife(file, stampOf(10)))
      assert.deepEqual((await namesIn(store, ROOT_ID)).sort(), ['gone', 'her', 'here'])
      assert.equal((await namesIn(store, ROOT_ID)).at(-1), 'gone')
      assert.deepEqual(await namesIn(store, ROOT_ID, 'her'), ['her'])
      assert.deepEqual(await namesIn(store, ROOT_ID, 'gone'), ['gone'])
      assert.deepEqual(await namesIn(store, ROOT_ID, 'lost'), [])
      assert.deepEqual(await namesIn(store, directory.id), ['inside'])
    })

    it('finds two objects of one name, and one object by each of its names, where they are now', async () => {
      const store = await open()
      const file = entryOf(1, 'a')
      await write(store, file, entryOf(2, 'a'))
      assert.deepEqual(await namesIn(store, ROOT_ID, 'a'), ['a', 'a'])
      const linked = [
        { parent: ROOT_ID, name: 'b' },
        { parent: idOf(7), name: 'c\xff' },
      ]
      await write(store, withPlaces(file, linked, stampOf(9)))
      assert.deepEqual(await namesIn(store, ROOT_ID, 'a'), ['a'])
      assert.deepEqual(await namesIn(store, ROOT_ID, 'b'), ['b+c\xff'])
      assert.deepEqual(await namesIn(store, idOf(7), 'c\xff'), ['b+c\xff'])
    })

    it('keeps its state, and cursors of other devices', async () => {
      const store = await open()
      const state = { ...stateOf(7), former: [{ indexId: idOf(1), sequence: 3 }], lost: [idOf(2)], loops: [idOf(3)] }
      const cursor = { indexId: idOf(4), sequence: 5 }
      await store.write({ state, entries: [], cursor: { device: 'bob', cursor } })
      assert.deepEqual(await store.readState(), state)
      assert.deepEqual(await store.readCursor('bob'), cursor)
      assert.equal(await store.readCursor('bo'), undefined)
    })
  })
}
