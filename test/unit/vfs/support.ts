/**
 * A folder for tests of the vfs, put together by hand: a real directory, journal and sealing; blocks and index in memory.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after } from 'node:test'
import { byteStringOf } from '../../../src/bytes/byte-string.ts'
import type { BlockSource, BlockStore, ReplicaCounter } from '../../../src/dfs.ts'
import { closeFd, O, openAt } from '../../../src/posix/files.ts'
import { type Stat, statFd } from '../../../src/posix/stat.ts'
import { Keys } from '../../../src/seal/keys.ts'
import { SealPool } from '../../../src/seal/pool.ts'
import { Journal } from '../../../src/store/journal.ts'
import { MemoryBlocks } from '../../../src/store/memory-blocks.ts'
import { type Adopted, Adopter, type AdoptOptions } from '../../../src/vfs/adopt.ts'
import { ChangeFeed } from '../../../src/vfs/change-feed.ts'
import { Checkpointer } from '../../../src/vfs/checkpointer.ts'
import { ChunkReader } from '../../../src/vfs/chunk-reader.ts'
import { Committer } from '../../../src/vfs/committer.ts'
import { DirtyMemory } from '../../../src/vfs/dirty-memory.ts'
import { Filesystem } from '../../../src/vfs/filesystem.ts'
import { type Inode, InodeTable, objectKey } from '../../../src/vfs/inode-table.ts'
import type { Attributes } from '../../../src/vfs/operations.ts'
import { Sealer } from '../../../src/vfs/sealer.ts'
import type { AttributeIndex, Services, StubAttributes } from '../../../src/vfs/services.ts'
import { StubTree } from '../../../src/vfs/stub-tree.ts'
import { Versions, versionsDirectory } from '../../../src/vfs/versions.ts'
import { PoisonedSlots } from '../../support/poisoned-slots.ts'
import { lookupIn } from './lookup-in.ts'

export const KEYS = Keys.derive(Buffer.alloc(32, 7))
export const CALLER = { uid: process.getuid!(), gid: process.getgid!(), pid: process.pid }

const pool = new SealPool({ keys: KEYS, threads: 1, memory: new PoisonedSlots() })
after(() => pool.close())

const AT_FDCWD = -100
const MIB = 1024 * 1024
const NEVER = new AbortController().signal

export interface TestFolderOptions {
  /** An existing directory; else a new one, removed when the tests of the file are over. */
  directory?: string
  store?: BlockStore
  /** Where blocks come from that are not in the store. */
  source?: BlockSource
  replicas?: ReplicaCounter
  syncFilesystem?: (fd: number) => Promise<void>
}

export class TestFolder implements AsyncDisposable {
  readonly path: string
  readonly services: Services
  readonly committer: Committer
  readonly checkpointer: Checkpointer
  readonly filesystem: Filesystem
  readonly adopter: Adopter
  readonly versions: Inode
  /** A file is kept if it stood unchanged for ten seconds. */
  readonly keeping: Versions
  diskFree = Number.POSITIVE_INFINITY
  readonly #stack: AsyncDisposableStack

  private constructor(directory: string, services: Services, stack: AsyncDisposableStack, options: TestFolderOptions) {
    const { tree } = services
    this.path = directory
    this.services = services
    this.#stack = stack
    this.versions = versionsDirectory(services)
    const versions = new Versions(services, { directory: this.versions, deletedAgeMsMin: 10_000 })
    this.keeping = versions
    this.committer = new Committer(services)
    this.checkpointer = new Checkpointer(services, { committer: this.committer, versions })
    const reserved = this.versions.place.parent
    this.adopter = stack.use(
      new Adopter(services, {
        reservedDirectoryFd: () => tree.directoryFd(reserved),
        syncFilesystem: options.syncFilesystem,
      }),
    )
    this.filesystem = new Filesystem({
      services,
      committer: this.committer,
      versions,
      adoptInWay: (parent, name) => this.adopter.adoptInWay(parent, name),
      relieve: () => undefined,
      storeFd: tree.rootFd,
    })
  }

  /** Of the disk that the blocks are on. */
  readonly diskFreeBytes = (): number => this.diskFree

