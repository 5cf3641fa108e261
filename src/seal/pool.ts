/**
 * Bulk sealing and opening on worker threads.
 *
 * What callers give stays theirs, whatever happens to the worker: bytes in shared memory are read where they are (give
 * slots of `memory` for bulk), others are copied. They must not change until the call settles. Blocks are opened into
 * shared memory that the caller gives; what was sealed is transferred.
 *
 * Tasks wait in line without a limit: how many are in flight is for the caller to bound. Every call ends: with its result,
 * with the worker's DfsError, `internal` if the worker died twice (another takes its place, and its tasks), or
 * `aborted` if the pool was closed. Workers never keep the process alive.
 */
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import type { Piscina } from 'piscina'
import { SharedSlots } from '../bytes/shared-slots.ts'
import type { BlockKind, BlockName, BlockRef, Cid, SealedBlock } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { CHUNK_BYTES_MAX } from '../format/chunk-layout.ts'
import type { Redundancy } from '../format/shard.ts'
import { encodeChallenge, type StorageChallenge } from '../format/storage-proof.ts'
import { logger } from '../log.ts'
import type { BlockSecrets } from './keys.ts'
import type { SealedShard } from './shards.ts'
import {
  blockOfWire,
  bufferOf,
  errorOfWire,
  refOfWire,
  type SentBytes,
  type WorkerAnswer,
  type WorkerStart,
  type WorkerTask,
  wireRef,
  wireSecrets,
} from './wire.ts'

const log = logger('seal')
const THREADS_MAX = 4
/** This file is worker.ts's neighbour both as a source and when built, when both end in `.js`. */
const WORKER = new URL(`./worker${extname(import.meta.url)}`, import.meta.url)

export interface SealPoolOptions {
  keys: BlockSecrets
  /** Default: as many as there are cores, at most 4. */
  threads?: number
  /** Default: a few slots, for those who open little. */
  memory?: SharedSlots
}

/** A plaintext in one piece, or in several that lie one behind the other. */
export type Plain = Buffer | readonly Buffer[]

type Workers = Piscina<WorkerTask, WorkerAnswer>

const SLOTS_DEFAULT = 16
/** The next ones are there when one is done: else a worker is idle until this thread gets to it, and cold reads a fifth slower. */
const TASKS_PER_WORKER = 3

export class SealPool {
  readonly memory: SharedSlots
  #keys: BlockSecrets
  readonly #threads: number
  #starting: Promise<Workers> | undefined
  #workers: Workers | undefined
  #closed: Promise<void> | undefined

  constructor({
    keys,
    threads = Math.max(1, Math.min(THREADS_MAX, availableParallelism())),
    memory = new SharedSlots({ bytes: [CHUNK_BYTES_MAX], count: SLOTS_DEFAULT }),
  }: SealPoolOptions) {
    this.memory = memory
    this.#keys = keys
    this.#threads = threads
  }

