/**
 * The line of keys that a network or an owner has had: the first names it, the last one counts. Each but the first was
 * named by the one before it.
 *
 * Whoever holds a key that was replaced may try to name another successor; the one seen first stays.
 */
import type { SucceedNetworkStatement, SucceedOwnerStatement } from '../format/membership.ts'

export class KeyLine {
  readonly #keys: Buffer[]

  /** `first`: 32 bytes, what the network or owner is named by. */
  constructor(first: Buffer) {
    this.#keys = [first]
  }

  /** The key whose signatures count. */
  get current(): Buffer {
    return this.#keys.at(-1)!
  }

  /** How often the key was replaced. */
  get epoch(): number {
    return this.#keys.length - 1
  }

  /** Whether the key counted once and counts no more. */
  isReplaced(key: Buffer): boolean {
    return this.#keys.slice(0, -1).some((earlier) => earlier.equals(key))
  }

  /** Takes the next key in, if the statement (which is verified) names the one after the current. */
  advance({
    signer,
    epoch,
    successor,
  }: Pick<SucceedNetworkStatement | SucceedOwnerStatement, 'signer' | 'epoch' | 'successor'>): boolean {
    if (!signer.equals(this.current) || epoch !== this.epoch + 1 || this.isReplaced(successor)) return false
    this.#keys.push(Buffer.from(successor))
    return true
  }
}
