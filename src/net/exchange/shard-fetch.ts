/**
 * One block on its way in shards: as many holders are asked at once as give it back, those of its own bytes first, so that
 * a frame is had from one of them; another one for each that is silent, fails or lies. Nobody is believed: what is given
 * out as whole has the block's CID.
 */
import type { SharedSlots } from '../../bytes/shared-slots.ts'
import type { BlockName, BlockSource, Cid, Fetching } from '../../dfs.ts'
import { DfsError, kindOf } from '../../errors.ts'
import { digestOfCid } from '../../format/cid.ts'
import { readShardHead, type ShardOf } from '../../format/kept-shards.ts'
import { SHARD_HEAD_BYTES, shardBytes } from '../../format/shard.ts'
import { digestOf } from '../../seal/hash.ts'
import type { Clock } from './clock.ts'
import type { Range } from './exchange-calls.ts'

/** Where a shard of the block can be had. */
export interface ShardName extends ShardOf {
  readonly cid: Cid
}

export interface ShardFetchParts {
  readonly source: BlockSource
  /** What the block is put together in. */
  readonly memory: SharedSlots
  /** All of a shard that this device keeps itself; undefined if it does not. */
  readonly readHere: (cid: Cid) => Buffer | undefined
  /** Puts the block that shards give into shared memory: see `SealPool.join`. */
  readonly join: (ref: BlockName, shards: readonly Buffer[], into: Buffer) => Promise<void>
  readonly clock: Clock
}

export interface ShardFetchOptions {
  readonly signal: AbortSignal
  /** Somebody waits for these bytes of the block. */
  readonly first?: Range | undefined
  readonly onPart: (block: Buffer, from: number, to: number) => void
}

/** After so long without a byte another holder is asked instead: who is silent may be so for long, and takes memory. */
const SILENT_MS = 1_000
/** Of a shard that somebody waits for, though not for any byte of it before the others. */
const ANY_BYTE: Range = { from: 0, to: 1 }

interface Asked {
  readonly shard: ShardName
  readonly fetching: Fetching
  readonly giveUp: () => void
  readonly sinceMs: number
  /** Whether a byte came since it was looked at last. */
  hasMoved: boolean
  isSilent: boolean
}

export class ShardFetch {
  /** Fails with `unreachable` if too few shards are had, `corrupt` if those give another block, and as the signal says. */
  readonly block: Promise<Buffer>
  readonly #ref: BlockName
  readonly #options: ShardFetchOptions
  readonly #parts: ShardFetchParts
  readonly #shardBytes: number
  readonly #data: number
  readonly #idle: ShardName[]
  /** How many shards are to be here before they are joined: more, once some of them proved to be none. */
  #needed: number
  readonly #asked = new Set<Asked>()
  /** Shards that were given up once: asked for again when no others are left, they are waited for. */
  readonly #putOff = new Set<Cid>()
  /** By index. */
  readonly #here = new Map<number, Buffer>()
  readonly #result = Promise.withResolvers<Buffer>()
  readonly #ended = new AbortController()
  #block: Buffer | undefined
  #first: Range | undefined
  #isJoining = false
  #isWanted = true
  #lastError: unknown
  #callOff = () => {}

