/**
 * A FrameChannel pair in memory: what one end sends the other receives, in order, with back-pressure, after a delay
 * and at a rate if they are given.
 */
import { DfsError } from '../../src/errors.ts'
import type { Clock } from '../../src/net/exchange/clock.ts'
import type { FrameChannel } from '../../src/net/framing.ts'

export interface Line {
  readonly clock: Clock
  /** One way. */
  readonly delayMs?: number
  readonly bytesPerMs?: number
}

/** Senders wait while more than this is not received yet. */
const BUFFER_BYTES = 512 * 1024

export class MemoryChannel implements FrameChannel {
  readonly #frames: Buffer[] = []
  readonly #line: Line | undefined
  #other: MemoryChannel | undefined
  #buffered = 0
  #freeAt = 0
  #ended = false
  #error: Error | undefined
  #wakeReader: (() => void) | undefined
  #wakeSenders: (() => void)[] = []
  /** Frames sent from this end. */
  sentBytes = 0

  static pair(line?: Line): [MemoryChannel, MemoryChannel] {
    const pair: [MemoryChannel, MemoryChannel] = [new MemoryChannel(line), new MemoryChannel(line)]
    pair[0].#other = pair[1]
    pair[1].#other = pair[0]
    return pair
  }

  private constructor(line: Line | undefined) {
    this.#line = line
  }

  get isOpen(): boolean {
    return this.#error === undefined
  }

  async send(...parts: Uint8Array[]): Promise<void> {
    if (this.#error !== undefined) throw this.#error
    const frame = Buffer.concat(parts)
    this.sentBytes += frame.length
    this.#buffered += frame.length
    this.#deliver(() => {
      this.#other!.#frames.push(frame)
      this.#other!.#wake()
    }, frame.length)
    while (this.#buffered > BUFFER_BYTES && this.#error === undefined) {
      await new Promise<void>((resolve) => this.#wakeSenders.push(resolve))
    }
    if (this.#error !== undefined) throw this.#error
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.#error !== undefined) throw this.#error
      const frame = this.#frames.shift()
      if (frame !== undefined) {
        this.#other!.#received(frame.length)
        yield frame
      } else if (this.#ended) return
      else await new Promise<void>((resolve) => (this.#wakeReader = resolve))
    }
  }

  abort(error: Error): void {
    if (this.#error !== undefined) return
    this.#fail(error)
    this.#deliver(() => this.#other!.#fail(new DfsError('unreachable', 'the other side broke off')), 0)
  }

  async close(): Promise<void> {
    this.#deliver(() => {
      this.#other!.#ended = true
      this.#other!.#wake()
    }, 0)
  }

  #deliver(work: () => void, bytes: number): void {
    if (this.#line === undefined) {
      work()
      return
    }
    const { clock, delayMs = 0, bytesPerMs = Number.POSITIVE_INFINITY } = this.#line
    this.#freeAt = Math.max(this.#freeAt, clock.now()) + bytes / bytesPerMs
    clock.after(this.#freeAt - clock.now() + delayMs, work)
  }

  #received(bytes: number): void {
    this.#buffered -= bytes
    if (this.#buffered <= BUFFER_BYTES) for (const wake of this.#wakeSenders.splice(0)) wake()
  }

  #fail(error: Error): void {
    if (this.#error !== undefined) return
    this.#error = error
    this.#frames.length = 0
    for (const wake of this.#wakeSenders.splice(0)) wake()
    this.#wake()
  }

  #wake(): void {
    this.#wakeReader?.()
    this.#wakeReader = undefined
  }
}
