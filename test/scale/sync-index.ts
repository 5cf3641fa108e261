/**
 * What the index of a synced folder costs when it has very many entries: taken from another device, read whole, opened, and
 * changed by one file, whose change goes to the other device; and its tree in heads.
 * `node --expose-gc test/scale/sync-index.ts [FILES]`; all is kept in TMPDIR, which should be a tmpfs.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Slices } from '../../src/concurrency/slices.ts'
import { decodeSyncEntry, encodeSyncEntry, ROOT_ID, type SyncEntry } from '../../src/format/sync-entry.ts'
import { SYNC_ENTRIES_BYTES, SYNC_ENTRIES_MAX } from '../../src/format/sync-message.ts'
import { Keys } from '../../src/seal/keys.ts'
import { SyncIndexDb } from '../../src/store/sync-index-db.ts'
import { createEntry } from '../../src/sync/entry-change.ts'
import { IndexTree } from '../../src/sync/index-tree.ts'
import { LocalChanges } from '../../src/sync/local-changes.ts'
import { ShownTree } from '../../src/sync/shown-tree.ts'
import { SyncIndex } from '../../src/sync/sync-index.ts'
import { Random } from '../support/random.ts'
import { MemoryNodes } from '../unit/sync/support.ts'

const FILES = Number(process.argv[2] ?? 1_000_000)
const PER_DIRECTORY = 100
const CHANGES = 200
const MIB = 1024 * 1024
const KEYS = Keys.derive(Buffer.alloc(32, 7))
const LIMITS = { entries: SYNC_ENTRIES_MAX, bytes: SYNC_ENTRIES_BYTES }
const OTHER = 'bb'.repeat(16)
const random = new Random(1)
const idOf = (number: number): string => `e${number.toString(16).padStart(31, '0')}`

const dir = mkdtempSync(path.join(tmpdir(), 'dfs-sync-index-'))
try {
  let db = await SyncIndexDb.open(dir, KEYS)
  let index = await open(db, 1)
  await measured(`${FILES.toLocaleString('en')} entries taken`, () => takeAll(index))
  console.log(`  the database has ${mib(sizeOf(dir))} MiB`)
  await measured('all read, to be sent', () => readAll(index))
  await db.close()
  await measured('opened', async () => {
    db = await SyncIndexDb.open(dir, KEYS)
    index = await open(db, 2)
  })
  await changeSome(index)
  await measureTree(index)
  await db.close()
} finally {
  rmSync(dir, { recursive: true, force: true })
}

function open(db: SyncIndexDb, run: number): Promise<SyncIndex> {
  return SyncIndex.open(db, { indexId: idOf(run), newWriter: 'aa'.repeat(16) })
}

/** In messages as another device sends them. */
async function takeAll(index: SyncIndex): Promise<void> {
  let batch: SyncEntry[] = []
  for (let number = 1; number <= FILES; number++) {
    batch.push(decodeSyncEntry(encodeSyncEntry(entryOf(number))))
    if (batch.length < SYNC_ENTRIES_MAX && number < FILES) continue
    await index.take('other', batch, { indexId: OTHER, sequence: number })
    batch = []
  }
}

/** Directories of a hundred, each before what is in it; files of one block, whose keys and hashes do not compress. */
function entryOf(number: number): SyncEntry {
  const first = number - (number % PER_DIRECTORY)
  const isDirectory = number === first || number === 1
  const stamp = { dot: { writer: OTHER, counter: number }, nowMs: 1_700_000_000_000 + number }
  const attributes = { mode: 0o644, uid: 1000, gid: 1000, xattrs: [] }
  const common = { id: idOf(number), mtimeNs: BigInt(number), attributes }
  if (isDirectory) {
    const place = { parent: ROOT_ID, name: `directory ${number}` }
    return createEntry({ ...common, kind: 'directory', place, content: { kind: 'nothing' } }, stamp)
  }
  const node = Buffer.concat([Buffer.from([1, 0, 1, 0]), random.bytes(96), Buffer.alloc(8)])
  node.writeUInt32LE(50_000, 100)
  node.writeUInt32LE(50_100, 104)
  const place = { parent: idOf(Math.max(first, 1)), name: `a photo of some day ${number}.jpg` }
  const content = { kind: 'file', size: 50_000, content: { kind: 'root', node } } as const
  return createEntry({ ...common, kind: 'file', place, content }, stamp)
}

async function readAll(index: SyncIndex): Promise<void> {
  let bytes = 0
  for (let after = 0; after < index.own.sequence; ) {
    const { entries, upTo } = await index.readChanges(after, LIMITS)
    for (const entry of entries) bytes += entry.length
    after = upTo
  }
  console.log(`  ${mib(bytes)} MiB, ${Math.round(bytes / FILES)} bytes an entry`)
}

async function changeSome(index: SyncIndex): Promise<void> {
  const tree = new ShownTree(index, () => 'other')
  const changes = new LocalChanges(index, () => 'other')
  const times = { edit: [] as number[], read: [] as number[] }
  let bytes = 0
  for (let change = 0; change < CHANGES; change++) {
    const number = random.below(FILES - 1) + 2
    const entry = (await index.get(idOf(number)))!
    if (entry.kind === 'directory') continue
    const [place] = entry.placement.value.places
    const way = (await tree.wayTo(place!.parent))!
    const [shown] = await tree.namesake(way.at(-1)!.directory, place!.name)
    const after = index.own.sequence
    times.edit.push(await timeMs(() => changes.edit(shown!, entry.content.value!, BigInt(change))))
    times.read.push(
      await timeMs(async () => {
        const { entries } = await index.readChanges(after, LIMITS)
        bytes += entries.reduce((sum, one) => sum + one.length, 0) / CHANGES
      }),
    )
  }
  console.log(
    `one file changed: ${median(times.edit)} ms; read, to be sent: ${median(times.read)} ms, ${Math.round(bytes)} bytes`,
  )
}

/** What of the index goes into heads, with nodes in memory. */
async function measureTree(index: SyncIndex): Promise<void> {
  const nodes = new MemoryNodes()
  using tree = new IndexTree(index, () => undefined)
  const { signal } = new AbortController()
  const update = async (what: string) => {
    nodes.forget()
    const ms = await timeMs(() => tree.update({ nodes, slices: new Slices(), signal }))
    const bytes = nodes.made.reduce((sum, { sealedBytes }) => sum + sealedBytes, 0)
    console.log(`${what}: ${ms.toFixed(0)} ms, ${nodes.made.length} nodes of ${Math.ceil(bytes / 1024)} KiB`)
  }
  await update('the tree, whole')
  const put = async (from: number, count: number) => {
    for (let number = from; number < from + count; number += SYNC_ENTRIES_MAX) {
      const batch = Array.from({ length: Math.min(SYNC_ENTRIES_MAX, from + count - number) }, (_, at) => number + at)
      await index.take('other', batch.map(entryOf), undefined)
    }
  }
  await put(FILES + 1, 1)
  await update('one new file')
  await put(FILES + 2, Math.min(10_000, FILES))
  await update(`${Math.min(10_000, FILES).toLocaleString('en')} new files`)
}

async function measured(what: string, work: () => Promise<void>): Promise<void> {
  const ms = await timeMs(work)
  globalThis.gc?.()
  console.log(`${what}: ${(ms / 1000).toFixed(2)} s; resident ${mib(process.memoryUsage().rss)} MiB`)
}

async function timeMs(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

function median(times: number[]): string {
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!.toFixed(2)
}

function mib(bytes: number): number {
  return Math.round(bytes / MIB)
}

function sizeOf(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(path.join(directory, name)).size, 0)
}