  /** `shards`: of one coding, in the order in which they are to be asked for. */
  constructor(ref: BlockName, shards: readonly ShardName[], options: ShardFetchOptions, parts: ShardFetchParts) {
    this.#ref = ref
    this.#options = options
    this.#parts = parts
    this.#first = options.first
    this.#data = shards[0]!.data
    this.#needed = this.#data
    this.#shardBytes = shardBytes(ref.sealedBytes, this.#data)
    this.#idle = [...shards]
    this.block = this.#result.promise
    this.block.catch(() => {}).finally(() => this.#end())
    options.signal.addEventListener('abort', this.#onAbort, { once: true })
    if (options.signal.aborted) this.#onAbort()
    this.#askMore()
    this.#look()
  }

  prefer(from: number, to: number): void {
    this.#first = { from, to }
    for (const { shard, fetching } of this.#asked) {
      const range = this.#rangeIn(shard, { from, to })
      if (range !== undefined) fetching.prefer(range.from, range.to)
    }
  }

  /** Gives the block's memory back, once nothing is written to it any more. */
  release(): void {
    this.#isWanted = false
    this.#ended.abort()
    this.#giveBack()
  }

  /** As many as are missing, of those that were not asked yet. */
  #askMore(spares = 0): void {
    for (;;) {
      if (this.#isOver || this.#isJoining) return
      if (this.#asked.size >= this.#needed + spares - this.#here.size) return
      const shard = this.#idle.shift()
      if (shard === undefined) break
      if (!this.#here.has(shard.index)) this.#ask(shard)
    }
    if (this.#asked.size === 0 && this.#here.size < this.#needed) this.#fail()
  }

  #ask(shard: ShardName): void {
    const here = this.#readHere(shard)
    if (here !== undefined) {
      this.#take(shard, here)
      return
    }
    const name = { cid: shard.cid, sealedBytes: SHARD_HEAD_BYTES + this.#shardBytes }
    const first = this.#first && (this.#rangeIn(shard, this.#first) ?? ANY_BYTE)
    const givenUp = new AbortController()
    const asked: Asked = {
      shard,
      sinceMs: this.#parts.clock.now(),
      giveUp: () => givenUp.abort(new DfsError('timeout', 'its holder is silent', { subject: shard.cid })),
      fetching: this.#parts.source.fetch(name, {
        signal: AbortSignal.any([this.#ended.signal, givenUp.signal]),
        ...(first && { first }),
        onPart: (bytes, from, to) => {
          asked.hasMoved = true
          this.#onPart(shard, bytes, from, to)
        },
      }),
      hasMoved: false,
      isSilent: false,
    }
    this.#asked.add(asked)
    void this.#wait(asked)
  }

  /** What cannot be read is not here. */
  #readHere({ cid }: ShardName): Buffer | undefined {
    try {
      return this.#parts.readHere(cid)
    } catch {
      return undefined
    }
  }

  /** Never fails. */
  async #wait(asked: Asked): Promise<void> {
    let bytes: Buffer | undefined
    try {
      // Of its own: the memory that shards come in is bounded, and must not wait for other shards.
      bytes = Buffer.from(await asked.fetching.block)
    } catch (error) {
      this.#lastError = error
    } finally {
      asked.fetching.release()
    }
    const isWanted = this.#asked.delete(asked)
    if (this.#isOver || !isWanted) return
    if (bytes !== undefined) this.#take(asked.shard, bytes)
    this.#askMore(this.#silentCount)
  }

  /** All of a shard, if it is what it was said to be. */
  #take({ index, data, block }: ShardName, bytes: Buffer): void {
    const head = readShardHead(bytes.subarray(0, SHARD_HEAD_BYTES), bytes.length)
    const isRight = head?.index === index && head.data === data && head.block.equals(block)
    if (!isRight || this.#here.has(index) || this.#isOver) return
    this.#here.set(index, bytes)
    if (!this.#isJoining) this.#put(index, bytes.subarray(SHARD_HEAD_BYTES), 0)
    if (this.#here.size >= this.#needed) void this.#join()
  }

  #onPart({ index }: ShardName, bytes: Buffer, from: number, to: number): void {
    if (this.#isJoining || this.#isOver || this.#here.has(index) || to <= SHARD_HEAD_BYTES) return
    const start = Math.max(from, SHARD_HEAD_BYTES)
    this.#put(index, bytes.subarray(start, to), start - SHARD_HEAD_BYTES)
  }

  /** Bytes of the shard are bytes of the block, if it is not one of parity; behind its end are zeroes. */
  #put(index: number, bytes: Buffer, at: number): void {
    const start = index * this.#shardBytes + at
    const from = Math.min(start, this.#ref.sealedBytes)
    const to = Math.min(start + bytes.length, this.#ref.sealedBytes)
    if (index >= this.#data || from >= to) return
    this.#block ??= this.#parts.memory.take(this.#ref.sealedBytes)
    bytes.copy(this.#block, from, 0, to - from)
    this.#options.onPart(this.#block, from, to)
  }

  /** Ends it if what is here gives the block; else more is asked for. */
  async #join(): Promise<void> {
    if (this.#isJoining) return
    this.#isJoining = true
    this.#block ??= this.#parts.memory.take(this.#ref.sealedBytes)
    try {
      if (!this.#isWholeByItself) await this.#parts.join(this.#ref, [...this.#here.values()], this.#block)
      this.#isJoining = false
      if (this.#isWanted) this.#result.resolve(this.#block)
      else this.#giveBack()
      this.#ended.abort()
    } catch (error) {
      this.#isJoining = false
      this.#lastError = error
      if (!this.#isWanted) this.#giveBack()
      else if (kindOf(error) === 'corrupt') {
        // Somebody said of a string that it is a shard, and it is none: with each one more, other choices are tried.
        this.#needed = this.#here.size + 1
        this.#askMore()
      } else this.#fail()
    }
  }

  get #isWholeByItself(): boolean {
    for (let index = 0; index < this.#data; index++) if (!this.#here.has(index)) return false
    return digestOf(this.#block!).equals(digestOfCid(this.#ref.cid))
  }

  get #isOver(): boolean {
    return this.#ended.signal.aborted
  }

  get #silentCount(): number {
    return [...this.#asked].filter(({ isSilent }) => isSilent).length
  }

  /** Looks from time to time whether bytes come from everybody. */
  #look(): void {
    if (this.#isOver) return
    this.#callOff = this.#parts.clock.after(SILENT_MS, () => {
      let fresh = this.#idle.filter(({ cid }) => !this.#putOff.has(cid)).length
      for (const asked of [...this.#asked]) {
        const hadTime = this.#parts.clock.now() - asked.sinceMs >= SILENT_MS / 2
        asked.isSilent = hadTime && !asked.hasMoved
        asked.hasMoved = false
        if (asked.isSilent && fresh-- > 0) this.#putBack(asked)
      }
      this.#askMore(this.#silentCount)
      this.#look()
    })
  }

  #putBack(asked: Asked): void {
    this.#asked.delete(asked)
    this.#putOff.add(asked.shard.cid)
    this.#idle.push(asked.shard)
    asked.giveUp()
  }

  #rangeIn({ index }: ShardName, { from, to }: Range): Range | undefined {
    const start = index * this.#shardBytes
    const [first, end] = [Math.max(from, start), Math.min(to, start + this.#shardBytes)]
    if (index >= this.#data || first >= end) return undefined
    return { from: SHARD_HEAD_BYTES + first - start, to: SHARD_HEAD_BYTES + end - start }
  }

  #fail(): void {
    const message = 'too few of its shards can be had'
    const kind = kindOf(this.#lastError) === 'corrupt' ? 'corrupt' : 'unreachable'
    this.#result.reject(new DfsError(kind, message, { subject: this.#ref.cid, cause: this.#lastError }))
    this.#ended.abort()
  }

  readonly #onAbort = (): void => {
    this.#result.reject(this.#options.signal.reason)
    this.#ended.abort()
  }

  #end(): void {
    this.#callOff()
    this.#options.signal.removeEventListener('abort', this.#onAbort)
  }

  #giveBack(): void {
    if (this.#block === undefined || this.#isJoining) return
    this.#parts.memory.give(this.#block)
    this.#block = undefined
  }
}
