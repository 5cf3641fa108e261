import assert from 'node:assert/strict'
import test from 'node:test'
import { ROOT_ID, type SyncEntry } from '../../../src/format/sync-entry.ts'
import { EntryCache } from '../../../src/sync/entry-cache.ts'
import { MemorySyncStore } from '../../../src/sync/memory-sync-store.ts'
import type { SyncStore } from '../../../src/sync/sync-store.ts'
import { entryOf, write } from '../../conformance/sync-store.ts'

const ENTRIES_MAX = 200

/** A cache over a directory of so many names, asked for each of them some times; how many entries were read of the whole directory. */
async function readWhole(count: number, times: number): Promise<number> {
  const store = new MemorySyncStore()
  const names = Array.from({ length: count }, (_, number) => `name ${number}`)
  await write(store, ...names.map((name, number) => entryOf(number + 1, name)))
  let read = 0
  const counting: Partial<SyncStore> = {
    readEntries: (ids) => store.readEntries(ids),
    readChildren: async function* (parent, name) {
      for await (const entry of store.readChildren(parent, name)) {
        if (name === undefined) read++
        yield entry
      }
    },
  }
  const cache = new EntryCache(counting as SyncStore, ENTRIES_MAX)
  using _remembered = cache.remember()
  for (let time = 0; time < times; time++) {
    for (const name of names) {
      const found: SyncEntry[] = []
      for await (const entry of cache.readChildren(ROOT_ID, name)) found.push(entry)
      assert.deepEqual(
        found.map(({ placement }) => placement.value.places[0]!.name),
        [name],
      )
      await cache.get(found.map(({ id }) => id))
    }
  }
  return read
}

test('a directory whose names are asked for one by one is read whole once', async () => {
  const read = await readWhole(ENTRIES_MAX / 4, 20)
  assert(read <= 3 * ENTRIES_MAX, `${read} read`)
})

test('a directory that is too large to be held is not read whole time and again', async () => {
  const read = await readWhole(2 * ENTRIES_MAX, 20)
  assert(read <= 3 * ENTRIES_MAX, `${read} read`)
})
