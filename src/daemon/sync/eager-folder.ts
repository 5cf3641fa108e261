/**
 * One open folder of which all content is to be on this device: what is not, and what comes from others later, is fetched
 * in the background, a file at a time, and only as long as nothing has to be evicted for it.
 *
 * What could not be had is tried again when a device comes, and now and then.
 */

import { Slices } from '../../concurrency/slices.ts'
import type { ByteString } from '../../dfs.ts'
import { DfsError, describeError, kindOf } from '../../errors.ts'
import { joinPath } from '../../format/head-path.ts'
import { logger } from '../../log.ts'
import { DirtyPaths } from '../../sync/head-dirty.ts'
import type { Folder } from '../../vfs/folder.ts'

const log = logger('eager')

export type EagerlyKept = Pick<Folder, 'id' | 'path' | 'onChange' | 'giveUpFetching'> & {
  readonly outside: Pick<Folder['outside'], 'look' | 'list'>
  readonly files: Pick<Folder['files'], 'hydrate'>
}

export interface EagerFolderOptions {
  readonly folder: EagerlyKept
  /** Waits until so many bytes may be fetched. */
  readonly pace: (bytes: number, signal: AbortSignal) => Promise<void> | undefined
  /** How many bytes can come before others would have to go. */
  readonly room: () => Promise<number>
  /** Whether there is anybody to ask. */
  readonly hasOthers: () => boolean
  readonly quietMs?: number
  readonly againMs?: number
}

export interface EagerState {
  /** All content is here. */
  readonly isComplete: boolean
  readonly isFetching: boolean
  /** Fetched since the folder was opened, in bytes as they are sent. */
  readonly fetchedBytes: number
  /** Files that nobody who is connected has. */
  readonly unreachable: number
  /** There is no room for more. */
  readonly isFull: boolean
}

/** Others are told of what is written here meanwhile, and send what they have. */
const QUIET_MS = 500
const AGAIN_MS = 60_000
const AGAIN_MS_MAX = 30 * 60_000
/** Beside what programs wait for. */
const BLOCKS_AT_ONCE = 4
/** In a row: who is not there for these is not there. */
const FAILURES_MAX = 5

export class EagerFolder implements AsyncDisposable {
  readonly #options: EagerFolderOptions
  readonly #stopping = new AbortController()
  readonly #unlisten: () => void
  readonly #slices = new Slices()
  readonly #left = new DirtyPaths()
  readonly #unreachable = new Set<ByteString>()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #againMs: number
  #fetchedBytes = 0
  #roomBytes = 0
  #failures = 0
  #isFull = false

  constructor(options: EagerFolderOptions) {
    this.#options = options
    this.#againMs = options.againMs ?? AGAIN_MS
    this.#unlisten = options.folder.onChange((change) => {
      if (!('path' in change)) return
      this.#left.add(change)
      this.#runIn(options.quietMs ?? QUIET_MS)
    })
    this.#left.addAll()
    this.#runIn(0)
  }

  get state(): EagerState {
    const isFetching = this.#running !== undefined
    return {
      isComplete: !isFetching && this.#left.size + this.#unreachable.size === 0,
      isFetching,
      fetchedBytes: this.#fetchedBytes,
      unreachable: this.#unreachable.size,
      isFull: this.#isFull,
    }
  }

  /** A device has come, or there may be more room: what could not be had is tried again. */
  retry(): void {
    this.#againMs = this.#options.againMs ?? AGAIN_MS
    this.#tryAgain()
  }

  /** Resolves when nothing is fetched any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new DfsError('aborted', 'the folder is being closed'))
    this.#unlisten()
    clearTimeout(this.#timer)
    await this.#running
  }

  #tryAgain(): void {
    for (const path of this.#unreachable) this.#left.add({ path, isTree: false })
    if (this.#left.size > 0) this.#runIn(this.#options.quietMs ?? QUIET_MS)
  }

  #runIn(ms: number): void {
    if (this.#stopping.signal.aborted || this.#running !== undefined) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#running = this.#run().finally(() => {
        this.#running = undefined
        this.#runNext()
      })
    }, ms).unref()
  }

  #runNext(): void {
    if (this.#stopping.signal.aborted || this.#left.size + this.#unreachable.size === 0) return
    if (this.#left.size > 0 && this.#failures === 0) {
      this.#runIn(this.#options.quietMs ?? QUIET_MS)
      return
    }
    const ms = this.#againMs
    this.#againMs = Math.min(AGAIN_MS_MAX, 2 * ms)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#tryAgain(), ms).unref()
  }

  async #run(): Promise<void> {
    this.#failures = 0
    const taken = this.#left.take()
    try {
      this.#roomBytes = await this.#options.room()
      this.#isFull = false
      for (const { path, isTree } of taken.places()) await this.#visit(path, isTree)
    } catch (error) {
      // The rest is found again by looking at it all.
      this.#left.putBack(taken)
      this.#failures++
      this.#isFull = kindOf(error) === 'no-space'
      log('%s: %s', this.#options.folder.path, describeError(error))
    }
  }

  async #visit(path: ByteString, isTree: boolean): Promise<void> {
    const { outside } = this.#options.folder
    await this.#slices.next()
    this.#stopping.signal.throwIfAborted()
    const found = path === '' ? { kind: 'directory' as const } : outside.look(path)
    this.#unreachable.delete(path)
    // What somebody writes here is here.
    if (typeof found !== 'object') return
    if (found.kind === 'directory') {
      if (!isTree) return
      for (const name of await outside.list(path)) await this.#visit(joinPath(path, name), true)
    } else if ('content' in found && found.content.kind === 'file') {
      const { size, content } = found.content
      const { mtimeNs, attributes } = found
      if (content.kind !== 'inline') {
        await this.#fetch(path, { content, meta: { size, mtimeNs, ctimeNs: mtimeNs, mode: attributes.mode } })
      }
    }
  }

  async #fetch(path: ByteString, state: Parameters<EagerlyKept['files']['hydrate']>[0]): Promise<void> {
    const { folder, pace, hasOthers } = this.#options
    const { signal } = this.#stopping
    try {
      const bytes = await folder.files.hydrate(state, {
        signal,
        blocksAtOnce: BLOCKS_AT_ONCE,
        pace: (blockBytes) => {
          if (!hasOthers()) throw new DfsError('unreachable', 'no other device is connected')
          if (this.#roomBytes < blockBytes) throw new DfsError('no-space', 'the limit for content is reached')
          this.#roomBytes -= blockBytes
          return pace(blockBytes, signal)
        },
      })
      this.#fetchedBytes += bytes
      this.#failures = 0
    } catch (error) {
      signal.throwIfAborted()
      if (kindOf(error) === 'no-space') throw error
      this.#unreachable.add(path)
      if (++this.#failures >= FAILURES_MAX || !hasOthers()) throw error
    }
  }
}