  /** Starts the workers, which the first task does otherwise: it takes a tenth of a second. */
  warmUp(): void {
    if (this.#closed === undefined) this.#start().catch((error) => log('no workers: %s', error))
  }

  /** Seals with these secrets from now on; resolves once nothing is sealed with those before any more. */
  async rekey(keys: BlockSecrets): Promise<void> {
    const before = this.#starting
    this.#keys = keys
    this.#starting = undefined
    this.#workers = undefined
    await (await before)?.close()
  }

  /** Seals one chunk or node. */
  async seal(kind: BlockKind, plain: Plain): Promise<SealedBlock> {
    const [block] = await this.sealBatch(kind, [plain])
    return block!
  }

  /** Seals several, by one worker, in one message there and back: for small ones. */
  async sealBatch(kind: BlockKind, plains: readonly Plain[]): Promise<SealedBlock[]> {
    const answer = await this.#run(() => ({ op: 'seal', kind, plains: this.#sentPlains(plains) }))
    assert('sealed' in answer)
    return answer.sealed.map(blockOfWire)
  }

  /**
   * Seals several into new files, one for each, without the sealed bytes ever passing through this thread. Resolves to
   * their references. Fails with `no-space`, `io`; the files are gone then.
   */
  async sealToFiles(kind: BlockKind, plains: readonly Plain[], files: string[]): Promise<BlockRef[]> {
    const answer = await this.#run(() => ({ op: 'seal-to-files', kind, plains: this.#sentPlains(plains), files }))
    assert('written' in answer)
    return answer.written.map(refOfWire)
  }

  /**
   * Puts the plaintext of a whole block into shared memory, which nobody else touches until this settles. With `keepAs`
   * the block is then written to that new file; resolves with why that was not possible.
   * Fails with `corrupt`, `newer-version`; there is no file then.
   */
  async open(bytes: Buffer, ref: BlockRef, into: Buffer, keepAs?: string): Promise<DfsError | undefined> {
    const place = { ref: wireRef(ref), into: this.memory.placeOf(into) }
    const answer = await this.#run(() => ({ op: 'open', bytes: this.#sent(bytes), ...place, keepAs }))
    assert('opened' in answer)
    return answer.notKept && errorOfWire(answer.notKept)
  }

  /**
   * As `open`, of a block of `sealedBytes` bytes that the worker reads with `pread`. The caller keeps the file descriptor
   * open until this settles. Fails with `corrupt`, `newer-version`, `io`.
   */
  async openFd(fd: number, sealedBytes: number, ref: BlockRef, into: Buffer): Promise<void> {
    if (sealedBytes !== ref.sealedBytes) {
      const message = `the block has ${sealedBytes} bytes, not ${ref.sealedBytes}`
      throw new DfsError('corrupt', message, { op: 'open block', subject: ref.cid })
    }
    await this.#run(() => ({ op: 'open-fd', fd, ref: wireRef(ref), into: this.memory.placeOf(into) }))
  }

  /**
   * Answers a challenge from a block's file, which is read and hashed whole. Fails with `not-found` without the file, with
   * `corrupt` if its bytes are not those that the challenge names, with `io`.
   */
  async prove(challenge: StorageChallenge, file: string): Promise<Buffer> {
    const answer = await this.#run(() => ({ op: 'prove', file, challenge: new Uint8Array(encodeChallenge(challenge)) }))
    assert('proof' in answer)
    return bufferOf(answer.proof)
  }

  /** All shards of a sealed block, by their index. */
  async split(block: Buffer, { data, parity }: Redundancy): Promise<SealedShard[]> {
    const answer = await this.#run(() => ({ op: 'split', bytes: this.#sent(block), data, parity }))
    assert('shards' in answer)
    return answer.shards.map(({ cid, bytes }) => ({ cid: cid as Cid, bytes: bufferOf(bytes) }))
  }

  /**
   * Puts the sealed block that these shards give into shared memory, which nobody else touches until this settles; what is
   * none of its shards may be among them. Fails with `unreachable`, `corrupt`, `newer-version` as `joinShards` does.
   */
  async join({ cid, sealedBytes }: BlockName, shards: readonly Buffer[], into: Buffer): Promise<void> {
    const place = { cid, sealedBytes, into: this.memory.placeOf(into) }
    const answer = await this.#run(() => ({ op: 'join', shards: shards.map((shard) => this.#sent(shard)), ...place }))
    assert('joined' in answer)
  }

  /** Lets the running tasks end and fails the waiting ones with `aborted`. */
  close(): Promise<void> {
    this.#closed ??= this.#starting?.then((workers) => workers.close({ force: true })) ?? Promise.resolve()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #start(): Promise<Workers> {
    this.#starting ??= this.#startWorkers()
    return this.#starting
  }

  async #startWorkers(): Promise<Workers> {
    const { Piscina } = await import('piscina')
    this.#workers = new Piscina<WorkerTask, WorkerAnswer>({
      filename: WORKER.href,
      minThreads: this.#threads,
      maxThreads: this.#threads,
      concurrentTasksPerWorker: TASKS_PER_WORKER,
      workerData: { secrets: wireSecrets(this.#keys), memory: this.memory.memory } satisfies WorkerStart,
    })
    this.#workers.on('error', (error) => log('a worker died while it had nothing to do: %s', error))
    return this.#workers
  }

  /** `make` gives the task anew when it is to be run again: what was transferred is gone with the worker. */
  async #run(make: () => WorkerTask): Promise<WorkerAnswer> {
    const answer = await this.#tryOnce(make()).catch((cause: unknown) => {
      if (this.#closed !== undefined) throw cause
      log('a worker died: %s', cause)
      return this.#tryOnce(make())
    })
    if ('error' in answer) throw errorOfWire(answer.error)
    return answer
  }

  async #tryOnce(task: WorkerTask): Promise<WorkerAnswer> {
    if (this.#closed !== undefined) throw closedError()
    const workers = this.#workers ?? (await this.#start())
    return await workers.run(task, { transferList: ownBuffersOf(task) }).catch((cause: unknown) => {
      if (this.#closed !== undefined) throw closedError(cause)
      throw new DfsError('internal', 'a sealing worker died', { op: task.op, cause })
    })
  }

  #sentPlains(plains: readonly Plain[]): SentBytes[][] {
    return plains.map((plain) => [plain].flat().map((piece) => this.#sent(piece)))
  }

  #sent(bytes: Buffer): SentBytes {
    return bytes.buffer instanceof SharedArrayBuffer ? this.memory.placeOf(bytes) : new Uint8Array(bytes)
  }
}

export function lengthOf(plain: Plain): number {
  return [plain].flat().reduce((sum, { length }) => sum + length, 0)
}

/** The memory that goes over to the worker: the copies that were made for it. */
function ownBuffersOf(task: WorkerTask): ArrayBuffer[] {
  return sentWith(task).flatMap((bytes) => ('buffer' in bytes ? [bytes.buffer] : []))
}

function sentWith(task: WorkerTask): readonly SentBytes[] {
  switch (task.op) {
    case 'seal':
    case 'seal-to-files':
      return task.plains.flat()
    case 'open':
    case 'split':
      return [task.bytes]
    case 'join':
      return task.shards
    case 'open-fd':
    case 'prove':
      return []
  }
}

function closedError(cause?: unknown): DfsError {
  return new DfsError('aborted', 'the sealing pool is closed', { op: 'seal', cause })
}
