/**
 * What an open folder does by itself: commits what writers have left lying for a few seconds, and brings the journal
 * into the stubs now and then, or when memory or journal fill up.
 */
import { describeError } from '../errors.ts'
import { warn } from '../log.ts'
import type { Checkpointer } from './checkpointer.ts'
import type { Committer } from './committer.ts'
import type { Services } from './services.ts'

const TICK_MS = 1000
/** Changes of a file that nobody flushes are committed after this time. */
const COMMIT_AFTER_MS = 3000
/** Checkpoints wait for a pause in the writing, but no longer than this. */
const PAUSE_MS = 1000
const CHECKPOINT_EVERY_MS = 30_000
const JOURNAL_BYTES_MAX = 64 * 1024 * 1024
/** Writers wait while more is being sealed: what waits longer for a sealing thread is sealed no sooner. */
const SEALING_BYTES_MAX = 24 * 1024 * 1024
/** A checkpoint begins when this share of the memory is taken, before writers must wait. */
const CHECKPOINT_SHARE = 0.75
/** Of what the disk has left: what is to be stored may take so much before what was promised to writers is stored first. */
const DISK_SHARE = 0.25

export interface BackgroundParts {
  readonly committer: Committer
  readonly checkpointer: Checkpointer
  /** What is left on the disk that the blocks are on. */
  readonly diskFreeBytes: () => number
}

export class Background {
  readonly #services: Services
  readonly #committer: Committer
  readonly #checkpointer: Checkpointer
  readonly #diskFreeBytes: () => number
  readonly #timer: NodeJS.Timeout
  #checkpoint: Promise<void> | undefined
  #relief: Promise<void> | undefined

  constructor(services: Services, { committer, checkpointer, diskFreeBytes }: BackgroundParts) {
    this.#services = services
    this.#committer = committer
    this.#checkpointer = checkpointer
    this.#diskFreeBytes = diskFreeBytes
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref()
  }

  /** Resolves when there is room for more dirty bytes; undefined if there is. Fails as storing them fails. */
  relieve(): Promise<void> | undefined {
    const { dirty } = this.#services
    if (!this.#isFull()) {
      if (this.#isDiskTight()) {
        if (this.#checkpoint === undefined) this.#startCheckpoint()
        return this.#checkpoint
      }
      if (dirty.bytes > dirty.bytesMax * CHECKPOINT_SHARE && this.#checkpoint === undefined) this.#startCheckpoint()
      return undefined
    }
    this.#relief ??= this.#makeRoom().finally(() => {
      this.#relief = undefined
    })
    return this.#relief
  }

  /** Resolves once nothing of it is under way any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#checkpoint
  }

  #isFull(): boolean {
    const { dirty } = this.#services
    return dirty.bytes > dirty.bytesMax || this.#committer.sealingBytes > SEALING_BYTES_MAX
  }

  /** Whether something is committed that what is being written now may leave no room for: it could not be unmounted then. */
  #isDiskTight(): boolean {
    const { journaled, committedAt } = this.#committer
    if (journaled.size === 0 || committedAt <= this.#checkpointer.endedAt) return false
    return this.#services.dirty.bytes > this.#diskFreeBytes() * DISK_SHARE
  }

  async #makeRoom(): Promise<void> {
    const { dirty } = this.#services
    while (this.#isFull()) {
      const { sealing } = this.#committer
      if (sealing.size > 0) {
        await Promise.race(sealing)
        continue
      }
      const before = dirty.bytes
      const failure = await this.#storeAll()
      if (dirty.bytes < before) continue
      if (failure !== undefined) throw failure
      // What is left belongs to another folder.
      return
    }
  }

  /** Brings to disk what memory holds, first what may be committed. Resolves to what that failed with. */
  async #storeAll(): Promise<unknown> {
    const { dirty } = this.#services
    const failure = await this.#checkpointer.run().catch((error: unknown) => error)
    return dirty.bytes <= dirty.bytesMax ? undefined : ((await this.#committer.shed()) ?? failure)
  }

  #tick(): void {
    const now = performance.now()
    for (const file of [...this.#committer.changed]) {
      if (now - file.changedAt < COMMIT_AFTER_MS || this.#committer.isUnsettled(file)) continue
      this.#committer
        .commitUnasked(file)
        .catch((error: unknown) => warn(`a change could not be stored yet: ${describeError(error)}`))
    }
    const { journal } = this.#services
    if (this.#checkpoint !== undefined || journal.empty) return
    const isPause = now - this.#committer.committedAt > PAUSE_MS
    const isLate = now - this.#checkpointer.endedAt > CHECKPOINT_EVERY_MS
    if (isPause || isLate || journal.bytes > JOURNAL_BYTES_MAX) this.#startCheckpoint()
  }

  #startCheckpoint(): void {
    this.#checkpoint = this.#checkpointer
      .run()
      .catch((error: unknown) =>
        warn(`a checkpoint failed, the journal still holds everything: ${describeError(error)}`),
      )
      .finally(() => {
        this.#checkpoint = undefined
      })
  }
}
