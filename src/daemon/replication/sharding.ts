/**
 * Has blocks held in shards, each on a device that counts by itself. What is missing of a block's shards is made of it (or,
 * where it is not here any more, of what others hold of them), and given to those whom the block belongs to by rank. Shards are
 * here only until they were pulled.
 */
import { Slices } from '../../concurrency/slices.ts'
import { describeError, type ErrorKind, kindOf } from '../../errors.ts'
import { digestOfCid } from '../../format/cid.ts'
import { type Redundancy, SHARD_HEAD_BYTES, shardBytes } from '../../format/shard.ts'
import { logger } from '../../log.ts'
import { countedAs } from '../../net/holds/counting.ts'
import type { BlockSize, HeldShard, ShardBytes } from '../../net/holds/hold-service.ts'
import type { DeviceId } from '../../net/holds/state.ts'
import { spread } from '../../net/holds/strength.ts'
import { type Candidate, rankCandidates } from '../../net/placement.ts'
import type { Holds } from './parts.ts'
import { isGeneral, type Placed, type PlacerOptions } from './placing.ts'

const log = logger('replication')

export interface ShardPlacerOptions extends Omit<PlacerOptions, 'holds' | 'replicas'> {
  readonly holds: Pick<Holds, 'ask' | 'shards'>
  /** The sealed block, whole: from here, or from others. Fails with `unreachable`, and as it is read. */
  readonly read: (block: BlockSize, signal: AbortSignal) => Promise<Buffer>
  /** All shards of a sealed block, by their index. */
  readonly split: (block: Buffer, redundancy: Redundancy) => Promise<readonly ShardBytes[]>
}

/** A block of which shards are missing. */
interface Open {
  readonly block: BlockSize
  /** By index: who is bound to hold that shard, each counting by itself. */
  readonly placed: Map<number, DeviceId>
  /** Who was asked in vain. */
  readonly refused: Set<DeviceId>
  /** By index, once they are made; `lost`: they cannot be. */
  shards: readonly BlockSize[] | 'lost' | undefined
}

interface Wanted {
  readonly one: Open
  readonly index: number
}

/** Why a block cannot be read now, while others may be. */
const LOST: readonly ErrorKind[] = ['unreachable', 'timeout', 'corrupt']

export class ShardPlacer {
  readonly #options: ShardPlacerOptions
  readonly #slices = new Slices()

  constructor(options: ShardPlacerOptions) {
    this.#options = options
  }

  /** Resolves with what could not be placed whole. Fails with `aborted`, and with `io`, `no-space`. */
  async place(blocks: readonly BlockSize[], redundancy: Redundancy, signal: AbortSignal): Promise<Placed> {
    const all = redundancy.data + redundancy.parity
    await using exposed = new AsyncDisposableStack()
    let open = await this.#openOf(blocks, redundancy)
    for (;;) {
      open = open.filter(({ placed }) => placed.size < all)
      const asked = await this.#choose(open, { redundancy, exposed, signal })
      if (asked.size === 0) break
      await Promise.all([...asked].map(([holder, wanted]) => this.#ask(holder, wanted, signal)))
    }
    return { blocks: open.length, bytes: open.reduce((sum, { block }) => sum + block.bytes, 0) }
  }

  async #openOf(blocks: readonly BlockSize[], { data, parity }: Redundancy): Promise<Open[]> {
    const { holds, members, onHolder } = this.#options
    const distinct = [...new Map(blocks.map((block) => [block.cid, block])).values()]
    const known = await holds.shards.of(distinct.map(({ cid }) => cid))
    return distinct.map((block, at) => {
      const isAlike = (shard: HeldShard) => shard.data === data && shard.parity === parity
      const placed = spread(known[at]!.filter(isAlike), members)
      for (const holder of placed.values()) onHolder(holder)
      return { block, placed, refused: new Set(), shards: undefined }
    })
  }

  /** Who is to be asked for what now; what they are asked to hold is exposed. */
  async #choose(
    open: readonly Open[],
    { redundancy, exposed, signal }: { redundancy: Redundancy; exposed: AsyncDisposableStack; signal: AbortSignal },
  ): Promise<Map<DeviceId, Wanted[]>> {
    const candidates = await this.#options.lenders.candidates(signal)
    const left = new Map(candidates.map(({ device, freeBytes }) => [device, freeBytes]))
    const asked = new Map<DeviceId, Wanted[]>()
    for (const one of open) {
      await this.#slices.next()
      const bytes = SHARD_HEAD_BYTES + shardBytes(one.block.bytes, redundancy.data)
      const able = candidates.filter(({ device }) => !one.refused.has(device) && left.get(device)! >= bytes)
      const missing = missingOf(one, redundancy)
      const chosen = this.#chooseFor(one, able).slice(0, missing.length)
      // Fewer than give the block back are of no use.
      if (chosen.length === 0 || one.placed.size + chosen.length < redundancy.data) continue
      one.shards ??= await this.#make(one, missing, { redundancy, exposed, signal })
      if (one.shards === 'lost') continue
      for (const [at, { device }] of chosen.entries()) {
        left.set(device, left.get(device)! - bytes)
        asked.set(device, [...(asked.get(device) ?? []), { one, index: missing[at]! }])
      }
    }
    return asked
  }

