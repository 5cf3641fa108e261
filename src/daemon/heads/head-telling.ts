/**
 * Tells of new heads, each listener at its own pace: the next head only when it is done with the one before. Heads that come
 * meanwhile are told of as one. Until then the trees of those before are needed, for what was added is read from both.
 */
import { describeError } from '../../errors.ts'
import { warn } from '../../log.ts'
import type { HeadBlock, OnHead } from './head-keeper.ts'
import type { MadeHead } from './made-head.ts'

export interface HeadTellingOptions {
  readonly current: () => MadeHead | undefined
  readonly added: (head: MadeHead, before: MadeHead | undefined, signal: AbortSignal) => AsyncIterable<HeadBlock>
  /** Called when nobody has still to hear of the newest head. */
  readonly onTold: () => void
}

interface Listening {
  readonly listener: OnHead
  /** The head that it was told of last. */
  told: MadeHead | undefined
  telling: MadeHead | undefined
}

export class HeadTelling implements AsyncDisposable {
  readonly #options: HeadTellingOptions
  readonly #listening = new Set<Listening>()
  readonly #stopping = new AbortController()
  readonly #running = new Set<Promise<void>>()

  constructor(options: HeadTellingOptions) {
    this.#options = options
  }

  /** Heads whose trees are still needed. */
  get inUse(): MadeHead[] {
    return [...this.#listening].flatMap(({ told, telling }) => [told, telling].filter((head) => head !== undefined))
  }

  /** The head of now counts as told. */
  listen(listener: OnHead): () => void {
    const listening: Listening = { listener, told: this.#options.current(), telling: undefined }
    this.#listening.add(listening)
    return () => void this.#listening.delete(listening)
  }

  /** There is a new head. */
  tell(): void {
    for (const listening of this.#listening) {
      if (listening.telling !== undefined) continue
      const running = this.#tell(listening).finally(() => this.#running.delete(running))
      this.#running.add(running)
    }
    this.#sayWhenTold()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new Error('the daemon ends'))
    await Promise.all(this.#running)
  }

  async #tell(listening: Listening): Promise<void> {
    const { signal } = this.#stopping
    const { current, added } = this.#options
    for (let head = current(); head !== undefined && head !== listening.told && !signal.aborted; head = current()) {
      listening.telling = head
      try {
        await listening.listener(head, added(head, listening.told, signal), signal)
        listening.told = head
      } catch (error) {
        if (!signal.aborted) warn(`a new head was not made use of: ${describeError(error)}`)
        break
      } finally {
        listening.telling = undefined
      }
    }
    this.#sayWhenTold()
  }

  #sayWhenTold(): void {
    const isTold = [...this.#listening].every(({ telling }) => telling === undefined)
    if (isTold && !this.#stopping.signal.aborted) this.#options.onTold()
  }
}
