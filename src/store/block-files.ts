/**
 * The block store on disk: one immutable file a block at `xx/CID`, written in `tmp/` and renamed.
 *
 * Invariants: a file under a block's name is never written to, so its readers see all of it or it is not there;
 * bytes of an earlier run count as kept only after a comparison, because power loss tears what was not synced;
 * deletion and the check of pins are one synchronous step.
 */
import assert from 'node:assert'
import type { Stats } from 'node:fs'
import path from 'node:path'
import type { BlockHandle, BlockName, BlockStore, Cid } from '../dfs.ts'
import { DfsError, kindOf } from '../errors.ts'
import { parseCid } from '../format/cid.ts'
import { BlockDurability } from './block-durability.ts'
import { makeDirectories, placeOf, SHARDS, type StoredFile, TEMPORARY_DIRECTORY } from './block-paths.ts'
import { BlockWriter } from './block-writer.ts'
import { codeOf, type Files, realFiles } from './files.ts'
import { OpenBlocks } from './open-blocks.ts'
import { Pacer } from './pacer.ts'
import { Pins, type Sweep, type SweepableStore } from './pins.ts'
import { storeError } from './store-error.ts'

export interface BlockFilesOptions {
  /** False: the store must be there already (its disk may be missing). Default true. */
  create?: boolean
  /** Bound of the cache of open block files. */
  openFilesMax?: number
  files?: Files
}

export class BlockFiles implements BlockStore, SweepableStore {
  readonly #dir: string
  readonly #files: Files
  readonly #rootFd: number
  readonly #root: { readonly dev: number; readonly ino: number }
  readonly #pins = new Pins()
  readonly #opened: OpenBlocks
  readonly #durability: BlockDurability
  readonly #writer: BlockWriter
  readonly #putting = new Map<Cid, Promise<void>>()

  private constructor(dir: string, rootFd: number, files: Files, openFilesMax: number) {
    this.#dir = dir
    this.#files = files
    this.#rootFd = rootFd
    this.#root = files.fstatSync(rootFd)
    this.#opened = new OpenBlocks(files, openFilesMax)
    this.#durability = new BlockDurability({ files, rootFd, pathOf: (cid) => this.#pathOf(cid) })
    this.#writer = new BlockWriter(path.join(dir, TEMPORARY_DIRECTORY), files)
  }

  /** Opens the store at `dir`, which one process at a time may do. Fails with `not-found` (see `create`), `io`. */
  static async open(
    dir: string,
    { create = true, openFilesMax = 256, files = realFiles }: BlockFilesOptions = {},
  ): Promise<BlockFiles> {
    if (!create && files.statSync(path.join(dir, TEMPORARY_DIRECTORY)) === undefined) {
      throw new DfsError('not-found', 'there is no block store', {
        op: 'open block store',
        subject: dir,
        mend: 'mount the disk it is on',
      })
    }
    try {
      await makeDirectories(dir, files)
      const rootFd = files.openSync(dir, 'r')
      return new BlockFiles(dir, rootFd, files, openFilesMax)
    } catch (error) {
      throw storeError(error, 'open block store', dir)
    }
  }

  /** Looks at the disk: a descriptor that is still cached says nothing of the file, which somebody may have deleted. */
  has(cid: Cid): boolean {
    return this.#sizeOf(cid) !== undefined
  }

  open(cid: Cid): BlockHandle | undefined {
    try {
      return this.#opened.open(cid, () => this.#openFd(cid))
    } catch (error) {
      if (kindOf(error) !== 'too-many-files') throw error
      this.#opened.clear()
      return this.#opened.open(cid, () => this.#openFd(cid))
    }
  }

