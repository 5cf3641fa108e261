/**
 * What is waited for of others about some blocks: settled one by one, and in the end all at once.
 *
 * It ends at the latest some time after the last progress, so that nobody waits for a silent peer without end.
 */
import type { Cid } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import type { Clock } from '../exchange/clock.ts'

export interface AnswersOptions {
  readonly cids: Iterable<Cid>
  readonly clock: Clock
  /** Without progress for so long it ends. */
  readonly quietMs: number
  readonly signal?: AbortSignal | undefined
}

export class Answers<T> {
  readonly #pending: Set<Cid>
  readonly #settled = new Map<Cid, T>()
  readonly #options: AnswersOptions
  readonly #ended = Promise.withResolvers<void>()
  #callOff = () => {}
  #isOver = false

  constructor(options: AnswersOptions) {
    this.#options = options
    this.#pending = new Set(options.cids)
    this.#ended.promise.catch(() => {})
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
    this.progress()
    if (options.signal?.aborted) this.#onAbort()
    if (this.#pending.size === 0) this.#end()
  }

  /** Blocks that are not settled. */
  get pending(): ReadonlySet<Cid> {
    return this.#pending
  }

  /** What was settled so far. */
  get settled(): ReadonlyMap<Cid, T> {
    return this.#settled
  }

  /** Resolves when all are settled, or nothing more is to be expected. Fails with `aborted`, and as `fail` says. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  settle(cid: Cid, how: T): void {
    if (!this.#pending.delete(cid)) return
    this.#settled.set(cid, how)
    if (this.#pending.size === 0) this.#end()
    else this.progress()
  }

  /** Something came that lets hope. */
  progress(): void {
    this.#callOff()
    if (this.#isOver) return
    this.#callOff = this.#options.clock.after(this.#options.quietMs, () => this.#end())
  }

  fail(error: Error): void {
    this.#ended.reject(error)
    this.#end()
  }

  #end(): void {
    this.#isOver = true
    this.#callOff()
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#ended.resolve()
  }

  readonly #onAbort = (): void => {
    this.fail(new DfsError('aborted', 'given up', { op: 'hold', cause: this.#options.signal?.reason }))
  }
}
