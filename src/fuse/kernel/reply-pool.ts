/** Large replies, kept for the next reader: memory that is new costs more than filling it. */
import { Reply } from './reply.ts'

const KEPT_MAX = 8

export class ReplyPool {
  readonly #bodyBytes: number
  readonly #free: Reply[] = []

  /** `bodyBytes`: room in each. */
  constructor(bodyBytes: number) {
    this.#bodyBytes = bodyBytes
  }

  /** Longest body there is room for. */
  get bodyBytesMax(): number {
    return this.#bodyBytes
  }

  take(): Reply {
    return this.#free.pop() ?? new Reply(this.#bodyBytes)
  }

  /** Only once nobody writes into it any more. */
  give(reply: Reply): void {
    if (this.#free.length < KEPT_MAX) this.#free.push(reply)
  }
}
