import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeIndexWitness, encodeIndexWitness, INDEX_WITNESS_BYTES } from '../../../src/format/index-witness.ts'
import { INLINE_BYTES_MAX } from '../../../src/format/stub.ts'
import {
  comparePlaces,
  decodeSyncEntry,
  encodeSyncEntry,
  isName,
  type ObjectKind,
  PLACES_MAX,
  SYNC_ENTRY_BYTES_MAX,
  type SyncContent,
  type SyncEntry,
  TIME_MS_LIMIT,
} from '../../../src/format/sync-entry.ts'
import {
  decodeKnownFolders,
  encodeKnownFolders,
  type FoldersOfDevices,
  SYNC_FOLDERS_MAX,
  type SyncFolder,
} from '../../../src/format/sync-folders.ts'
import {
  decodeSyncMessage,
  encodeSyncMessage,
  SYNC_ENTRIES_BYTES,
  SYNC_ENTRIES_MAX,
  SYNC_MESSAGE_BYTES_MAX,
  type SyncMessage,
} from '../../../src/format/sync-message.ts'
import {
  changeKey,
  childKey,
  childPrefix,
  decodeCursor,
  decodeEntryRow,
  decodeIndexState,
  encodeCursor,
  encodeEntryRow,
  encodeIndexState,
  idOfChildKey,
  sequenceOfChangeKey,
} from '../../../src/format/sync-record.ts'
import { type Dot, VECTOR_WRITERS_MAX, type VersionVector } from '../../../src/format/version-vector.ts'
import { XATTRS_BYTES_MAX } from '../../../src/format/xattrs.ts'
import { anyBytes, anyObject, anyTimeNs, anyU32, anyU53, assertRefusesDamage } from './arbitraries.ts'
import { testVectors } from './vectors.ts'

type Pairs = readonly (readonly [string, number])[]
type EntryValue = Omit<SyncEntry, 'version' | 'deleted'> & {
  readonly version: Pairs
  readonly deleted: Pairs | undefined
}

/** In the vectors a version vector is a list of pairs. */
function plainOf({ version, deleted, ...rest }: SyncEntry): EntryValue {
  return { ...rest, version: [...version], deleted: deleted && [...deleted] }
}

function entryOf({ version, deleted, ...rest }: EntryValue): SyncEntry {
  return { ...rest, version: new Map(version), deleted: deleted && new Map(deleted) }
}

testVectors('sync', {
  entry: {
    decode: (bytes) => plainOf(decodeSyncEntry(bytes)),
    encode: (value: EntryValue) => encodeSyncEntry(entryOf(value)),
  },
  message: { decode: decodeSyncMessage, encode: encodeSyncMessage },
  known: {
    decode: (bytes) => [...decodeKnownFolders(bytes)],
    encode: (value: [string, SyncFolder[]][]) => encodeKnownFolders(new Map(value)),
  },
  state: { decode: decodeIndexState, encode: encodeIndexState },
  witness: { decode: decodeIndexWitness, encode: encodeIndexWitness },
  cursor: { decode: decodeCursor, encode: encodeCursor },
  row: {
    decode: (bytes) => {
      const { entry, sequence } = decodeEntryRow(bytes)
      return { entry: plainOf(entry), sequence }
    },
    encode: ({ entry, sequence }: { entry: EntryValue; sequence: number }) =>
      encodeEntryRow({ entry: entryOf(entry), sequence }),
  },
})

const anyId = anyBytes(16)
  .map((bytes) => bytes.toString('hex'))
  .filter((id) => /[^0]/.test(id))
const anyCounter = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const anyTimeMs = fc.nat(Number.MAX_SAFE_INTEGER).map((time) => time % TIME_MS_LIMIT)
const anyName = anyBytes({ minLength: 1, maxLength: 20 })
  .map((bytes) => bytes.toString('latin1').replaceAll(/[\0/]/g, '_'))
  .filter((name) => isName(name) && name !== '.dfs')
const anyXattrs = fc
  .uniqueArray(anyObject({ name: anyName, value: anyBytes({ maxLength: 9 }) }), {
    maxLength: 3,
    selector: ({ name }) => name,
  })
  .map((xattrs) => xattrs.sort((a, b) => (a.name < b.name ? -1 : 1)))
const anyContent: Readonly<Record<ObjectKind, fc.Arbitrary<SyncContent>>> = {
  file: anyBytes({ maxLength: 50 }).map((bytes) => ({
    kind: 'file',
    size: bytes.length,
    content: { kind: 'inline', bytes },
  })),
  symlink: anyName.map((target) => ({ kind: 'symlink', target })),
  directory: fc.constant({ kind: 'nothing' }),
  fifo: fc.constant({ kind: 'nothing' }),
}