  static async open(options: TestFolderOptions = {}): Promise<TestFolder> {
    const { directory = temporaryDirectory(), store = new MemoryBlocks(), source, replicas } = options
    const stack = new AsyncDisposableStack()
    const rootFd = openAt(AT_FDCWD, byteStringOf(directory), O.RDONLY | O.DIRECTORY)
    const table = new InodeTable(statFd(rootFd))
    const index = new MemoryIndex()
    const tree = new StubTree({ rootFd, keys: KEYS, index, table })
    stack.defer(() => tree.close())
    mkdirSync(path.join(directory, '.dfs'), { recursive: true })
    const journal = await Journal.open({ dir: path.join(directory, '.dfs', 'journal'), keys: KEYS })
    stack.defer(() => journal.close())
    const reader = new ChunkReader({ store, pool, source, cacheBytesMax: 16 * MIB })
    const sealer = new Sealer({ pool, store })
    const dirty = new DirtyMemory(pool.memory, 64 * MIB)
    const changes = new ChangeFeed(table)
    const services = {
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
      changes,
      replicas,
    }
    return new TestFolder(directory, services, stack, options)
  }

  /** Adopts what is at and below a path. */
  adopt(inside = '', options: Partial<AdoptOptions> = {}): Promise<Adopted> {
    const complete = { keep: false, signal: NEVER, onProgress: () => {}, ...options }
    return this.adopter.adopt(this.services.table.root, byteStringOf(inside), complete)
  }

  /** What stands at a visible path, as `lookup` gives it; undefined if there is nothing. */
  lookup(inside: string): Attributes | undefined {
    let found = this.filesystem.getattr(this.services.table.root.ino)
    for (const name of inside.split('/')) {
      const next = lookupIn(this.filesystem, found.ino, byteStringOf(name))
      if (next === undefined) return undefined
      found = next
    }
    return found
  }

  /** As `lookup`, of what may be below `.dfs/versions`, too. */
  async find(inside: string): Promise<Attributes | undefined> {
    let found = this.filesystem.getattr(this.services.table.root.ino)
    for (const name of inside.split('/')) {
      const next = await this.filesystem.lookup(found.ino, byteStringOf(name))
      if (next === undefined) return undefined
      found = next
    }
    return found
  }

  /** The whole content of a file. */
  async read(inside: string): Promise<Buffer> {
    const found = await this.find(inside)
    if (found === undefined) throw new Error(`there is no ${inside}`)
    const handle = await this.filesystem.open(found.ino, O.RDONLY)
    const content = Buffer.alloc(found.size)
    await this.filesystem.read(handle, 0, content)
    await this.filesystem.flush(handle)
    this.filesystem.release(handle)
    return content
  }

  /** The stub of a visible path as a walk sees it. */
  inode(inside: string): Inode {
    return this.services.table.get(this.lookup(inside)!.ino)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync()
  }
}

export class MemoryIndex implements AttributeIndex {
  readonly #entries = new Map<string, { ctimeNs: bigint; attributes: StubAttributes }>()

  get(stat: Stat): StubAttributes | undefined {
    const entry = this.#entries.get(objectKey(stat))
    return entry?.ctimeNs === stat.ctimeNs ? entry.attributes : undefined
  }

  put(stat: Stat, attributes: StubAttributes): void {
    this.#entries.set(objectKey(stat), { ctimeNs: stat.ctimeNs, attributes })
  }
}

export function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'dfs-vfs-'))
  after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Bytes that look random and are the same each time. */
export function noise(bytes: number, seed = 1): Buffer {
  const made = Buffer.alloc(bytes)
  let state = seed >>> 0 || 1
  for (let at = 0; at + 4 <= bytes; at += 4) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    made.writeInt32LE(state | 0, at)
  }
  return made
}

/** Opens a directory for the `*At` calls. */
export function withDirectory<T>(directory: string, use: (fd: number) => T): T {
  const fd = openAt(AT_FDCWD, byteStringOf(directory), O.RDONLY | O.DIRECTORY)
  try {
    return use(fd)
  } finally {
    closeFd(fd)
  }
}
