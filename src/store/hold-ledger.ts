/**
 * The ledger of holds: what this device promised to others, and what others promised to it, in `level`.
 *
 * It is truth, no cache: a write is durable when it resolves, several are synced together, and a ledger that cannot be
 * read is never begun anew. Then everything fails with why, so that nothing is deleted that may have been promised, and
 * nothing is promised that may not be remembered. Beside each block's entry stand keys that follow from it, by which
 * entries are found (FORMAT.md §12); they change in one batch with it.
 */
import { Slices } from '../concurrency/slices.ts'
import type { Cid } from '../dfs.ts'
import { DfsError, kindOf } from '../errors.ts'
import { cidOfDigest, DIGEST_BYTES, digestOfCid } from '../format/cid.ts'
import { PUBLIC_KEY_BYTES } from '../format/device-id.ts'
import {
  decodeHoldEntry,
  encodeHoldEntry,
  HELD_STATUSES,
  type HeldStatus,
  type HoldEntry,
} from '../format/hold-entry.ts'
import { warn } from '../log.ts'
import { Group } from './group.ts'
import { decodeChecked, encodeChecked } from './index-value.ts'
import { type Database, LastingLevel, type Operation } from './lasting-level.ts'
import { LentBytes } from './lent-bytes.ts'

export type LedgerChanges = ReadonlyMap<Cid, HoldEntry | undefined>

const FORMAT = '1'
// One byte before each key.
const FORMAT_KEY = Buffer.from('f')
const BLOCK = Buffer.from('b')
const EVICTING = Buffer.from('e')
const PROMISED = Buffer.from('p')
const HELD_BY = Buffer.from('h')
const SHARD_OF = Buffer.from('s')
const NO_VALUE = Buffer.alloc(0)
const KEYS_AT_ONCE = 256

export class HoldLedger {
  readonly #dir: string
  readonly #level: LastingLevel | DfsError
  readonly #writes = new Group((changes: LedgerChanges[]) => this.#write(changes))
  readonly #slices = new Slices()
  #lent: LentBytes
  /** Where there are none, no block needs to be looked for. */
  #mayHaveShards: boolean

  private constructor(dir: string, level: LastingLevel | DfsError, lent = new LentBytes(), mayHaveShards = false) {
    this.#dir = dir
    this.#level = level
    this.#lent = lent
    this.#mayHaveShards = mayHaveShards
  }

  /** Opens the ledger in `dir`, or makes it. Fails with `locked`; one that is damaged opens, and fails at each use. */
  static async open(dir: string): Promise<HoldLedger> {
    try {
      const level = await openLevel(dir)
      const shards = await level.db.keys({ gt: SHARD_OF, lte: endOf(SHARD_OF), limit: 1 }).all()
      return new HoldLedger(dir, level, await LentBytes.read(level.db), shards.length > 0)
    } catch (cause) {
      const error = openError(dir, cause)
      if (error.kind === 'locked') throw error
      warn(`${error.message}: nothing is held for others, released or evicted until that is mended`)
      return new HoldLedger(dir, error)
    }
  }

  /** What is kept of a block. Fails with `corrupt`, `newer-version`, `io`. */
  get(cid: Cid): HoldEntry | undefined {
    const key = Buffer.concat([BLOCK, digestOfCid(cid)])
    const value = this.#open.getSync(key)
    return value && decodeHoldEntry(decodeChecked(key, value))
  }

  /** Resolves once all these entries are durable, or fails and none is; undefined deletes. */
  write(changes: LedgerChanges): Promise<void> {
    return this.#writes.run(changes)
  }

  /** Bytes promised to each owner (in hex); blocks promised to several count for each. Fails as `get`. */
  get lentTo(): ReadonlyMap<string, number> {
    void this.#open
    return this.#lent.byOwner
  }

  /** Bytes of all blocks that are promised, each once. */
  get lentBytes(): number {
    void this.#open
    return this.#lent.total
  }

  /** Blocks of which this device was about to delete its copy. */
  evicting(): AsyncIterable<Cid> {
    return this.#digestsAfter(EVICTING)
  }

  /** Blocks that were promised to others. */
  promised(): AsyncIterable<Cid> {
    return this.#digestsAfter(PROMISED)
  }

  /** Blocks that others promised to keep for this device; one for each promise. */
  borrowed(): AsyncIterable<Cid> {
    return this.#digestsAfter(HELD_BY)
  }

