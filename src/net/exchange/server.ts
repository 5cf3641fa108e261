/**
 * The answering side of one channel: serves a peer's wants from the local store.
 *
 * What one peer can take is bounded: open wants, how often it may ask, how fast it is sent to. Blocks read and not yet
 * sent count against one budget of all peers, in the order in which they came. Urgent wants interrupt bulk ones between
 * two pieces. A block that is not the one its name says is never sent: it counts as missing.
 */
import { COUNT, count } from '../../concurrency/counters.ts'
import { DfsError } from '../../errors.ts'
import { BLOCK_BYTES_MAX } from '../../format/block.ts'
import { cidOfDigest } from '../../format/cid.ts'
import {
  decodeMessage,
  encodeMessage,
  encodePieceHead,
  type Message,
  type Want,
  type WantMode,
} from '../../format/message.ts'
import { warn } from '../../log.ts'
import { digestOf } from '../../seal/hash.ts'
import type { FrameChannel } from '../framing.ts'
import { planPieces, preferPieces, type Range } from './piece-plan.ts'
import type { ServeOptions } from './serve-options.ts'
import { TokenBucket } from './token-bucket.ts'

/** Wants that one peer may have open at a time; one more ends the channel. */
export const OPEN_WANTS_MAX = 1024
/** While one block is sent, the next are read, several at a time: short ones take longer to find than to send. */
const BULK_AT_HAND_MAX = 4
const STALLED_MS = 30_000
const ROOMS_MAX = 8

/** Serves until the channel ends; never fails. Says why it ended unless the peer just closed it. */
export async function serve(channel: FrameChannel, options: ServeOptions): Promise<Error | undefined> {
  const server = new Server(channel, options)
  try {
    await server.run()
    return undefined
  } catch (error) {
    channel.abort(error as Error)
    return error as Error
  } finally {
    server.stop()
  }
}

/** A want on its way: queued, then loading, then loaded; it is in `#open` until its last byte is handed over. */
interface Serving {
  readonly id: number
  readonly digest: Buffer
  mode: WantMode
  preferred: Range
  /** Counts against the budget. */
  takenBytes: number
  block: Buffer | undefined
  /** The memory that the block is in, to be used again. */
  room: Buffer | undefined
  /** What is still to be sent of the block. */
  pieces: Range[]
}

class Server {
  readonly #channel: FrameChannel
  readonly #options: ServeOptions
  readonly #items: TokenBucket
  readonly #bytes: TokenBucket
  readonly #stop = new AbortController()
  readonly #open = new Map<number, Serving>()
  readonly #urgent = new Set<Serving>()
  readonly #bulk = new Set<Serving>()
  /** Loaded, the first is sent next: one urgent and few bulk at most, which wait while the urgent one is sent. */
  readonly #loaded: Serving[] = []
  readonly #loading = new Map<Serving, Promise<void>>()
  #isSending = false

  constructor(channel: FrameChannel, options: ServeOptions) {
    this.#channel = channel
    this.#options = options
    this.#items = new TokenBucket(options.itemRate, options.clock)
    this.#bytes = new TokenBucket(options.byteRate, options.clock)
  }

  async run(): Promise<void> {
    for await (const frame of this.#channel) {
      if (!this.#options.isAllowed()) throw notAllowed()
      const message = decodeMessage(frame)
      const paid = this.#items.take(itemsOf(message))
      if (paid !== undefined) await paid
      this.#take(message)
    }
  }

  stop(): void {
    this.#stop.abort()
    for (const serving of this.#open.values()) this.#end(serving)
  }

  #take(message: Message): void {
    switch (message.type) {
      case 'want':
        for (const want of message.wants) this.#takeWant(want)
        break
      case 'cancel':
        for (const id of message.ids) this.#cancel(id)
        break
      case 'prefer':
        this.#prefer(message)
        break
      case 'piece':
      case 'missing':
      case 'available':
      case 'direct-answer':
        throw violation(`a ${message.type} that nobody asked for`)
      default:
        this.#options.onMessage(message, (answer) => this.#send(answer))
    }
    void this.#sendAll()
  }

  #takeWant({ id, mode, from, to, digest }: Want): void {
    if (this.#open.size >= OPEN_WANTS_MAX) throw violation('too many wants at a time')
    if (this.#open.has(id)) throw violation('a want with the number of another')
    // The message's memory is not kept for the sake of 32 bytes.
    const serving = {
      id,
      mode,
      digest: Buffer.from(digest),
      preferred: { from, to },
      takenBytes: 0,
      block: undefined,
      room: undefined,
      pieces: [],
    }
    this.#open.set(id, serving)
    this.#queueOf(mode).add(serving)
  }

  #cancel(id: number): void {
    const serving = this.#open.get(id)
    if (serving !== undefined) this.#end(serving)
  }

  #prefer({ id, from, to }: Range & { id: number }): void {
    const serving = this.#open.get(id)
    if (serving === undefined || serving.mode === 'probe') return
    serving.preferred = { from, to }
    serving.pieces = preferPieces(serving.pieces, serving.preferred)
    serving.mode = 'urgent'
    if (this.#bulk.delete(serving)) this.#urgent.add(serving)
    const at = this.#loaded.indexOf(serving)
    if (at > 0) this.#loaded.unshift(...this.#loaded.splice(at, 1))
  }

  #queueOf(mode: WantMode): Set<Serving> {
    return mode === 'bulk' ? this.#bulk : this.#urgent
  }

