/**
 * An opened folder over real files that dies at a chosen moment, and what power loss then does to what it left.
 *
 * Moments are counted: each sync, each record appended, each journal dropped has one before and one after. From the
 * chosen one on nothing more reaches journal, blocks or stubs, as if the process had been killed there.
 */
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after } from 'node:test'
import { byteStringOf } from '../../../src/bytes/byte-string.ts'
import type { BlockStore, Cid } from '../../../src/dfs.ts'
import { DfsError } from '../../../src/errors.ts'
import { O, openAt, syncFilesystem } from '../../../src/posix/files.ts'
import { statFd } from '../../../src/posix/stat.ts'
import { SealPool } from '../../../src/seal/pool.ts'
import { BlockFiles } from '../../../src/store/block-files.ts'
import { Journal } from '../../../src/store/journal.ts'
import { ChangeFeed } from '../../../src/vfs/change-feed.ts'
import { Checkpointer } from '../../../src/vfs/checkpointer.ts'
import { ChunkReader } from '../../../src/vfs/chunk-reader.ts'
import { Committer } from '../../../src/vfs/committer.ts'
import { DirtyMemory } from '../../../src/vfs/dirty-memory.ts'
import { Filesystem } from '../../../src/vfs/filesystem.ts'
import { Folder } from '../../../src/vfs/folder.ts'
import { InodeTable } from '../../../src/vfs/inode-table.ts'
import { replay } from '../../../src/vfs/replay.ts'
import { Sealer } from '../../../src/vfs/sealer.ts'
import type { Journal as FolderJournal, Services } from '../../../src/vfs/services.ts'
import { StubTree } from '../../../src/vfs/stub-tree.ts'
import { Versions, versionsDirectory } from '../../../src/vfs/versions.ts'
import { PoisonedSlots } from '../../support/poisoned-slots.ts'
import { KEYS, MemoryIndex } from './support.ts'

const pool = new SealPool({ keys: KEYS, threads: 1, memory: new PoisonedSlots() })
after(() => pool.close())

const AT_FDCWD = -100
const MIB = 1024 * 1024
const SECTOR_BYTES = 512

/** Where a folder, its journal and its blocks are. */
export interface FolderPlace {
  readonly folder: string
  readonly journal: string
  readonly blocks: string
}

export class CrashingFolder {
  readonly filesystem: Filesystem
  readonly checkpointer: Checkpointer
  readonly committer: Committer
  readonly services: Services
  readonly moments: Moments
  readonly durable: Durable
  readonly #close: () => Promise<void>

  private constructor(parts: Omit<CrashingFolder, 'kill' | '#close'>, close: () => Promise<void>) {
    this.filesystem = parts.filesystem
    this.checkpointer = parts.checkpointer
    this.committer = parts.committer
    this.services = parts.services
    this.moments = parts.moments
    this.durable = parts.durable
    this.#close = close
  }

  /** Applies what the journal holds, and brings nothing of it into the stubs by itself. */
  static async open(place: FolderPlace, { deletedAgeMsMin = 0 } = {}): Promise<CrashingFolder> {
    const moments = new Moments()
    const durable = new Durable(place)
    const realBlocks = await BlockFiles.open(place.blocks)
    const realJournal = await Journal.open({ dir: place.journal, keys: KEYS })
    const store = watchedStore(realBlocks, moments, durable)
    const journal = watchedJournal(realJournal, moments, durable)
    const rootFd = openAt(AT_FDCWD, byteStringOf(place.folder), O.RDONLY | O.DIRECTORY)
    const table = new InodeTable(statFd(rootFd))
    const index = new MemoryIndex()
    const tree = new StubTree({ rootFd, keys: KEYS, index, table })
    const reader = new ChunkReader({ store, pool, cacheBytesMax: 4 * MIB })
    const sealer = new Sealer({ pool, store })
    const dirty = new DirtyMemory(pool.memory, 64 * MIB)
    const services: Services = {
      folderId: Buffer.alloc(16, 1),
      table,
      tree,
      store,
      journal,
      reader,
      sealer,
      keys: KEYS,
      index,
      dirty,
      changes: new ChangeFeed(table),
    }
    const versions = new Versions(services, { directory: versionsDirectory(services), deletedAgeMsMin })
    const committer = new Committer(services)
    const sync = async (fd: number) => {
      moments.pass('stubs written')
      const stubs = readStubs(place.folder)
      await syncFilesystem(fd)
      durable.stubs = stubs
      moments.pass('stubs synced')
    }
    const checkpointer = new Checkpointer(services, { committer, versions, syncFilesystem: sync })
    const filesystem = new Filesystem({
      services,
      committer,
      versions,
      adoptInWay: async () => {},
      relieve: () => undefined,
      storeFd: rootFd,
    })
    await replay(services, { committer, namespace: filesystem.names })
    const close = async () => {
      await Promise.all(committer.sealing)
      await realJournal.close()
      await realBlocks.close()
      tree.close()
    }
    return new CrashingFolder({ filesystem, checkpointer, committer, services, moments, durable }, close)
  }

  /** The process is gone; what it left stays. */
  async kill(): Promise<void> {
    this.moments.left = 0
    await this.checkpointer.exclusively(() => {})
    await this.#close()
  }
}

/** Opens a folder as the daemon does. */
export async function openFolder(place: FolderPlace): Promise<{ folder: Folder; close: () => Promise<void> }> {
  const store = await BlockFiles.open(place.blocks)
  const folder = await Folder.open({
    path: place.folder,
    store,
    storeDir: place.blocks,
    openJournal: () => Journal.open({ dir: place.journal, keys: KEYS }),
    pool,
    keys: KEYS,
    index: new MemoryIndex(),
    dirty: new DirtyMemory(pool.memory, 64 * MIB),
    cacheBytesMax: 4 * MIB,
    deletedAgeMsMin: 0,
  })
  const close = async () => {
    await folder.close()
    await store.close()
  }
  return { folder, close }
}