const anyEntry: fc.Arbitrary<SyncEntry> = fc
  .record({
    id: anyId,
    kind: fc.constantFrom('file' as const, 'directory' as const, 'symlink' as const, 'fifo' as const),
    pairs: fc.uniqueArray(fc.tuple(anyId, anyCounter), { minLength: 1, maxLength: 5, selector: ([writer]) => writer }),
    places: fc.uniqueArray(fc.record({ parent: anyId, name: anyName }), {
      minLength: 1,
      maxLength: 4,
      comparator: isSamePlace,
    }),
    picks: fc.array(fc.nat(), { minLength: 4, maxLength: 4 }),
    deletion: fc.constantFrom('none' as const, 'all' as const, 'part' as const),
    times: fc.array(anyTimeMs, { minLength: 4, maxLength: 4 }),
    mtimeNs: anyTimeNs,
    attributes: fc.record({ mode: fc.nat(0o7777), uid: anyU32, gid: anyU32, xattrs: anyXattrs }),
    isCopy: fc.boolean(),
  })
  .chain((parts) => anyContent[parts.kind].map((content) => ({ ...parts, content })))
  .map(({ id, kind, pairs, places, picks, deletion, times, mtimeNs, attributes, isCopy, content }) => {
    const version: VersionVector = new Map(pairs.toSorted(([a], [b]) => (a < b ? -1 : 1)))
    const dots = picks.map((pick): Dot => {
      const [writer, counter] = pairs[pick % pairs.length]!
      return { writer, counter }
    })
    const others = new Map([...version].filter(([writer]) => writer !== dots[1]!.writer))
    const deleted = deletion === 'all' ? version : deletion === 'part' ? others : undefined
    const origin = (at: number) => ({ dot: dots[at]!, timeMs: times[at]! })
    const sorted = places.toSorted(comparePlaces).slice(0, kind === 'directory' ? 1 : undefined)
    return {
      id,
      kind,
      version,
      deleted,
      placement: { ...origin(0), value: { places: sorted, isCopy: isCopy && kind === 'file' } },
      content: { ...origin(1), value: deletion === 'all' ? undefined : content },
      mtime: { ...origin(3), value: mtimeNs },
      attributes: { ...origin(2), value: { ...attributes } },
    }
  })

const anyCursor = fc.record({ indexId: anyId, sequence: anyU53 })
const anyFolders = fc.uniqueArray(fc.record({ id: anyId, name: anyName }), { maxLength: 4, selector: ({ id }) => id })
const anyMessage: fc.Arbitrary<SyncMessage> = fc
  .tuple(
    anyBytes(16),
    fc.tuple(anyCursor, anyCursor),
    fc.array(anyEntry, { maxLength: 3 }),
    anyFolders,
    fc.nat(4),
    fc.boolean(),
  )
  .map(([folder, [a, b], entries, folders, kind, flag]) => {
    if (kind === 2) return { kind: 'folders', wantsAnswer: flag, folders }
    if (kind === 0) return { kind: 'kept', folder, upTo: a }
    if (kind === 1) return { kind: 'hello', folder, own: a, known: flag ? b : undefined, wantsAnswer: !flag }
    const [after, upTo] =
      a.sequence < b.sequence ? [a, b] : [b, { ...a, sequence: Math.max(a.sequence, b.sequence + 1) }]
    return { kind: 'entries', folder, to: b.indexId, after, upTo, entries: entries.map(encodeSyncEntry) }
  })

test('any entry comes back as it was', () => {
  fc.assert(
    fc.property(anyEntry, (entry) => {
      const bytes = encodeSyncEntry(entry)
      const decoded = decodeSyncEntry(bytes)
      assert.deepEqual(JSON.parse(text(decoded)), JSON.parse(text(entry)))
      assert(encodeSyncEntry(decoded).equals(bytes))
    }),
  )
})

test('any message comes back as it was', () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const bytes = encodeSyncMessage(message)
      assert(encodeSyncMessage(decodeSyncMessage(bytes)).equals(bytes))
    }),
  )
})

