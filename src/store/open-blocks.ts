/**
 * File descriptors of block files: a bounded cache of the recently used ones, counted while handles are out.
 *
 * Invariant: a descriptor is closed exactly once, when it is neither in the cache nor behind a handle; so a handle
 * reads its block to the end, though the block was deleted or its descriptor pushed out of the cache.
 *
 * A block's file is modified, as its disk tells it, when the block was made or last opened here: that costs no memory, outlives
 * the process, and is the order in which blocks make room. It is wrong by an hour at most.
 */
import type { Stats } from 'node:fs'
import { Lru } from '../concurrency/lru.ts'
import type { BlockHandle, Cid } from '../dfs.ts'
import { logger } from '../log.ts'
import { fromNodeError } from '../posix/errno.ts'
import { codeOf, type Files } from './files.ts'

const log = logger('store')

const USE_SHOWS_MS = 3_600_000

interface OpenFile {
  readonly cid: Cid
  readonly fd: number
  readonly bytes: number
  /** Until when its file's time is right enough, in ms of the monotonic clock. */
  usedUntil: number
  handles: number
  cached: boolean
}

export class OpenBlocks {
  readonly #files: Files
  readonly #cache: Lru<Cid, OpenFile>

  constructor(files: Files, openFilesMax: number) {
    this.#files = files
    this.#cache = new Lru<Cid, OpenFile>({
      weightMax: openFilesMax,
      weigh: () => 1,
      onEvict: (_cid, file) => {
        file.cached = false
        this.#closeIfUnused(file)
      },
    })
  }

  /** A handle on the block, with the cached descriptor or else one that `openFd` opens (undefined: not here). */
  open(cid: Cid, openFd: () => number | undefined): BlockHandle | undefined {
    const file = this.#cache.get(cid) ?? this.#add(cid, openFd())
    if (file === undefined) return undefined
    if (file.usedUntil < performance.now()) this.#noteUse(file)
    return this.#handle(file)
  }

  /** Forgets a block whose file was deleted or replaced; handles that are out keep the old one. */
  drop(cid: Cid): void {
    this.#cache.delete(cid)
  }

  /** Empties the cache: for the end, and when descriptors run out. */
  clear(): void {
    this.#cache.clear()
  }

  #add(cid: Cid, fd: number | undefined): OpenFile | undefined {
    if (fd === undefined) return undefined
    const { size, mtimeMs } = this.#stat(fd, cid)
    const usedUntil = performance.now() + USE_SHOWS_MS - Math.abs(Date.now() - mtimeMs)
    const file = { cid, fd, bytes: size, usedUntil, handles: 0, cached: true }
    this.#cache.set(cid, file)
    return file
  }

  /** Never fails: the order in which blocks make room is not worth a read. */
  #noteUse(file: OpenFile): void {
    file.usedUntil = performance.now() + USE_SHOWS_MS
    const nowMs = Date.now()
    try {
      this.#files.touchSync(file.fd, nowMs, nowMs)
    } catch (error) {
      log('the use of %s is not noted: %s', file.cid, codeOf(error))
    }
  }

  #stat(fd: number, cid: Cid): Stats {
    try {
      return this.#files.fstatSync(fd)
    } catch (error) {
      this.#files.closeSync(fd)
      throw fromNodeError(error, 'open block', cid)
    }
  }

  #handle(file: OpenFile): BlockHandle {
    let open = true
    file.handles++
    return {
      bytes: file.bytes,
      fd: file.fd,
      read: (offset, length) => this.#read(file, offset, length),
      close: () => {
        if (!open) return
        open = false
        file.handles--
        this.#closeIfUnused(file)
      },
    }
  }

  #read(file: OpenFile, offset: number, length: number): Buffer {
    const into = Buffer.allocUnsafe(Math.max(0, Math.min(length, file.bytes - offset)))
    let filled = 0
    try {
      while (filled < into.length) {
        const rest = filled === 0 ? into : into.subarray(filled)
        const count = this.#files.readSync(file.fd, rest, rest.length, offset + filled)
        if (count === 0) break
        filled += count
      }
    } catch (error) {
      throw fromNodeError(error, 'read block', file.cid)
    }
    return into.subarray(0, filled)
  }

  #closeIfUnused(file: OpenFile): void {
    if (!file.cached && file.handles === 0) this.#files.closeSync(file.fd)
  }
}
