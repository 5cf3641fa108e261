/**
 * What is waited for of others about some blocks: settled one by one, and in the end all at once.
 *
 * It ends at the latest some time after the last progress, so that nobody waits for a silent peer without end. Before that
 * it is asked again: a message may be lost with the stream that it was on, though both are connected.
 */
import type { Cid } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import type { Clock } from '../exchange/clock.ts'

/** Whoever says nothing for so long is asked again, each time. */
const AGAIN_MS = 10_000

export interface AnswersOptions {
  readonly cids: Iterable<Cid>
  readonly clock: Clock
  /** Without progress for so long it ends. */
  readonly quietMs: number
  /** Asks again for what is pending; whoever heard it before does nothing twice. Default: it is not. Never fails. */
  readonly again?: (() => void) | undefined
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
    const { clock, quietMs, again } = this.#options
    const callOffEnd = clock.after(quietMs, () => this.#end())
    let callOffAgain = () => {}
    const askAgainLater = () => {
      callOffAgain = clock.after(AGAIN_MS, () => {
        askAgainLater()
        again?.()
      })
    }
    if (again !== undefined) askAgainLater()
    this.#callOff = () => {
      callOffEnd()
      callOffAgain()
    }
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
