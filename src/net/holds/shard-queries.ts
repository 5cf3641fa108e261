/**
 * Asking members which shards they keep of a block, and answering that. Whoever has lost its own ledger finds what it had
 * placed: who holds a shard knows by its head which block it is of. An answer goes to those for whose owner a shard is kept;
 * nobody vouches for it, so what is joined of such shards is checked against the block's name.
 */
import { Lru } from '../../concurrency/lru.ts'
import type { Cid } from '../../dfs.ts'
import { cidOfDigest, digestOfCid } from '../../format/cid.ts'
import type { HoldsMessage, HoldsMessageBody } from '../../format/hold-message.ts'
import { KEPT_SHARDS_MAX, type KeptShard, SHARDED_BLOCKS_MAX } from '../../format/kept-shards.ts'
import type { Clock } from '../exchange/clock.ts'
import { type HoldLedger, readRecord } from './ledger.ts'
import { newNonce } from './nonce.ts'
import { inPieces } from './pieces.ts'
import type { DeviceId, Nonce, OwnerId } from './state.ts'
import { largestCoding } from './strength.ts'

export interface ShardQueriesOptions {
  readonly ledger: HoldLedger
  readonly clock: Clock
  readonly ownerOf: (device: DeviceId) => OwnerId | undefined
  /** Sends a message; never fails. */
  readonly say: (to: DeviceId, body: HoldsMessageBody) => void
}

type MessageOf<K extends HoldsMessage['kind']> = Extract<HoldsMessage, { kind: K }>

/** Readers that come together are asked for together. */
const GATHER_MS = 5
/** From then on those who have answered are enough, if what they keep gives the block back; */
const ANSWER_MS = 3_000
/** else the others are waited for: on a busy machine an answer comes late, and nobody else may have so many. */
const ANSWER_MS_MAX = 15_000
/** What was found stands for a while: the next reader of the block need not wait. */
const FOUND_MS = 60_000
const FOUND_MAX = 4_096
/** Of one block, by one device: it holds one, and two for a while. */
const SHARDS_EACH_MAX = 4

interface Query {
  readonly asked: ReadonlyMap<Cid, PromiseWithResolvers<readonly KeptShard[]>>
  readonly found: Map<Cid, KeptShard[]>
  readonly silent: Set<DeviceId>
  readonly answered: PromiseWithResolvers<void>
  isLate: boolean
}

interface Found {
  readonly untilMs: number
  readonly shards: Promise<readonly KeptShard[]>
}

export class ShardQueries {
  readonly #options: ShardQueriesOptions
  readonly #members = new Set<DeviceId>()
  readonly #queries = new Map<Nonce, Query>()
  readonly #found = new Lru<Cid, Found>({ weightMax: FOUND_MAX, weigh: () => 1 })
  #gathered: Map<Cid, PromiseWithResolvers<readonly KeptShard[]>> | undefined

  constructor(options: ShardQueriesOptions) {
    this.#options = options
  }

  isConnected(device: DeviceId): boolean {
    return this.#members.has(device)
  }

  memberUp(device: DeviceId, isUp: boolean): void {
    if (isUp) this.#members.add(device)
    else {
      this.#members.delete(device)
      this.unreachable(device)
    }
  }

