/** Sets of messages by number: sets of the same messages have one number, so that a state holds a number alone. */
import type { Envelope } from './device.ts'
import { Interned } from './interned.ts'

export class MessageSets {
  readonly #messages = new Interned<Envelope>()
  /** Message numbers, ascending. */
  readonly #sets = new Interned<readonly number[]>()
  /** By a set's number, then by who gets them. */
  readonly #received: Map<string, readonly number[]>[] = []
  readonly empty = this.#sets.numberOf([])

  numberOf(message: Envelope): number {
    return this.#messages.numberOf(message)
  }

  get(message: number): Envelope {
    return this.#messages.get(message)
  }

  /** The messages of the set that are for this device. */
  to(device: string, set: number): readonly number[] {
    this.#received[set] ??= Map.groupBy(this.#sets.get(set), (message) => this.get(message).to)
    return this.#received[set].get(device) ?? []
  }

  /** Ascending: in the order in which they were first sent in any history. */
  in(set: number): readonly number[] {
    return this.#sets.get(set)
  }

  /** The set with these, too. */
  with(set: number, messages: readonly number[]): number {
    const present = this.#sets.get(set)
    const fresh = messages.filter((message) => !present.includes(message))
    if (fresh.length === 0) return set
    return this.#sets.numberOf([...new Set([...present, ...fresh])].sort((a, b) => a - b))
  }
}