  /** By rank; none counts as one with another, or with who holds a shard already. */
  #chooseFor({ block, placed }: Open, able: readonly Candidate[]): Candidate[] {
    const { members } = this.#options
    const taken = new Set([...placed.values()].map((holder) => countedAs(holder, members)))
    return rankCandidates(block.cid, able).filter(({ device }) => {
      const name = countedAs(device, members)
      if (name === undefined || taken.has(name)) return false
      taken.add(name)
      return true
    })
  }

  async #make(
    { block }: Open,
    missing: readonly number[],
    { redundancy, exposed, signal }: { redundancy: Redundancy; exposed: AsyncDisposableStack; signal: AbortSignal },
  ): Promise<readonly BlockSize[] | 'lost'> {
    const { read, split, holds } = this.#options
    const bytes = await read(block, signal).catch((error) => {
      signal.throwIfAborted()
      if (!LOST.includes(kindOf(error))) throw error
      log('no shards of %s: %s', block.cid, describeError(error))
      return undefined
    })
    if (bytes === undefined) return 'lost'
    const shards = await split(bytes, redundancy)
    exposed.use(await holds.shards.expose(missing.map((index) => shards[index]!)))
    const digest = digestOfCid(block.cid)
    return shards.map(({ cid, bytes }, index) => {
      return { cid, bytes: bytes.length, shard: { ...redundancy, block: digest, index } }
    })
  }

  async #ask(holder: DeviceId, wanted: readonly Wanted[], signal: AbortSignal): Promise<void> {
    const { holds, lenders, pace, onHeld, onHolder } = this.#options
    const shards = wanted.map(({ one, index }) => one.shards![index] as BlockSize)
    await pace(
      shards.reduce((sum, { bytes }) => sum + bytes, 0),
      signal,
    )
    const outcomes = await holds.ask(holder, shards, signal)
    for (const [at, { one, index }] of wanted.entries()) {
      const { cid, bytes } = shards[at]!
      const outcome = outcomes.get(cid) ?? 'unreachable'
      if (outcome === 'held') {
        one.placed.set(index, holder)
        lenders.gave(holder, bytes)
        onHolder(holder)
        onHeld(bytes)
      } else one.refused.add(holder)
      if (isGeneral(outcome)) lenders.failed(holder)
    }
  }
}

function missingOf({ placed }: Open, { data, parity }: Redundancy): number[] {
  return Array.from({ length: data + parity }, (_, index) => index).filter((index) => !placed.has(index))
}
