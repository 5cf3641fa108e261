/**
 * Frames over a byte stream, with back-pressure both ways: one exchange runs over a libp2p stream and over a TLS
 * socket alike.
 *
 * A channel reads ahead at most READ_AHEAD_BYTES beyond what its carrier has in flight, then stops the other side
 * until its reader has caught up. Whatever ends a channel ends every wait on it.
 */
import type { Socket } from 'node:net'
import type { Stream } from '@libp2p/interface'
import { DfsError } from '../errors.ts'
import { FrameAssembler, LENGTH_BYTES, type Place } from './frame-assembler.ts'
import { SocketCarrier, type SocketReading } from './socket-carrier.ts'
import { StreamCarrier } from './stream-carrier.ts'

const READ_AHEAD_BYTES = 1024 * 1024
/** What a queued frame costs beside its bytes. */
const FRAME_OVERHEAD_BYTES = 256
const FRAME_BYTES_LARGEST = 0xffffffff

/** Frames to and from one peer. Iterate it once; breaking off drops what comes later, and leaves sending possible. */
export interface FrameChannel extends AsyncIterable<Buffer> {
  /**
   * Sends the parts as one frame, in the order of the calls. Resolves when more may be sent: await it before the next
   * large one. The parts must not change afterwards. Fails with what ended the channel.
   */
  send(...parts: Uint8Array[]): Promise<void>
  /**
   * Frames longer than `headBytes` may go where `place` says instead of to the reader. Both are called from the event
   * loop; what they throw ends the channel. A channel without this gives all frames to the reader.
   */
  placeBodies?(headBytes: number, place: Place): void
  /** Resolves when the memory of all that was sent may be used again. A channel without this never says. */
  flushed?(): Promise<void> | undefined
  /** Ends the channel at once, both ways: waits fail with `error`, and the other side sees a reset. */
  abort(error: Error): void
  /** Sends no more; resolves once all that was sent is on its way. The other side may go on sending. */
  close(): Promise<void>
}

export interface ChannelOptions {
  /** The longest frame that is taken; a longer one ends the channel with `invalid`. */
  bytesMax: number
  /** Ends the channel with `aborted`. */
  signal?: AbortSignal | undefined
}

/** What carries bytes both ways. Callbacks come from the event loop, never from within a call to the carrier. */
export interface Carrier {
  readonly lendsBytes?: boolean
  readonly start: (events: CarrierEvents) => void
  /** Hands the parts over as one piece. Throws if it is closed. */
  write(parts: readonly Uint8Array[]): void
  /** Resolves when more may be written; rejects if that will never be. */
  drained(): Promise<void>
  /** Resolves when the memory of all that was written may be used again. */
  flushed?(): Promise<void>
  /** No more `onBytes` (but for what is in flight) until `resume`. */
  pause(): void
  resume(): void
  close(): Promise<void>
  abort(error: Error): void
}

export interface CarrierEvents {
  /** Of a carrier that lends its bytes they are good until this returns. */
  onBytes(bytes: Uint8Array): void
  /** The other side sends no more. */
  onEnd(): void
  /** Nothing can be sent or received any more. */
  onGone(error: Error): void
}

/** Frames over a libp2p stream. */
export function streamChannel(stream: Stream, options: ChannelOptions): FrameChannel {
  return new Channel(new StreamCarrier(stream), options)
}

/** Frames over a socket, TLS or plain, that is connected; `reading`: what it was made with, if it was. */
export function socketChannel(socket: Socket, options: ChannelOptions, reading?: SocketReading): FrameChannel {
  return new Channel(new SocketCarrier(socket, reading), options)
}

class Channel implements FrameChannel {
  readonly #carrier: Carrier
  readonly #assembler: FrameAssembler
  readonly #frames: Buffer[] = []
  #queuedBytes = 0
  #isPaused = false
  /** Nobody reads any more: frames are dropped. */
  #isDropping = false
  #isEnded = false
  #error: Error | undefined
  /** The reader that waits for a frame. */
  #wake: (() => void) | undefined
  readonly #forget: () => void

  constructor(carrier: Carrier, { bytesMax, signal }: ChannelOptions) {
    this.#carrier = carrier
    const isLent = carrier.lendsBytes ?? false
    this.#assembler = new FrameAssembler(bytesMax, (frame) => this.#enqueue(frame), { isLent })
    const onAbort = () => this.abort(new DfsError('aborted', 'the exchange was broken off', { cause: signal?.reason }))
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#forget = () => signal?.removeEventListener('abort', onAbort)
    carrier.start({
      onBytes: (bytes) => this.#take(bytes),
      onEnd: () => this.#end(),
      onGone: (error) => this.#fail(error),
    })
    if (signal?.aborted) onAbort()
  }

  async send(...parts: Uint8Array[]): Promise<void> {
    if (this.#error !== undefined) throw this.#error
    const bytes = parts.reduce((sum, part) => sum + part.length, 0)
    if (bytes > FRAME_BYTES_LARGEST) throw new DfsError('invalid', 'a frame has at most 4 GiB')
    const length = Buffer.allocUnsafe(LENGTH_BYTES)
    length.writeUInt32LE(bytes)
    try {
      this.#carrier.write([length, ...parts])
      await this.#carrier.drained()
    } catch (error) {
      throw this.#error ?? error
    }
  }

  flushed(): Promise<void> | undefined {
    return this.#carrier.flushed?.()
  }

  placeBodies(headBytes: number, place: Place): void {
    this.#assembler.placeBodies(headBytes, place)
  }

  abort(error: Error): void {
    if (this.#error !== undefined) return
    this.#fail(error)
    this.#carrier.abort(error)
  }

  async close(): Promise<void> {
    if (this.#error !== undefined) return
    await this.#carrier.close()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        const frame = this.#dequeue()
        if (frame !== undefined) yield frame
        else if (this.#error !== undefined) throw this.#error
        else if (this.#isEnded) return
        else await new Promise<void>((wake) => (this.#wake = wake))
      }
    } finally {
      this.#drop()
    }
  }

  #take(bytes: Uint8Array): void {
    if (this.#isDropping || this.#error !== undefined) return
    try {
      this.#assembler.push(bytes)
    } catch (error) {
      this.abort(error as Error)
    }
  }

  #enqueue(frame: Buffer): void {
    this.#frames.push(frame)
    this.#queuedBytes += frame.length + FRAME_OVERHEAD_BYTES
    if (this.#queuedBytes > READ_AHEAD_BYTES && !this.#isPaused && !this.#isEnded) {
      this.#isPaused = true
      this.#carrier.pause()
    }
    this.#wakeReader()
  }

  #dequeue(): Buffer | undefined {
    if (this.#error !== undefined) return undefined
    const frame = this.#frames.shift()
    if (frame === undefined) return undefined
    this.#queuedBytes -= frame.length + FRAME_OVERHEAD_BYTES
    if (this.#queuedBytes <= READ_AHEAD_BYTES / 2) this.#resume()
    return frame
  }

  #resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#carrier.resume()
  }

  #drop(): void {
    this.#isDropping = true
    this.#frames.length = 0
    this.#queuedBytes = 0
    this.#resume()
  }

  #end(): void {
    this.#isEnded = true
    if (this.#isDropping || this.#assembler.isBetweenFrames) this.#wakeReader()
    else this.abort(new DfsError('unreachable', 'the other side stopped within a frame'))
  }

  #fail(error: Error): void {
    if (this.#error !== undefined) return
    this.#error = error
    this.#frames.length = 0
    this.#forget()
    this.#wakeReader()
  }

  #wakeReader(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}
