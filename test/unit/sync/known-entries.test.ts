import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HeadEntry } from '../../../src/format/head-entry.ts'
import { ROOT_ID, type SyncEntry } from '../../../src/format/sync-entry.ts'
import { withoutLife, withPlaces } from '../../../src/sync/entry-change.ts'
import { entriesKnown } from '../../../src/sync/known-entries.ts'
import { MemorySyncStore } from '../../../src/sync/memory-sync-store.ts'
import { SyncIndex } from '../../../src/sync/sync-index.ts'
import { entryOf, idOf, stampOf } from '../../conformance/sync-store.ts'
import { directoryEntry } from './support.ts'

/** A file that holds a text, as a head has it. */
function fileOf(path: string, id: string, text: string, mtimeNs = 5n): HeadEntry {
  const bytes = Buffer.from(text)
  const meta = { mode: 0o644, size: bytes.length, mtimeNs, ctimeNs: mtimeNs }
  const state = { fileId: Buffer.from(id, 'hex'), sequence: 1, meta, content: { kind: 'inline', bytes } as const }
  return { kind: 'file', path, uid: 1, gid: 2, state }
}

async function known(entries: readonly SyncEntry[], head: readonly HeadEntry[]): Promise<string[]> {
  const index = await SyncIndex.open(new MemorySyncStore(), { indexId: idOf(90), newWriter: idOf(91) })
  await index.take('other', entries, undefined)
  async function* stream() {
    yield* head
  }
  const paths: string[] = []
  for await (const { path } of entriesKnown(stream(), index, () => 'other')) paths.push(path)
  return paths
}

test('of a head is made what its index shows so, or has not heard of', async () => {
  const moved = withPlaces(entryOf(3, 'moved'), [{ parent: ROOT_ID, name: 'to' }], stampOf(30))
  const entries = [
    entryOf(1, 'same'),
    withoutLife(entryOf(2, 'deleted'), stampOf(20)),
    moved,
    entryOf(4, 'edited'),
    entryOf(5, 'dir', ROOT_ID, 'directory'),
    withoutLife(entryOf(6, 'gone', ROOT_ID, 'directory'), stampOf(60)),
  ]
  const head = [
    directoryEntry(''),
    fileOf('deleted', idOf(2), 'deleted'),
    directoryEntry('dir'),
    fileOf('edited', idOf(4), 'as it was', 4n),
    directoryEntry('gone'),
    fileOf('gone/deleted', idOf(2), 'deleted'),
    fileOf('moved', idOf(3), 'moved'),
    directoryEntry('new'),
    directoryEntry('new/er'),
    fileOf('new/er/file', idOf(70), 'nobody has heard of it'),
    fileOf('same', idOf(1), 'same'),
  ]
  assert.deepEqual(await known(entries, head), ['', 'dir', 'new', 'new/er', 'new/er/file', 'same'])
})

test('a file that was written later than its index knows is made', async () => {
  assert.deepEqual(await known([entryOf(4, 'file')], [fileOf('file', idOf(4), 'written last', 6n)]), ['file'])
})