test('damaged entries, messages and rows are refused, or are others', () => {
  assertRefusesDamage(anyEntry.map(encodeSyncEntry), decodeSyncEntry)
  assertRefusesDamage(anyMessage.map(encodeSyncMessage), (bytes) => {
    const message = decodeSyncMessage(bytes)
    if (message.kind === 'entries') for (const entry of message.entries) decodeSyncEntry(entry)
  })
  const known: fc.Arbitrary<FoldersOfDevices> = fc
    .array(fc.tuple(fc.constantFrom('ann', 'bob', 'cas'), anyFolders), { maxLength: 3 })
    .map((devices) => new Map(devices))
  assertRefusesDamage(known.map(encodeKnownFolders), decodeKnownFolders)
  const state = fc
    .tuple(anyCursor, fc.array(anyCursor), fc.array(anyId), anyId)
    .map(([own, former, ids, writer]) => encodeIndexState({ own, former, lost: ids, writer, counter: 3, loops: ids }))
  assertRefusesDamage(state, decodeIndexState)
  const anyIdentity = fc.record({ ino: anyU53, btimeNs: anyTimeNs })
  const witness = fc.record({ index: anyCursor, database: anyIdentity, file: anyIdentity }).map(encodeIndexWitness)
  fc.assert(fc.property(witness, (bytes) => bytes.length === INDEX_WITNESS_BYTES))
  assertRefusesDamage(witness, decodeIndexWitness)
})

test('the longest entry fits, and messages of as many entries and folders as there may be', () => {
  const writers = Array.from({ length: VECTOR_WRITERS_MAX }, (_, at) => [`${at}`.padStart(32, '0'), 1] as const)
  const dot = { writer: writers[0]![0], counter: 1 }
  const places = Array.from({ length: PLACES_MAX }, (_, at) => ({
    parent: 'ff'.repeat(16),
    name: `${at}`.padStart(255, '0'),
  }))
  const bytes = Buffer.alloc(INLINE_BYTES_MAX)
  const longest = encodeSyncEntry({
    id: '01'.repeat(16),
    kind: 'file',
    version: new Map(writers),
    deleted: new Map(writers.slice(1)),
    placement: { dot, timeMs: 0, value: { places, isCopy: true } },
    content: { dot, timeMs: 0, value: { kind: 'file', size: bytes.length, content: { kind: 'inline', bytes } } },
    mtime: { dot, timeMs: 0, value: 0n },
    attributes: {
      dot,
      timeMs: 0,
      value: {
        mode: 0,
        uid: 0,
        gid: 0,
        xattrs: [{ name: 'x', value: Buffer.alloc(XATTRS_BYTES_MAX - 4) }],
      },
    },
  })
  assert(longest.length <= SYNC_ENTRY_BYTES_MAX)
  decodeSyncEntry(longest)
  const [folder, after, upTo] = [
    Buffer.alloc(16),
    { indexId: '02'.repeat(16), sequence: 0 },
    { indexId: '02'.repeat(16), sequence: 9 },
  ]
  const short = Buffer.alloc(SYNC_ENTRIES_BYTES / SYNC_ENTRIES_MAX)
  const entries = Array.from({ length: SYNC_ENTRIES_MAX }, () => short)
  decodeSyncMessage(encodeSyncMessage({ kind: 'entries', folder, to: after.indexId, after, upTo, entries }))
  const folders = Array.from({ length: SYNC_FOLDERS_MAX }, (_, at) => ({
    id: `${at + 1}`.padStart(32, '0'),
    name: 'x'.repeat(255),
  }))
  const message = encodeSyncMessage({ kind: 'folders', wantsAnswer: false, folders })
  assert.equal(message.length, SYNC_MESSAGE_BYTES_MAX)
  assert.deepEqual(decodeSyncMessage(message), { kind: 'folders', wantsAnswer: false, folders })
})

test('keys are in the order of numbers and names, and give back what they are of', () => {
  assert(Buffer.compare(changeKey(255), changeKey(256)) < 0)
  assert.equal(sequenceOfChangeKey(changeKey(Number.MAX_SAFE_INTEGER)), Number.MAX_SAFE_INTEGER)
  const [parent, id] = ['0a'.repeat(16), 'ff00'.repeat(8)]
  const key = childKey(parent, true, 'name', id)
  assert.equal(idOfChildKey(key), id)
  assert(key.subarray(0, childPrefix(parent, true).length).equals(childPrefix(parent, true)))
  assert(key.subarray(0, childPrefix(parent, true, 'name').length).equals(childPrefix(parent, true, 'name')))
  assert(!key.subarray(0, childPrefix(parent, true, 'nam').length).equals(childPrefix(parent, true, 'nam')))
  assert(Buffer.compare(key, childKey(parent, false, 'a', id)) < 0, 'what is not deleted comes first')
})

function isSamePlace(a: SyncEntry['placement']['value']['places'][0], b: typeof a): boolean {
  return comparePlaces(a, b) === 0
}

function text(entry: SyncEntry): string {
  return JSON.stringify(plainOf(entry), (_, value) => (typeof value === 'bigint' ? `${value}n` : value))
}
