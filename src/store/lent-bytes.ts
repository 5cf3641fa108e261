/**
 * How much is held for others, in sum and by owner, as the ledger keeps it beside its entries: they change in the same
 * batch, so that nothing needs to be counted when the ledger is opened.
 */
import type { Level } from 'level'
import { Reader, Writer } from '../bytes/cursor.ts'
import type { HoldEntry } from '../format/hold-entry.ts'
import { decodeChecked, encodeChecked } from './index-value.ts'

/** Before an owner's first key; alone, it is of the sum. */
const LENT = Buffer.from('l')
const LENT_END = Buffer.from('m')

export class LentBytes {
  /** By owner, in hex; the sum, which counts each block once, under the empty name. */
  readonly #bytes: Map<string, number>
  readonly #changed = new Set<string>()

  constructor(bytes: Iterable<[string, number]> = []) {
    this.#bytes = new Map(bytes)
  }

  /** Fails with `corrupt`. */
  static async read(db: Level<Buffer, Buffer>): Promise<LentBytes> {
    const entries = await db.iterator({ gte: LENT, lt: LENT_END }).all()
    return new LentBytes(
      entries.map(([key, value]) => [
        key.subarray(LENT.length).toString('hex'),
        new Reader(decodeChecked(key, value)).u53(),
      ]),
    )
  }

  get total(): number {
    return this.#bytes.get('') ?? 0
  }

  get byOwner(): ReadonlyMap<string, number> {
    return new Map([...this.#bytes].filter(([owner, bytes]) => owner !== '' && bytes > 0))
  }

  copy(): LentBytes {
    return new LentBytes(this.#bytes)
  }

  /** Becomes equal to a changed copy. */
  take(changed: LentBytes): void {
    for (const [owner, bytes] of changed.#bytes) this.#bytes.set(owner, bytes)
  }

  change(before: HoldEntry | undefined, after: HoldEntry | undefined): void {
    this.#add(before, -1)
    this.#add(after, 1)
  }

  /** What is to be written with the entries that changed. */
  *changes(): Generator<[key: Buffer, value: Buffer]> {
    for (const owner of this.#changed) {
      const key = Buffer.concat([LENT, Buffer.from(owner, 'hex')])
      yield [key, encodeChecked(key, new Writer().u53(this.#bytes.get(owner)!).finish())]
    }
  }

  #add(entry: HoldEntry | undefined, sign: 1 | -1): void {
    if (entry === undefined || entry.promises.length === 0) return
    const owners = new Set(['', ...entry.promises.map(({ owner }) => owner.toString('hex'))])
    for (const owner of owners) {
      this.#bytes.set(owner, (this.#bytes.get(owner) ?? 0) + sign * entry.sealedBytes)
      this.#changed.add(owner)
    }
  }
}
