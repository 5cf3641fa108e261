/**
 * The asking side of one channel: wants go out in batches, answers come back to whoever asked.
 *
 * Whatever the peer sends, memory is bounded by what we asked for: an answer to a question never asked, or more bytes
 * than the block has, ends the channel. Every open want hears exactly one ending: whole, `missing`, or `failed`.
 */
import { DfsError } from '../../errors.ts'
import {
  decodeMessage,
  decodePieceHead,
  encodeMessage,
  ITEMS_MAX,
  type Message,
  PIECE_BYTES_MAX,
  PIECE_HEAD_BYTES,
  type PieceMessage,
  type Want,
  type WantMode,
} from '../../format/message.ts'
import type { Placement } from '../frame-assembler.ts'
import type { FrameChannel } from '../framing.ts'
import { Coverage } from './coverage.ts'

export interface Asked {
  readonly digest: Buffer
  /** Length of the block. */
  readonly blockBytes: number
  readonly mode: WantMode
  /** What is to come first. */
  readonly from: number
  readonly to: number
}

export interface Asker {
  /** Where the block goes, as long as the block; written to until the ending. Not needed for a probe. */
  readonly into?: Buffer
  /** Bytes [from, to) of the block are in `into`; they are not checked. */
  onPiece?(from: number, to: number): void
  /** Every byte has come. */
  onWhole?(): void
  onMissing(): void
  onAvailable?(): void
  /** The channel ended. */
  onFailed(error: Error): void
}

interface OpenWant {
  readonly want: Want
  readonly asker: Asker
  /** What has come, or is coming into its place. */
  readonly coverage: Coverage
  /** How much of that is all there. */
  thereBytes: number
}

export interface AskingEvents {
  /** Answers that are not about wants. */
  onMessage?: ((message: Message) => void) | undefined
  /** Called once, after every open want has heard of it. `isViolation`: the peer broke the protocol. */
  onEnded(error: Error, isViolation: boolean): void
}

/** The peer may be sending what we have just called off: so many such wants are remembered. */
const CANCELLED_MAX = 4096

export class AskingChannel {
  readonly #channel: FrameChannel
  readonly #events: AskingEvents
  readonly #open = new Map<number, OpenWant>()
  readonly #cancelled = new Map<number, Coverage>()
  #outbox: Want[] = []
  #cancels: number[] = []
  #nextId = 1
  /** The piece that is coming into its place. */
  #placing: { readonly id: number; readonly placement: Placement } | undefined
  #ended: Error | undefined

