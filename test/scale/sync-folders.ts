/**
 * What it costs to find very many new files in a synced folder, and to bring them to another device's disk: the part of
 * the index, on disks in memory.
 * `node test/scale/sync-folders.ts [FILES]`, all in one directory; the indexes are kept in TMPDIR, which should be a tmpfs.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { decodeSyncEntry } from '../../src/format/sync-entry.ts'
import { SYNC_ENTRIES_BYTES, SYNC_ENTRIES_MAX } from '../../src/format/sync-message.ts'
import { Keys } from '../../src/seal/keys.ts'
import { SyncIndexDb } from '../../src/store/sync-index-db.ts'
import { FolderSync } from '../../src/sync/folder-sync.ts'
import { MemoryDisk } from '../../src/sync/memory-disk.ts'
import { SyncIndex } from '../../src/sync/sync-index.ts'

const FILES = Number(process.argv[2] ?? 10_000)
const KEYS = Keys.derive(Buffer.alloc(32, 7))
const LIMITS = { entries: SYNC_ENTRIES_MAX, bytes: SYNC_ENTRIES_BYTES }
const NEVER = new AbortController().signal
const attributes = { mode: 0o644, uid: 0, gid: 0, xattrs: [] }

const dir = mkdtempSync(path.join(tmpdir(), 'dfs-sync-folders-'))
try {
  const [a, b] = [await open('a'), await open('b')]
  fill(a.disk)
  await measured('found', () => a.sync.run(NEVER))
  await measured('looked at again', () => {
    a.sync.note({ path: '', isTree: true })
    return a.sync.run(NEVER)
  })
  await measured('taken', () => takeAll(a.index, b.index))
  await measured('brought', () => b.sync.run(NEVER))
  for (const { db } of [a, b]) await db.close()
} finally {
  rmSync(dir, { recursive: true, force: true })
}

async function open(name: string) {
  const db = await SyncIndexDb.open(path.join(dir, name), KEYS)
  const index = await SyncIndex.open(db, { indexId: name.repeat(32), newWriter: name.repeat(32) })
  const disk = new MemoryDisk()
  return { db, index, disk, sync: new FolderSync({ disk, index, deviceName: () => name }) }
}

function fill(disk: MemoryDisk): void {
  const nothing = { kind: 'nothing' } as const
  disk.make('dir', undefined, { kind: 'directory', content: nothing, mtimeNs: 1n, attributes })
  for (let number = 1; number <= FILES; number++) {
    const bytes = Buffer.from(`${number}`)
    const content = { kind: 'file', size: bytes.length, content: { kind: 'inline', bytes } } as const
    const id = `e${number.toString(16).padStart(31, '0')}`
    disk.make(`dir/file ${number}`, id, { kind: 'file', content, mtimeNs: 1n, attributes })
  }
}

async function takeAll(from: SyncIndex, to: SyncIndex): Promise<void> {
  for (let after = 0; after < from.own.sequence; ) {
    const { entries, upTo } = await from.readChanges(after, LIMITS)
    await to.take('a', entries.map(decodeSyncEntry), undefined)
    after = upTo
  }
}

async function measured(what: string, work: () => Promise<unknown>): Promise<void> {
  const start = performance.now()
  await work()
  const ms = performance.now() - start
  console.log(`${what}: ${ms.toFixed(0)} ms, ${(ms / FILES).toFixed(3)} ms each`)
}
