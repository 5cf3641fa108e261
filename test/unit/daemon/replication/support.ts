/** Other devices that lend space, and heads of this one, as replication sees them: in memory, and doing what a test says. */

import type { HeadBlock } from '../../../../src/daemon/heads/head-keeper.ts'
import type { Head, Heads, Holds } from '../../../../src/daemon/replication/parts.ts'
import type { Cid } from '../../../../src/dfs.ts'
import { DfsError } from '../../../../src/errors.ts'
import { cidOfDigest } from '../../../../src/format/cid.ts'
import type { ShardOf } from '../../../../src/format/kept-shards.ts'
import { countHolders } from '../../../../src/net/holds/counting.ts'
import type {
  AskOutcome,
  BlockSize,
  EvictOutcome,
  HeldShard,
  ShardService,
} from '../../../../src/net/holds/hold-service.ts'
import { digestOf } from '../../../../src/seal/hash.ts'

export const NEVER = new AbortController().signal

export const blockOf = (seed: number, bytes = 1000): HeadBlock => ({
  cid: cidOfDigest(digestOf(Buffer.from(`block ${seed}`))),
  bytes,
  kind: 'data',
})

export const blocksOf = (count: number, bytes = 1000): HeadBlock[] =>
  Array.from({ length: count }, (_, seed) => blockOf(seed, bytes))

/** Everybody but `self` is a device of its own owner, unless told. `me` owns `self`. */
export class FakeMembers {
  readonly self = 'self'
  readonly owners = new Map<string, string>([['self', 'me']])

  constructor(owners: Readonly<Record<string, string>> = {}) {
    for (const [device, owner] of Object.entries(owners)) this.owners.set(device, owner)
  }

  ownerOf = (device: string): string | undefined => this.owners.get(device)

  get others(): string[] {
    return [...this.owners.keys()].filter((device) => device !== this.self)
  }
}

export class FakeHolds implements Holds {
  readonly members: FakeMembers
  /** How much each still holds; who is not among them does not answer. */
  readonly free = new Map<string, number>()
  readonly ledger = new Map<Cid, Set<string>>()
  readonly asked: { holder: string; cids: Cid[] }[] = []
  readonly evicted: Cid[] = []
  readonly lentBytes = new Map<string, number>()
  replicas = 2
  /** What a device says to a request, if it is not what its space says. */
  answer: ((holder: string, block: BlockSize) => AskOutcome | undefined) | undefined
  /** Awaited before each answer. */
  gate: Promise<void> | undefined
  readonly #lost = new Set<(holder: string, cids: readonly Cid[]) => void>()

  constructor(members: FakeMembers) {
    this.members = members
  }

  async ask(holder: string, blocks: readonly BlockSize[], signal?: AbortSignal) {
    this.asked.push({ holder, cids: blocks.map(({ cid }) => cid) })
    await this.gate
    signal?.throwIfAborted()
    return new Map(blocks.map((block) => [block.cid, this.#take(holder, block)]))
  }

  async holdersOf(cids: readonly Cid[]) {
    return cids.map((cid) => [...(this.ledger.get(cid) ?? [])])
  }

  async evict(cids: readonly Cid[]): Promise<Map<Cid, EvictOutcome>> {
    const outcomes = new Map<Cid, EvictOutcome>()
    for (const cid of cids) {
      const isSafe = countHolders(this.ledger.get(cid) ?? [], this.members) >= this.replicas
      if (isSafe) this.evicted.push(cid)
      outcomes.set(cid, isSafe ? 'evicted' : 'too-few-holders')
    }
    return outcomes
  }

  /** Shards that are here to be pulled. */
  readonly exposed = new Map<Cid, Buffer>()
  /** Shards that somebody was asked to hold. */
  readonly #shards = new Map<Cid, BlockSize & { shard: ShardOf }>()
  readonly shards: ShardService = {
    of: async (cids) => cids.map((cid) => this.shardsOfBlock(cid)),
    find: async () => [],
    isConnected: () => true,
    expose: async (shards) => {
      for (const { cid, bytes } of shards) this.exposed.set(cid, bytes)
      return { [Symbol.asyncDispose]: async () => shards.forEach(({ cid }) => void this.exposed.delete(cid)) }
    },
    blockOf: (cid) => cid,
  }

  async offerOf(holder: string) {
    const freeBytes = this.free.get(holder)
    return freeBytes === undefined ? undefined : { freeBytes, termMs: 1 }
  }

  onHolderLost(listener: (holder: string, cids: readonly Cid[]) => void) {
    this.#lost.add(listener)
    return () => void this.#lost.delete(listener)
  }

  async lent() {
    return this.lentBytes
  }

  /** A device takes its word back. */
  lose(holder: string): void {
    const cids = [...this.ledger].filter(([, holders]) => holders.delete(holder)).map(([cid]) => cid)
    for (const listener of this.#lost) listener(holder, cids)
  }

  holdersOfBlock({ cid }: BlockSize): string[] {
    return [...(this.ledger.get(cid) ?? [])].sort()
  }

  shardsOfBlock(block: Cid): HeldShard[] {
    const those = [...this.#shards.values()].filter(({ shard }) => cidOfDigest(shard.block) === block)
    const held = those.map((one) => ({ ...one.shard, ...one, holders: this.holdersOfBlock(one), leaving: [] }))
    return held.filter(({ holders }) => holders.length > 0).sort((one, other) => one.index - other.index)
  }

  #take(holder: string, block: BlockSize): AskOutcome {
    const { shard } = block
    if (shard !== undefined) this.#shards.set(block.cid, { ...block, shard })
    const free = this.free.get(holder)
    const outcome = this.answer?.(holder, block) ?? (free === undefined ? 'unreachable' : undefined)
    if (outcome !== undefined && outcome !== 'held') return outcome
    if (free! < block.bytes) return 'no-space'
    this.free.set(holder, free! - block.bytes)
    this.ledger.set(block.cid, (this.ledger.get(block.cid) ?? new Set()).add(holder))
    return 'held'
  }
}

export class FakeHeads implements Heads {
  current: Head | undefined
  /** What the newest head refers to. */
  all: HeadBlock[] = []
  /** Who got which head. */
  readonly given: [holder: string, sequence: number][] = []
  readonly unreachable = new Set<string>()
  readonly came: string[] = []
  searches = 0
  readonly #listeners = new Set<Parameters<Heads['onHead']>[0]>()

  onHead(listener: Parameters<Heads['onHead']>[0]) {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async *blocks() {
    this.searches++
    yield* [...this.all]
  }

  async giveTo(holder: string) {
    if (this.unreachable.has(holder)) throw new DfsError('unreachable', 'it does not answer')
    this.given.push([holder, this.current!.label.sequence])
  }

  memberCame(device: string): void {
    this.came.push(device)
  }

  /** A new head, which refers to these as well. Resolves when all listeners are done with it. */
  async make(added: readonly HeadBlock[] = [], signal = NEVER): Promise<void> {
    this.current = { label: { incarnation: 1, sequence: (this.current?.label.sequence ?? 0) + 1 } }
    this.all.push(...added)
    const { current } = this
    await Promise.all([...this.#listeners].map((listener) => listener(current, streamOf(added), signal)))
  }
}

export async function* streamOf<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}