  constructor(channel: FrameChannel, events: AskingEvents) {
    this.#channel = channel
    this.#events = events
    channel.placeBodies?.(PIECE_HEAD_BYTES, (head, bodyBytes) => this.#place(head, bodyBytes))
    void this.#read()
  }

  get isOpen(): boolean {
    return this.#ended === undefined
  }

  /** Asks; the number is for `cancel` and `prefer`. The answer never comes before this returns. */
  ask({ digest, blockBytes, mode, from, to }: Asked, asker: Asker): number {
    const id = this.#nextId++
    if (this.#ended !== undefined) {
      const error = this.#ended
      queueMicrotask(() => asker.onFailed(error))
      return id
    }
    const want = { id, mode, from, to, digest }
    this.#open.set(id, { want, asker, coverage: new Coverage(mode === 'probe' ? 0 : blockBytes), thereBytes: 0 })
    this.#outbox.push(want)
    this.#flushSoon()
    return id
  }

  /** The asker hears no more of it. False if it has heard the end already. */
  cancel(id: number): boolean {
    const open = this.#open.get(id)
    if (open === undefined) return false
    this.#forget(id)
    const unsent = this.#outbox.indexOf(open.want)
    if (unsent !== -1) {
      this.#outbox.splice(unsent, 1)
      return true
    }
    this.#cancelled.set(id, open.coverage)
    if (this.#cancelled.size > CANCELLED_MAX) this.#cancelled.delete(this.#cancelled.keys().next().value!)
    this.#cancels.push(id)
    this.#flushSoon()
    return true
  }

  /** Makes an open want urgent, with these bytes next. */
  prefer(id: number, from: number, to: number): void {
    if (this.#open.has(id)) this.send({ type: 'prefer', id, from, to })
  }

  /** Sends a message that asks for no answer. */
  send(message: Message): void {
    if (this.#ended !== undefined) return
    this.#flush()
    this.#channel.send(encodeMessage(message)).catch((error: Error) => this.#end(error))
  }

  /** Ends the channel; open wants fail with `error`. */
  abort(error: Error, isViolation = false): void {
    this.#end(error, isViolation)
  }

  #flushSoon(): void {
    if (this.#outbox.length + this.#cancels.length === 1) queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    const [cancels, wants] = [this.#cancels, this.#outbox]
    this.#cancels = []
    this.#outbox = []
    if (this.#ended !== undefined) return
    const send = (message: Message) =>
      this.#channel.send(encodeMessage(message)).catch((error: Error) => this.#end(error))
    for (const ids of batches(cancels)) void send({ type: 'cancel', ids })
    for (const batch of batches(wants)) void send({ type: 'want', wants: batch })
  }

  async #read(): Promise<void> {
    try {
      for await (const frame of this.#channel) {
        if (this.#ended !== undefined) return
        this.#take(decodeMessage(frame))
      }
      this.#end(new DfsError('unreachable', 'the peer ended the exchange', { op: 'exchange' }))
    } catch (error) {
      const isViolation = error instanceof DfsError && (error.kind === 'corrupt' || error.kind === 'invalid')
      this.#end(error as Error, isViolation)
    }
  }

  #take(message: Message): void {
    switch (message.type) {
      case 'piece':
        this.#takePiece(message)
        return
      case 'missing':
        for (const id of message.ids) this.#close(id)?.asker.onMissing()
        return
      case 'available':
        for (const id of message.ids) this.#close(id)?.asker.onAvailable?.()
        return
      case 'direct-answer':
        this.#events.onMessage?.(message)
        return
      default:
        throw violation(`a ${message.type} where answers are due`)
    }
  }

  #takePiece({ id, blockBytes, offset, bytes }: PieceMessage): void {
    const open = this.#open.get(id)
    const coverage = open?.coverage ?? this.#cancelled.get(id)
    if (coverage === undefined) throw violation('a piece that nobody asked for')
    if (!coverage.add(offset, offset + bytes.length)) throw violation('a piece that does not fit its block')
    if (open === undefined) return
    if (blockBytes !== coverage.bytesMax) throw violation('a block of another length')
    open.asker.into?.set(bytes, offset)
    this.#arrived(open, offset, offset + bytes.length)
  }

  /** Bytes of a block go right to where the block goes. What does not fit goes the long way, where it is refused. */
  #place(head: Buffer, bodyBytes: number): Placement | undefined {
    const piece = decodePieceHead(head)
    const open = this.#open.get(piece?.id ?? 0)
    if (piece === undefined || open?.asker.into === undefined) return undefined
    const { id, blockBytes, offset } = piece
    const end = offset + bodyBytes
    if (blockBytes !== open.coverage.bytesMax || bodyBytes > PIECE_BYTES_MAX) return undefined
    if (!open.coverage.add(offset, end)) throw violation('a piece that does not fit its block')
    const placement: Placement = {
      into: open.asker.into.subarray(offset, end),
      done: () => {
        this.#placing = undefined
        if (this.#open.get(id) === open) this.#arrived(open, offset, end)
      },
    }
    this.#placing = { id, placement }
    return placement
  }

  #arrived(open: OpenWant, from: number, to: number): void {
    open.thereBytes += to - from
    open.asker.onPiece?.(from, to)
    if (open.thereBytes === open.coverage.bytesMax && this.#open.delete(open.want.id)) open.asker.onWhole?.()
  }

  /** The want is no longer open: nothing is written to its block from here on. */
  #forget(id: number): void {
    this.#open.delete(id)
    if (this.#placing?.id !== id) return
    const { placement } = this.#placing
    placement.into = Buffer.allocUnsafe(placement.into.length)
  }

  /** Takes a want off the list; undefined if it was cancelled. */
  #close(id: number): OpenWant | undefined {
    const open = this.#open.get(id)
    if (open === undefined && !this.#cancelled.delete(id)) throw violation('an answer that nobody asked for')
    this.#forget(id)
    return open
  }

  #end(error: Error, isViolation = false): void {
    if (this.#ended !== undefined) return
    this.#ended = error
    this.#channel.abort(error)
    const open = [...this.#open.values()]
    for (const { want } of open) this.#forget(want.id)
    this.#cancelled.clear()
    for (const { asker } of open) asker.onFailed(error)
    this.#events.onEnded(error, isViolation)
  }
}

function batches<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / ITEMS_MAX) }, (_, i) =>
    items.slice(i * ITEMS_MAX, (i + 1) * ITEMS_MAX),
  )
}

function violation(what: string): DfsError {
  return new DfsError('invalid', `the peer broke the protocol: ${what}`, { op: 'exchange' })
}
