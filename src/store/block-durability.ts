/**
 * What is known of each block file's durability in this run of the process, and how blocks become durable.
 *
 * A block is *fresh* once its bytes were written or compared in this run, *durable* once file and directory were
 * synced since, *suspect* when a sync failed: the kernel may have dropped its pages, and a second sync would
 * succeed for nothing. A suspect block stays so, and fails every sync that names it, until it is written anew.
 * Of a block of an earlier run nothing is known: it may be torn by power loss, and is checked against its CID first.
 */
import path from 'node:path'
import type { Cid } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { BLOCK_BYTES_MAX } from '../format/block.ts'
import { digestOfCid } from '../format/cid.ts'
import { warn } from '../log.ts'
import { digestOf } from '../seal/hash.ts'
import type { Files } from './files.ts'
import { Group } from './group.ts'
import { storeError } from './store-error.ts'

/** Up to so many blocks are synced one by one; beyond, the whole file system at once is cheaper. */
const SYNC_EACH_MAX = 32
/** To forget that a block is durable costs one comparison later, and bounds the memory. */
const DURABLE_REMEMBERED_MAX = 200_000

interface Options {
  readonly files: Files
  /** A descriptor of the store's directory, open since before anything was written: it gets the errors of write-back. */
  readonly rootFd: number
  readonly pathOf: (cid: Cid) => string
}

/** The blocks that a caller wants durable; undefined: all fresh ones. */
type Wanted = ReadonlySet<Cid> | undefined
type Failures = ReadonlyMap<Cid, DfsError>

export class BlockDurability {
  readonly #files: Files
  readonly #rootFd: number
  readonly #pathOf: (cid: Cid) => string
  /** The value tells two lives of one block apart. */
  readonly #fresh = new Map<Cid, symbol>()
  readonly #durable = new Set<Cid>()
  readonly #suspect = new Map<Cid, DfsError>()
  readonly #rounds = new Group((wanted: Wanted[]) => this.#syncRound(wanted))

  constructor({ files, rootFd, pathOf }: Options) {
    this.#files = files
    this.#rootFd = rootFd
    this.#pathOf = pathOf
  }

  /** True if the bytes of the block were written or compared in this run, and no sync of them failed. */
  isKnown(cid: Cid): boolean {
    return this.#fresh.has(cid) || this.#durable.has(cid)
  }

  isSuspect(cid: Cid): boolean {
    return this.#suspect.has(cid)
  }

  noteFresh(cid: Cid): void {
    this.forget(cid)
    this.#fresh.set(cid, Symbol())
  }

  /** The block's bytes are not what was written or compared. */
  distrust(cid: Cid): void {
    this.#fresh.delete(cid)
    this.#durable.delete(cid)
  }

  /** The block's file is gone. */
  forget(cid: Cid): void {
    this.#fresh.delete(cid)
    this.#durable.delete(cid)
    this.#suspect.delete(cid)
  }

  /**
   * Resolves once these blocks (or all fresh ones) survive power loss.
   * Fails with `io`, `no-space` or `corrupt` for the first that does not; the others are durable then.
   */
  async sync(wanted: Wanted): Promise<void> {
    const failures = await this.#rounds.run(wanted)
    if (failures.size === 0) return
    // A block deleted meanwhile matters only to a caller that named it.
    const concerned = wanted ?? [...failures.keys()].filter((cid) => this.isKnown(cid) || this.isSuspect(cid))
    for (const cid of concerned) {
      const failure = failures.get(cid)
      if (failure !== undefined) throw failure
    }
  }

  settled(): Promise<void> {
    return this.#rounds.settled()
  }

