import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Key } from 'interface-datastore'
import { AnnouncementLog, type KeyValueStore } from '../../../src/net/announcement-log.ts'

const HOUR_MS = 3_600_000

function memoryStore(): KeyValueStore {
  const values = new Map<string, { key: Key; value: Uint8Array }>()
  return {
    put: (key: Key, value: Uint8Array) => values.set(key.toString(), { key, value }),
    delete: (key: Key) => values.delete(key.toString()),
    query: async function* () {
      yield* values.values()
    },
  } as unknown as KeyValueStore
}

test('what was never announced is due first, then what was announced longest ago', async () => {
  const log = new AnnouncementLog(memoryStore())
  await log.set('late', 3 * HOUR_MS)
  await log.set('early', 1 * HOUR_MS)
  await log.set('new', 0)
  await log.set('early', 4 * HOUR_MS)
  assert.deepEqual([...log.due(2 * HOUR_MS)], ['new'])
  assert.deepEqual([...log.due(3.5 * HOUR_MS)], ['new', 'late'])
  assert.deepEqual([...log.due(5 * HOUR_MS)], ['new', 'late', 'early'])
})

test('it comes back from the store, without what was deleted', async () => {
  const store = memoryStore()
  const log = new AnnouncementLog(store)
  await log.set('b', 2 * HOUR_MS)
  await log.set('a', 1 * HOUR_MS)
  await log.set('gone', 0)
  await log.delete('gone')
  const again = new AnnouncementLog(store)
  await again.load()
  assert.equal(again.has('gone'), false)
  assert.deepEqual([...again.due(5 * HOUR_MS)], ['a', 'b'])
})

test('a time from a clock that was set back is due', async () => {
  const log = new AnnouncementLog(memoryStore())
  await log.set('future', 1_000 * HOUR_MS)
  assert.deepEqual([...log.due(1 * HOUR_MS)], ['future'])
})
