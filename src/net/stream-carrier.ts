/**
 * A libp2p stream as a carrier of frames.
 *
 * Seen in libp2p 3.3: `onDrain` resolves at once after its first use, and the stream's own iterator buffers without
 * bound and ends before what was paused is delivered. So this listens to the events themselves.
 */
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { DfsError } from '../errors.ts'
import type { Carrier, CarrierEvents } from './framing.ts'

/** What may wait in the stream's own buffer before `drained` waits. */
const WRITE_BUFFER_BYTES = 256 * 1024

export class StreamCarrier implements Carrier {
  readonly #stream: Stream

  constructor(stream: Stream) {
    this.#stream = stream
  }

  readonly start = ({ onBytes, onEnd, onGone }: CarrierEvents): void => {
    const stream = this.#stream
    if (stream.status === 'aborted' || stream.status === 'reset') {
      queueMicrotask(() => onGone(goneError()))
      return
    }
    stream.addEventListener('close', ({ error }: StreamCloseEvent) => {
      if (error !== undefined) onGone(goneError(error))
      // Bytes that came before an orderly end are still to be delivered.
      else if (stream.readStatus === 'paused') stream.resume()
    })
    if (stream.readableEnded) queueMicrotask(onEnd)
    else stream.addEventListener('end', onEnd, { once: true })
    stream.addEventListener('message', ({ data }: StreamMessageEvent) => {
      if (data instanceof Uint8Array) onBytes(data)
      else for (const bytes of data) onBytes(bytes)
    })
  }

  write(parts: readonly Uint8Array[]): void {
    try {
      this.#stream.send(new Uint8ArrayList(...parts))
    } catch (cause) {
      throw goneError(cause)
    }
  }

  async drained(): Promise<void> {
    while (this.#stream.writableNeedsDrain || this.#stream.writeBufferLength > WRITE_BUFFER_BYTES) {
      if (this.#stream.writeStatus === 'closed') throw goneError()
      await this.#drainOrClose()
    }
  }

  pause(): void {
    if (this.#stream.readStatus === 'readable') this.#stream.pause()
  }

  resume(): void {
    if (this.#stream.readStatus === 'paused') this.#stream.resume()
  }

  async close(): Promise<void> {
    try {
      await this.#stream.close()
    } catch (cause) {
      throw goneError(cause)
    }
  }

  abort(error: Error): void {
    this.#stream.abort(error)
  }

  #drainOrClose(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#stream.removeEventListener('drain', done)
        this.#stream.removeEventListener('close', done)
        resolve()
      }
      this.#stream.addEventListener('drain', done)
      this.#stream.addEventListener('close', done)
    })
  }
}

function goneError(cause?: unknown): DfsError {
  return new DfsError('unreachable', 'the connection to the peer was lost', { cause })
}