  async #syncRound(round: Wanted[]): Promise<Failures> {
    const failures = new Map<Cid, DfsError>()
    const pending = new Map<Cid, symbol>()
    for (const cid of this.#union(round)) {
      if (this.#durable.has(cid)) continue
      const failure = this.#suspect.get(cid) ?? (this.#fresh.has(cid) ? undefined : await this.#check(cid))
      const life = this.#fresh.get(cid)
      if (life !== undefined) pending.set(cid, life)
      else failures.set(cid, failure ?? notHere(cid))
    }
    if (pending.size > SYNC_EACH_MAX) await this.#syncAll([...pending.keys()], failures)
    else if (pending.size > 0) await this.#syncEach([...pending.keys()], failures)
    for (const [cid, life] of pending) if (!failures.has(cid)) this.#noteDurable(cid, life)
    return failures
  }

  #union(round: Wanted[]): Set<Cid> {
    const union = new Set<Cid>()
    for (const wanted of round) {
      for (const cid of wanted ?? this.#fresh.keys()) union.add(cid)
      if (wanted === undefined) for (const cid of this.#suspect.keys()) union.add(cid)
    }
    return union
  }

  /** Compares a block of an earlier run with its CID; fresh if it is whole, else the failure. */
  async #check(cid: Cid): Promise<DfsError | undefined> {
    const file = this.#pathOf(cid)
    try {
      const size = this.#files.statSync(file)?.size
      if (size === undefined) return notHere(cid)
      if (size > BLOCK_BYTES_MAX || !digestOf(await this.#files.readFile(file)).equals(digestOfCid(cid))) {
        return new DfsError('corrupt', 'the block is damaged', { op: 'sync block', subject: cid })
      }
    } catch (error) {
      return storeError(error, 'sync block', cid)
    }
    if (!this.isKnown(cid)) this.noteFresh(cid)
    return undefined
  }

  async #syncAll(cids: Cid[], failures: Map<Cid, DfsError>): Promise<void> {
    try {
      await this.#files.syncFilesystem(this.#rootFd)
    } catch (error) {
      this.#suspectAll(cids, error, failures)
    }
  }

  async #syncEach(cids: Cid[], failures: Map<Cid, DfsError>): Promise<void> {
    const { dataSync, sync } = this.#files
    await Promise.all(cids.map((cid) => this.#syncPath(this.#pathOf(cid), dataSync, [cid], failures)))
    // Names after contents: no name is made durable whose bytes are not.
    const directories = Map.groupBy(cids, (cid) => path.dirname(this.#pathOf(cid)))
    await Promise.all([...directories].map(([directory, within]) => this.#syncPath(directory, sync, within, failures)))
  }

  async #syncPath(target: string, sync: (fd: number) => Promise<void>, cids: Cid[], failures: Map<Cid, DfsError>) {
    let fd: number
    try {
      fd = this.#files.openSync(target, 'r')
    } catch (error) {
      for (const cid of cids) failures.set(cid, storeError(error, 'sync block', cid))
      return
    }
    try {
      await sync(fd)
    } catch (error) {
      this.#suspectAll(cids, error, failures)
    } finally {
      this.#files.closeSync(fd)
    }
  }

  #noteDurable(cid: Cid, life: symbol): void {
    // Deleted or written anew meanwhile: what was synced is not what is there now.
    if (this.#fresh.get(cid) !== life) return
    this.#fresh.delete(cid)
    this.#durable.add(cid)
    if (this.#durable.size > DURABLE_REMEMBERED_MAX) this.#durable.delete(this.#durable.values().next().value!)
  }

  #suspectAll(cids: Cid[], error: unknown, failures: Map<Cid, DfsError>): void {
    for (const cid of cids) {
      const failure = storeError(error, 'sync block', cid)
      failures.set(cid, failure)
      if (this.#fresh.delete(cid)) this.#suspect.set(cid, failure)
    }
    warn(`block store: the disk did not keep ${cids.length} blocks (${cids[0]}, ...): ${(error as Error).message}`)
  }
}

function notHere(cid: Cid): DfsError {
  return new DfsError('io', 'the block is not here', { op: 'sync block', subject: cid })
}