  /** Shards of a block that this device promised to keep, or others promised to keep for it. */
  async *shardsOf(block: Cid): AsyncGenerator<Cid> {
    void this.#open
    if (this.#mayHaveShards) yield* this.#digestsAfter(Buffer.concat([SHARD_OF, digestOfCid(block)]))
  }

  /** Blocks with a hold of this device (its identity key) in this status. */
  heldBy(holder: Buffer, status: HeldStatus): AsyncIterable<Cid> {
    return this.#digestsAfter(Buffer.concat([HELD_BY, holder, Buffer.from([HELD_STATUSES.indexOf(status) + 1])]))
  }

  /**
   * So many blocks that this device is bound to hold, in ascending order from this digest on and, where the last is reached,
   * on from the first; fewer only if there are no more. What is before them costs nothing.
   */
  async heldFrom(holder: Buffer, digest: Buffer, limit: number): Promise<Cid[]> {
    const prefix = Buffer.concat([HELD_BY, holder, Buffer.from([HELD_STATUSES.indexOf('held') + 1])])
    const from = Buffer.concat([prefix, digest])
    const keys = await this.#open.keys({ gte: from, lte: endOf(prefix), limit }).all()
    if (keys.length < limit) {
      keys.push(...(await this.#open.keys({ gt: prefix, lt: from, limit: limit - keys.length }).all()))
    }
    return keys.map((key) => cidOfDigest(key.subarray(-DIGEST_BYTES)))
  }

  /** The identity keys of all devices with holds. */
  async holders(): Promise<Buffer[]> {
    const holders: Buffer[] = []
    for (let after: Buffer = HELD_BY; ; ) {
      const [key] = await this.#open.keys({ gt: after, lte: endOf(HELD_BY), limit: 1 }).all()
      if (key === undefined) return holders
      const holder = key.subarray(HELD_BY.length, HELD_BY.length + PUBLIC_KEY_BYTES)
      holders.push(holder)
      after = endOf(Buffer.concat([HELD_BY, holder]))
    }
  }

  async close(): Promise<void> {
    await this.#writes.settled()
    if (!(this.#level instanceof DfsError)) await this.#level.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  get #open(): Database {
    return this.#usable.db
  }

  get #usable(): LastingLevel {
    if (this.#level instanceof DfsError) throw this.#level
    return this.#level
  }

  async #write(round: LedgerChanges[]): Promise<void> {
    // What failed to be written may be there now.
    if (await this.#usable.mend()) this.#lent = await LentBytes.read(this.#open)
    const operations: Operation[] = []
    const lent = this.#lent.copy()
    // The last word on a block counts.
    const changes = new Map(round.flatMap((changes) => [...changes]))
    for (const [cid, entry] of changes) {
      await this.#slices.next()
      const digest = digestOfCid(cid)
      const before = this.get(cid)
      lent.change(before, entry)
      this.#mayHaveShards ||= entry?.shard !== undefined
      const keys = keysOf(digest, entry)
      for (const key of keysOf(digest, before)) {
        if (!keys.some((one) => one.equals(key))) operations.push({ type: 'del', key })
      }
      for (const key of keys) operations.push({ type: 'put', key, value: NO_VALUE })
      const key = Buffer.concat([BLOCK, digest])
      if (entry === undefined) operations.push({ type: 'del', key })
      else operations.push({ type: 'put', key, value: encodeChecked(key, encodeHoldEntry(entry)) })
    }
    for (const [key, value] of lent.changes()) operations.push({ type: 'put', key, value })
    await this.#usable.write(operations).catch((cause) => {
      throw new DfsError(kindOf(cause), `the ledger of holds cannot be written: ${cause.message}`, {
        op: 'write holds',
        subject: this.#dir,
        cause,
      })
    })
    this.#lent.take(lent)
  }

  /** The digests at the ends of all keys that begin so. */
  async *#digestsAfter(prefix: Buffer): AsyncGenerator<Cid> {
    await using iterator = this.#open.keys({ gt: prefix, lte: endOf(prefix) })
    for (;;) {
      const keys = await iterator.nextv(KEYS_AT_ONCE)
      if (keys.length === 0) return
      for (const key of keys) yield cidOfDigest(key.subarray(-DIGEST_BYTES))
    }
  }
}

/** Not before any key that begins so. */
function endOf(prefix: Buffer): Buffer {
  return Buffer.concat([prefix, Buffer.alloc(PUBLIC_KEY_BYTES + 1 + DIGEST_BYTES, 0xff)])
}

/** The keys beside an entry by which it is found. */
function keysOf(digest: Buffer, entry: HoldEntry | undefined): Buffer[] {
  if (entry === undefined) return []
  return [
    ...(entry.evicting ? [Buffer.concat([EVICTING, digest])] : []),
    ...(entry.promises.length > 0 ? [Buffer.concat([PROMISED, digest])] : []),
    ...entry.holds.map(({ holder, status }) =>
      Buffer.concat([HELD_BY, holder, Buffer.from([HELD_STATUSES.indexOf(status) + 1]), digest]),
    ),
    ...(entry.shard === undefined ? [] : [Buffer.concat([SHARD_OF, entry.shard.block, digest])]),
  ]
}

async function openLevel(dir: string): Promise<LastingLevel> {
  const level = await LastingLevel.open(dir)
  const { db } = level
  const format = await db.get(FORMAT_KEY)
  if (format === undefined) {
    if ((await db.keys({ limit: 1 }).all()).length > 0) throw new Error('its format is not there')
    await db.put(FORMAT_KEY, Buffer.from(FORMAT), { sync: true })
  } else if (format.toString() !== FORMAT) {
    await level.close()
    throw new DfsError('newer-version', `the ledger of holds has format ${format}, this dfs knows ${FORMAT}`, {
      op: 'open holds',
      subject: dir,
      mend: 'install a newer dfs on this device',
    })
  }
  return level
}

function openError(dir: string, error: unknown): DfsError {
  if (error instanceof DfsError) return error
  const cause = (error as Error).cause as (Error & { code?: string }) | undefined
  if (cause?.code === 'LEVEL_LOCKED') {
    return new DfsError('locked', 'another process uses the ledger of holds', { op: 'open holds', subject: dir, cause })
  }
  return new DfsError('corrupt', `the ledger of holds cannot be read: ${(cause ?? (error as Error)).message}`, {
    op: 'open holds',
    subject: dir,
    mend: `restore ${dir} from a backup; moved away, what was promised to others is forgotten`,
    cause: error,
  })
}
