/**
 * Blocks from other devices, whole or in shards. Of a block that this device has placed in shards these are fetched; of any
 * other, members are asked for shards once it does not come soon. Whichever is there first is taken.
 */
import type { SharedSlots } from '../../bytes/shared-slots.ts'
import type { BlockName, BlockSource, Fetching, FetchOptions } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import { cidOfDigest } from '../../format/cid.ts'
import type { HeldShard, ShardService } from '../holds/hold-service.ts'
import { largestCoding } from '../holds/strength.ts'
import type { Range } from './exchange-calls.ts'
import { ShardFetch, type ShardFetchParts, type ShardName } from './shard-fetch.ts'

export interface JoinedSourceOptions extends Omit<ShardFetchParts, 'memory'> {
  readonly source: BlockSource & { readonly memory: SharedSlots }
  readonly shards: Pick<ShardService, 'of' | 'find' | 'isConnected'>
}

/** So long nothing came of a block before it is asked for shards. */
const PATIENCE_MS = 300

export class JoinedSource implements BlockSource {
  readonly #options: JoinedSourceOptions

  constructor(options: JoinedSourceOptions) {
    this.#options = options
  }

  fetch(ref: BlockName, options: FetchOptions = {}): Fetching {
    return new JoinedFetch(ref, options, this.#options)
  }
}

class JoinedFetch implements Fetching {
  readonly block: Promise<Buffer>
  readonly #ref: BlockName
  readonly #options: FetchOptions
  readonly #parts: JoinedSourceOptions
  readonly #signal: AbortSignal
  readonly #ended = new AbortController()
  readonly #ways = new Set<Pick<Fetching, 'prefer' | 'release'>>()
  #wanted: Range | undefined
  /** The way on which bytes came first: those of others are in other memory. */
  #partsOf: object | undefined

  constructor(ref: BlockName, options: FetchOptions, parts: JoinedSourceOptions) {
    this.#ref = ref
    this.#options = options
    this.#parts = parts
    this.#wanted = options.first
    const { signal } = this.#ended
    this.#signal = options.signal === undefined ? signal : AbortSignal.any([options.signal, signal])
    // What is slower is given up.
    this.block = this.#run().finally(() => this.#ended.abort(new DfsError('aborted', 'the block is there')))
    this.block.catch(() => {})
  }

  prefer(from: number, to: number): void {
    this.#wanted = { from, to }
    for (const way of this.#ways) way.prefer(from, to)
  }

  release(): void {
    for (const way of this.#ways) way.release()
  }

  async #run(): Promise<Buffer> {
    const known = await this.#known()
    if (known.length > 0) {
      try {
        return await this.#inShards(known)
      } catch {
        // Somebody may have all of it, or others of its shards.
        this.#signal.throwIfAborted()
      }
    }
    const whole = this.#asWhole()
    const shards = this.#late(whole).then(() => this.#findShards())
    return Promise.any([whole, shards]).catch(() => whole)
  }

  #asWhole(): Promise<Buffer> {
    const way = {}
    const fetching = this.#parts.source.fetch(this.#ref, {
      ...this.#options,
      signal: this.#signal,
      ...(this.#wanted && { first: this.#wanted }),
      onPart: (block, from, to) => this.#onPart(way, block, from, to),
    })
    this.#ways.add(fetching)
    return fetching.block
  }

  async #findShards(): Promise<Buffer> {
    const found = await this.#parts.shards.find(this.#ref.cid, this.#signal)
    const names = found.map((shard) => ({ ...shard, cid: cidOfDigest(shard.digest) }))
    const coding = inOrder(names)
    if (coding.length === 0) throw new DfsError('unreachable', 'nobody has shards of it', { subject: this.#ref.cid })
    return this.#inShards(coding)
  }

  #inShards(shards: readonly ShardName[]): Promise<Buffer> {
    const { source } = this.#parts
    const way = {}
    const options = {
      signal: this.#signal,
      first: this.#wanted,
      onPart: (block: Buffer, from: number, to: number) => this.#onPart(way, block, from, to),
    }
    const fetch = new ShardFetch(this.#ref, shards, options, { ...this.#parts, memory: source.memory })
    this.#ways.add(fetch)
    return fetch.block
  }

  /** What others hold for this device, by the ledger; nothing where that cannot be read. */
  async #known(): Promise<readonly ShardName[]> {
    const [shards = []] = await this.#parts.shards.of([this.#ref.cid]).catch(() => [])
    // What this device keeps for others may say of itself what it likes.
    const held = shards.filter(({ holders, leaving }) => holders.length + leaving.length > 0)
    return this.#nearFirst(inOrder(held))
  }

  /** Those first of which a holder is connected. */
  #nearFirst(shards: readonly HeldShard[]): HeldShard[] {
    const isNear = ({ holders, leaving }: HeldShard) =>
      [...holders, ...leaving].some((holder) => this.#parts.shards.isConnected(holder))
    return [...shards.filter(isNear), ...shards.filter((shard) => !isNear(shard))]
  }

  /** Resolves once nothing has come for a while, or nothing will. */
  #late(whole: Promise<Buffer>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const callOff = this.#parts.clock.after(PATIENCE_MS, () => {
      if (this.#partsOf === undefined) resolve()
    })
    whole.then(callOff, () => {
      callOff()
      resolve()
    })
    return promise
  }

  #onPart(way: object, block: Buffer, from: number, to: number): void {
    this.#partsOf ??= way
    if (this.#partsOf === way) this.#options.onPart?.(block, from, to)
  }
}

/** By their index; none if these do not give the block back. */
function inOrder<S extends ShardName>(shards: readonly S[]): S[] {
  return largestCoding(shards).toSorted((one, other) => one.index - other.index)
}