export class Moments {
  /** How many are left to live. */
  left = Number.POSITIVE_INFINITY
  passed = 0
  /** What was about to happen, or had happened, at the end. */
  last = ''

  get isOver(): boolean {
    return this.left <= 0
  }

  pass(name: string): void {
    this.passed++
    if (this.left > 0) this.last = name
    if (--this.left <= 0) throw new DfsError('io', `killed: ${this.last}`)
  }
}

/** What survives power loss for certain. */
class Durable {
  readonly place: FolderPlace
  readonly blocks = new Set<Cid>()
  /** Lengths of the journal's segments, by name. */
  segments = new Map<string, number>()
  /** Stubs as they were at the last sync of the file system, by object: inode numbers are used again. */
  stubs: Map<string, Buffer>

  constructor(place: FolderPlace) {
    this.place = place
    this.stubs = readStubs(place.folder)
  }
}

/** Takes from a folder that was killed what no sync had covered: all, nothing, or anything between. */
export function losePower({ place, blocks, segments, stubs }: Durable, random: () => number): void {
  const chance = (of: number) => random() < of
  for (const name of readdirSync(place.journal)) {
    const file = path.join(place.journal, name)
    const { size } = statSync(file)
    const safe = segments.get(name) ?? 0
    const kept = safe + Math.floor(random() * (size - safe + 1))
    if (kept === 0) rmSync(file)
    else tear(file, { from: safe, to: size }, kept, random)
  }
  for (const file of filesBelow(place.blocks)) {
    if (blocks.has(path.basename(file) as Cid) || chance(0.3)) continue
    if (chance(0.3)) rmSync(file)
    else tear(file, { from: 0, to: statSync(file).size }, Math.floor(random() * 2) * statSync(file).size, random)
  }
  for (const file of filesBelow(place.folder)) {
    if (!file.endsWith('.f')) continue
    const now = readFileSync(file)
    const before = stubs.get(objectOf(file))
    if (before === undefined || before.equals(now)) continue
    // A slot on its way to the disk: some of its sectors are there.
    const torn = Buffer.alloc(Math.max(now.length, before.length))
    for (let at = 0; at < torn.length; at += SECTOR_BYTES) {
      const source = chance(0.5) ? now : before
      source.subarray(at, at + SECTOR_BYTES).copy(torn, at)
    }
    writeFileSync(file, chance(0.3) ? before : chance(0.3) ? now : torn)
  }
}

function tear(file: string, { from, to }: { from: number; to: number }, kept: number, random: () => number): void {
  truncateSync(file, kept)
  if (kept <= from || random() < 0.5) return
  const bytes = readFileSync(file)
  const zeroFrom = from + Math.floor(random() * (Math.min(kept, to) - from))
  bytes.fill(0, Math.min(kept, Math.ceil(zeroFrom / SECTOR_BYTES) * SECTOR_BYTES))
  writeFileSync(file, bytes)
}

function watchedStore(real: BlockFiles, moments: Moments, durable: Durable): BlockStore {
  return {
    get isSwept() {
      return real.isSwept
    },
    has: (cid) => real.has(cid),
    open: (cid) => real.open(cid),
    pin: (cid) => real.pin(cid),
    unpin: (cid) => real.unpin(cid),
    distrust: (cid) => real.distrust(cid),
    temporary: () => real.temporary(),
    adopt: async (ref, temporary) => {
      moments.pass('block to be kept')
      await real.adopt(ref, temporary)
    },
    put: async (ref, bytes) => {
      moments.pass('block to be kept')
      await real.put(ref, bytes)
    },
    sync: async (cids) => {
      moments.pass('blocks to be synced')
      const all = [...(cids ?? [])]
      await real.sync(all)
      for (const cid of all) durable.blocks.add(cid)
      moments.pass('blocks synced')
    },
  }
}

function watchedJournal(real: Journal, moments: Moments, durable: Durable): FolderJournal {
  return {
    get empty() {
      return real.empty
    },
    get bytes() {
      return real.bytes
    },
    replay: () => real.replay(),
    append: (record) => {
      moments.pass('record to be appended')
      real.append(record)
      moments.pass('record appended')
    },
    note: (record) => {
      moments.pass('record to be noted')
      real.note(record)
      moments.pass('record noted')
    },
    sync: async () => {
      moments.pass('journal to be synced')
      const { journal } = durable.place
      const names = readdirSync(journal)
      const sizes = new Map(names.map((name) => [name, statSync(path.join(journal, name)).size]))
      await real.sync()
      durable.segments = sizes
      moments.pass('journal synced')
    },
    rotate: () => real.rotate(),
    dropThrough: (mark) => {
      moments.pass('journal to be dropped')
      real.dropThrough(mark)
      moments.pass('journal dropped')
    },
    close: () => real.close(),
  }
}

function readStubs(folder: string): Map<string, Buffer> {
  const stubs = new Map<string, Buffer>()
  for (const file of filesBelow(folder)) if (file.endsWith('.f')) stubs.set(objectOf(file), readFileSync(file))
  return stubs
}

function objectOf(file: string): string {
  const { ino, birthtimeNs } = statSync(file, { bigint: true })
  return `${ino}.${birthtimeNs}`
}

function filesBelow(directory: string): string[] {
  const entries = readdirSync(directory, { withFileTypes: true, recursive: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name))
}