  put(ref: BlockName, bytes: Buffer): Promise<void> {
    assert(bytes.length === ref.sealedBytes, `a block of ${bytes.length} bytes for a reference of ${ref.sealedBytes}`)
    // Before the first await: from here on no sweep deletes the block that may be found to be here already.
    this.#pins.pin(ref.cid)
    return this.#keepOnce(ref.cid, bytes).catch((error) => {
      this.#pins.unpin(ref.cid)
      throw error
    })
  }

  temporary(): string {
    return this.#writer.temporary()
  }

  adopt(ref: BlockName, temporary: string): Promise<void> {
    this.#pins.pin(ref.cid)
    return this.#adoptOnce(ref, temporary).catch((error) => {
      this.#pins.unpin(ref.cid)
      throw error
    })
  }

  pin(cid: Cid): void {
    this.#pins.pin(cid)
  }

  unpin(cid: Cid): void {
    this.#pins.unpin(cid)
  }

  get isSwept(): boolean {
    return this.#pins.isRecording
  }

  distrust(cid: Cid): void {
    this.#durability.distrust(cid)
    this.#opened.drop(cid)
  }

  async sync(cids?: Iterable<Cid>): Promise<void> {
    const wanted = cids === undefined ? undefined : new Set(cids)
    const putting = [...this.#putting].filter(([cid]) => wanted?.has(cid) ?? true)
    await Promise.allSettled(putting.map(([, work]) => work))
    await this.#durability.sync(wanted)
  }

  /** Deletes a block unless it is pinned; says whether it was here and is gone. */
  delete(cid: Cid): boolean {
    return !this.#pins.isPinned(cid) && this.#remove(cid) !== undefined
  }

  /** Every block that `open` would find, in no order; paced. Fails with `io` when a directory cannot be read. */
  async *list(): AsyncGenerator<{ cid: Cid; bytes: number; usedMs: number }> {
    for await (const { place, cid, bytes, usedMs } of this.stored()) {
      if (cid !== undefined && place === placeOf(cid)) yield { cid, bytes, usedMs }
    }
  }

  /** Every file in the store's directories but temporary ones, misplaced and foreign ones included; paced. */
  async *stored(): AsyncGenerator<StoredFile> {
    const pacer = new Pacer()
    for (const shard of SHARDS) {
      for (const name of await this.#namesIn(shard)) {
        if (pacer.due) await pacer.pause()
        const place = `${shard}/${name}`
        const stat = this.#stat(place)
        if (stat !== undefined) yield { place, cid: parseCid(name), bytes: stat.size, usedMs: stat.mtimeMs }
      }
    }
  }

  /** The bytes of a file that `stored` named; undefined if it is gone. Fails with `io`. */
  async readStored({ place }: StoredFile): Promise<Buffer | undefined> {
    try {
      return await this.#files.readFile(path.join(this.#dir, place))
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw storeError(error, 'read block', place)
    }
  }

  /** Where a block's file is, if it is here: for other threads, which only read it. */
  fileOf(cid: Cid): string {
    return this.#pathOf(cid)
  }

  /** Counts blocks and their bytes by looking at each. */
  async usage(): Promise<{ blocks: number; bytes: number }> {
    const usage = { blocks: 0, bytes: 0 }
    for await (const { bytes } of this.list()) {
      usage.blocks++
      usage.bytes += bytes
    }
    return usage
  }

  beginSweep(): Sweep {
    return this.#pins.beginSweep((cid) => this.#remove(cid))
  }

  /** Waits for what is under way and closes every descriptor but those behind handles. Nothing is synced. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#putting.values())
    await this.#durability.settled()
    this.#opened.clear()
    this.#files.closeSync(this.#rootFd)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #keepOnce(cid: Cid, bytes: Buffer): Promise<void> {
    const underWay = this.#putting.get(cid)
    if (underWay !== undefined) return underWay
    const work = this.#keep(cid, bytes).finally(() => this.#putting.delete(cid))
    this.#putting.set(cid, work)
    return work
  }

  async #keep(cid: Cid, bytes: Buffer): Promise<void> {
    const found = this.#sizeOf(cid) === bytes.length && !this.#durability.isSuspect(cid)
    if (found && this.#durability.isKnown(cid)) return
    const equal = found && (await this.#holds(cid, bytes))
    if (!equal) {
      await this.#writer.write(this.#pathOf(cid), bytes)
      this.#opened.drop(cid)
    }
    this.#durability.noteFresh(cid)
  }

  async #adoptOnce(ref: BlockName, temporary: string): Promise<void> {
    const underWay = this.#putting.get(ref.cid)
    if (underWay === undefined && this.#sizeOf(ref.cid) === undefined) {
      this.#writer.move(temporary, this.#pathOf(ref.cid))
      this.#durability.noteFresh(ref.cid)
      return
    }
    // Rare: an equal block is here, or on its way. Its bytes must be looked at as `put` does.
    try {
      const known = this.#durability.isKnown(ref.cid) && !this.#durability.isSuspect(ref.cid)
      if (underWay === undefined && known && this.#sizeOf(ref.cid) === ref.sealedBytes) return
      await this.#keepOnce(ref.cid, await this.#readTemporary(temporary))
    } finally {
      this.#writer.discard(temporary)
    }
  }

  async #readTemporary(temporary: string): Promise<Buffer> {
    try {
      return await this.#files.readFile(temporary)
    } catch (error) {
      throw storeError(error, 'read block', temporary)
    }
  }

  async #holds(cid: Cid, bytes: Buffer): Promise<boolean> {
    try {
      return bytes.equals(await this.#files.readFile(this.#pathOf(cid)))
    } catch {
      // Unreadable is no better than torn: it is replaced.
      return false
    }
  }

  /** The length of the block that was deleted; undefined if it was not here. */
  #remove(cid: Cid): number | undefined {
    const bytes = this.#sizeOf(cid)
    if (bytes === undefined) return undefined
    try {
      this.#files.unlinkSync(this.#pathOf(cid))
    } catch (error) {
      throw storeError(error, 'delete block', cid)
    }
    this.#opened.drop(cid)
    this.#durability.forget(cid)
    return bytes
  }

  #openFd(cid: Cid): number | undefined {
    try {
      return this.#files.openSync(this.#pathOf(cid), 'r')
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw storeError(error, 'open block', cid)
      this.#assertHere()
      return undefined
    }
  }

  #sizeOf(cid: Cid): number | undefined {
    const bytes = this.#stat(placeOf(cid))?.size
    if (bytes === undefined) this.#assertHere()
    return bytes
  }

  #stat(place: string): Stats | undefined {
    try {
      return this.#files.statSync(`${this.#dir}/${place}`)
    } catch (error) {
      throw storeError(error, 'look for block', place)
    }
  }

  async #namesIn(shard: string): Promise<string[]> {
    try {
      return await this.#files.readDirectory(path.join(this.#dir, shard))
    } catch (error) {
      throw storeError(error, 'list blocks', shard)
    }
  }

  /** "Not here" is an answer only while the store itself is: its directory gone means that its disk is. */
  #assertHere(): void {
    const now = this.#stat('.')
    if (now?.dev === this.#root.dev && now.ino === this.#root.ino) return
    throw new DfsError('io', 'the block store is gone', {
      op: 'open block',
      subject: this.#dir,
      mend: 'mount its disk',
    })
  }

  #pathOf(cid: Cid): string {
    return `${this.#dir}/${placeOf(cid)}`
  }
}