  /** One piece after the other until there is nothing to send. Never fails: a broken channel ends `run`. */
  async #sendAll(): Promise<void> {
    this.#loadNext()
    if (this.#isSending) return
    this.#isSending = true
    try {
      while (!this.#stop.signal.aborted) {
        this.#loadNext()
        const waited = this.#giveWay()
        if (waited !== undefined) await waited
        const serving = this.#loaded[0]
        if (serving !== undefined) await this.#sendPiece(serving)
        else if (this.#loading.size > 0) await Promise.race(this.#loading.values())
        else return
      }
    } catch (error) {
      this.#channel.abort(error as Error)
    } finally {
      this.#isSending = false
    }
  }

  /** Bulk that is next waits for those who read here, unless something urgent comes before it meanwhile. */
  #giveWay(): Promise<void> | undefined {
    const bulk = this.#loaded[0]
    if (bulk?.mode !== 'bulk') return undefined
    const { from, to } = bulk.pieces[0]!
    const isBulk = () => this.#loaded[0] === bulk && bulk.mode === 'bulk'
    return this.#options.giveWay(to - from, isBulk)
  }

  async #sendPiece(serving: Serving): Promise<void> {
    const { from, to } = serving.pieces.shift()!
    const { id, block, room, takenBytes } = serving
    const isLast = serving.pieces.length === 0
    if (isLast) {
      this.#forget(serving)
      // The bytes are in memory until they are on their way.
      serving.takenBytes = 0
    }
    try {
      const paid = this.#bytes.take(to - from)
      if (paid !== undefined) await paid
      const head = encodePieceHead({ id, blockBytes: block!.length, offset: from })
      await this.#unlessStalled(this.#channel.send(head, block!.subarray(from, to)))
      count(COUNT.servedBytes, to - from)
    } finally {
      if (isLast) this.#options.budget.give(takenBytes)
      if (isLast && room !== undefined) void this.#channel.flushed?.()?.then(() => this.#keepRoom(room))
    }
  }

  /** Begins to load wants while others are sent, as many as are to be at hand. */
  #loadNext(): void {
    for (;;) {
      const serving = this.#stop.signal.aborted ? undefined : this.#nextToLoad()
      if (serving === undefined) return
      this.#urgent.delete(serving)
      this.#bulk.delete(serving)
      const loading = this.#load(serving)
        .catch((error: Error) => this.#channel.abort(error))
        .finally(() => this.#loading.delete(serving))
      this.#loading.set(serving, loading)
    }
  }

  #nextToLoad(): Serving | undefined {
    const atHand = [...this.#loading.keys(), ...this.#loaded]
    const bulk = atHand.filter(({ mode }) => mode === 'bulk').length
    if (this.#urgent.size > 0 && bulk === atHand.length) return this.#urgent.values().next().value
    return bulk < BULK_AT_HAND_MAX ? this.#bulk.values().next().value : undefined
  }

  async #load(serving: Serving): Promise<void> {
    const block = await this.#read(serving)
    if (this.#open.get(serving.id) !== serving) {
      this.#end(serving)
      return
    }
    if (!this.#options.isAllowed()) throw notAllowed()
    if (block !== undefined && serving.mode !== 'probe') {
      serving.block = block
      serving.pieces = planPieces(block, serving.preferred)
      if (serving.mode === 'urgent') this.#loaded.unshift(serving)
      else this.#loaded.push(serving)
      return
    }
    this.#end(serving)
    this.#send({ type: block === undefined ? 'missing' : 'available', ids: [serving.id] })
  }

  /** The block, or no bytes for a probe; undefined if it is not here. */
  async #read(serving: Serving): Promise<Buffer | undefined> {
    const { blocks, rooms, budget } = this.#options
    const cid = cidOfDigest(serving.digest)
    if (!blocks.has(cid)) return undefined
    if (serving.mode === 'probe') return Buffer.alloc(0)
    await budget.take(BLOCK_BYTES_MAX, this.#stop.signal)
    serving.takenBytes = BLOCK_BYTES_MAX
    serving.room = rooms.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES_MAX)
    const block = await blocks.read(cid, serving.room)
    if (block === undefined || digestOf(block).equals(serving.digest)) return block
    warn(`block ${cid} is damaged: it was not sent to a peer that asked for it`)
    return undefined
  }

  #keepRoom(room: Buffer): void {
    if (this.#options.rooms.length < ROOMS_MAX) this.#options.rooms.push(room)
  }

  /** Takes a want off all lists and gives its memory back. */
  #end(serving: Serving): void {
    this.#forget(serving)
    this.#options.budget.give(serving.takenBytes)
    serving.takenBytes = 0
  }

  #forget(serving: Serving): void {
    if (this.#open.get(serving.id) === serving) this.#open.delete(serving.id)
    this.#urgent.delete(serving)
    this.#bulk.delete(serving)
    const at = this.#loaded.indexOf(serving)
    if (at !== -1) this.#loaded.splice(at, 1)
  }

  /** A peer that takes nothing keeps memory from the others: it is let go. */
  async #unlessStalled(sent: Promise<void>): Promise<void> {
    const stalled = () => this.#channel.abort(new DfsError('timeout', 'the peer takes nothing', { op: 'serve' }))
    const settled = this.#options.clock.after(STALLED_MS, stalled)
    try {
      await sent
    } finally {
      settled()
    }
  }

  #send(message: Message): void {
    this.#channel.send(encodeMessage(message)).catch((error: Error) => this.#channel.abort(error))
  }
}

function notAllowed(): DfsError {
  return new DfsError('not-permitted', 'the peer is no member', { op: 'serve' })
}

function violation(what: string): DfsError {
  return new DfsError('invalid', `the peer broke the protocol: ${what}`, { op: 'serve' })
}

function itemsOf(message: Message): number {
  if (message.type === 'want') return message.wants.length
  if (message.type === 'have') return message.digests.length
  return 1
}