  /** By what all who are connected answer, or have answered a moment ago. Fails with the signal's reason. */
  async find(cid: Cid, signal?: AbortSignal): Promise<readonly KeptShard[]> {
    signal?.throwIfAborted()
    const known = this.#found.get(cid)
    if (known !== undefined && known.untilMs > this.#options.clock.now()) return known.shards
    const shards = this.#gather(cid)
    this.#found.set(cid, { untilMs: this.#options.clock.now() + FOUND_MS, shards })
    // Too few are no answer for the next reader: somebody may have come.
    void shards.then((found) => largestCoding(found).length > 0 || this.#found.delete(cid))
    const givenUp = Promise.withResolvers<never>()
    const onAbort = () => givenUp.reject(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    return Promise.race([shards, givenUp.promise]).finally(() => signal?.removeEventListener('abort', onAbort))
  }

  /** Answers with what is kept for the owner of the device that asks. Fails as the ledger. */
  async answer(from: DeviceId, { nonce, digests }: MessageOf<'shards-query'>): Promise<void> {
    const { ledger, ownerOf, say } = this.#options
    const owner = ownerOf(from)
    const shards: KeptShard[] = []
    for (const digest of digests) {
      for await (const cid of ledger.shardsOf(cidOfDigest(digest))) {
        const { shard, record } = readRecord(ledger, cid)
        const isFor = owner !== undefined && record.promises.some((promise) => promise.owner === owner)
        if (isFor && shard !== undefined) shards.push({ ...shard, digest: digestOfCid(cid) })
        if (shards.length === KEPT_SHARDS_MAX) break
      }
      if (shards.length === KEPT_SHARDS_MAX) break
    }
    shards.sort((one, other) => Buffer.compare(one.digest, other.digest))
    say(from, { kind: 'shards', nonce, shards })
  }

  heard(from: DeviceId, { nonce, shards }: MessageOf<'shards'>): void {
    const query = this.#queries.get(nonce.toString('hex'))
    if (query === undefined || !query.silent.delete(from)) return
    for (const [cid, found] of query.found) {
      const digest = digestOfCid(cid)
      const those = shards.filter(({ block }) => block.equals(digest)).slice(0, SHARDS_EACH_MAX)
      found.push(...those.filter((shard) => !found.some((one) => one.digest.equals(shard.digest))))
    }
    if (query.isLate) settleAble(query)
    if (query.silent.size === 0) query.answered.resolve()
  }

  /** Nothing is to be expected of the device. */
  unreachable(device: DeviceId): void {
    for (const { silent, answered } of this.#queries.values()) {
      if (silent.delete(device) && silent.size === 0) answered.resolve()
    }
  }

  #gather(cid: Cid): Promise<readonly KeptShard[]> {
    if (this.#gathered === undefined) {
      const gathered = new Map<Cid, PromiseWithResolvers<readonly KeptShard[]>>()
      this.#gathered = gathered
      this.#options.clock.after(GATHER_MS, () => {
        this.#gathered = undefined
        for (const piece of inPieces([...gathered], SHARDED_BLOCKS_MAX)) void this.#ask(new Map(piece))
      })
    }
    const asked = this.#gathered.get(cid) ?? Promise.withResolvers<readonly KeptShard[]>()
    this.#gathered.set(cid, asked)
    return asked.promise
  }

  async #ask(asked: ReadonlyMap<Cid, PromiseWithResolvers<readonly KeptShard[]>>): Promise<void> {
    const { clock, say } = this.#options
    const nonce = newNonce()
    const found = new Map([...asked.keys()].map((cid) => [cid, [] as KeptShard[]]))
    const answered = Promise.withResolvers<void>()
    const query: Query = { asked, found, silent: new Set(this.#members), answered, isLate: false }
    this.#queries.set(nonce, query)
    const callOffs = [
      clock.after(ANSWER_MS_MAX, answered.resolve),
      clock.after(ANSWER_MS, () => {
        query.isLate = true
        settleAble(query)
      }),
    ]
    const digests = [...asked.keys()].map(digestOfCid).sort(Buffer.compare)
    for (const device of this.#members) say(device, { kind: 'shards-query', nonce: Buffer.from(nonce, 'hex'), digests })
    if (query.silent.size > 0) await answered.promise
    for (const callOff of callOffs) callOff()
    this.#queries.delete(nonce)
    for (const [cid, { resolve }] of asked) resolve(found.get(cid)!)
  }
}

/** Those that come back from what is known by now need nobody else. */
function settleAble({ asked, found, answered }: Query): void {
  const able = [...asked].filter(([cid]) => largestCoding(found.get(cid)!).length > 0)
  for (const [cid, { resolve }] of able) resolve([...found.get(cid)!])
  if (able.length === asked.size) answered.resolve()
}
