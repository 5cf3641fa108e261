/**
 * A socket of Node's own (plain or TLS) as a carrier of frames. It is connected, and nobody else reads or writes it.
 */
import type { Socket } from 'node:net'
import { DfsError } from '../errors.ts'
import type { Carrier, CarrierEvents } from './framing.ts'

const LARGE_BYTES = 8 * 1024
const NOTHING = Buffer.alloc(0)

export class SocketCarrier implements Carrier {
  readonly #socket: Socket

  constructor(socket: Socket) {
    this.#socket = socket
  }

  readonly start = ({ onBytes, onEnd, onGone }: CarrierEvents): void => {
    const socket = this.#socket
    let failure: Error | undefined
    socket.setNoDelay(true)
    socket.on('error', (error) => (failure = error))
    // After an orderly end the reader is told of that, and `onGone` only stops whoever still sends.
    socket.on('close', () => {
      if (socket.readableEnded && failure === undefined) return
      onGone(goneError(failure))
    })
    if (socket.destroyed) queueMicrotask(() => onGone(goneError()))
    socket.on('end', onEnd)
    socket.on('data', onBytes)
  }

  write(parts: readonly Uint8Array[]): void {
    if (!this.#socket.writable) throw goneError()
    // Small parts go as one; a large one goes by itself, for those that are written together are copied first.
    let small: Uint8Array[] = []
    for (const part of parts) {
      if (part.length < LARGE_BYTES) small.push(part)
      else {
        this.#writeJoined(small)
        small = []
        this.#socket.write(part)
      }
    }
    this.#writeJoined(small)
  }

  /** Resolves when all that was written is out of this process's hands, or never will be. */
  flushed(): Promise<void> {
    if (this.#socket.writableLength === 0 || !this.#socket.writable) return Promise.resolve()
    return new Promise((resolve) => void this.#socket.write(NOTHING, () => resolve()))
  }

  #writeJoined(parts: readonly Uint8Array[]): void {
    if (parts.length > 0) this.#socket.write(parts.length === 1 ? parts[0]! : Buffer.concat(parts))
  }

  async drained(): Promise<void> {
    while (this.#socket.writableNeedDrain) {
      if (!this.#socket.writable) throw goneError()
      await new Promise<void>((resolve) => {
        const done = () => {
          this.#socket.off('drain', done)
          this.#socket.off('close', done)
          resolve()
        }
        this.#socket.on('drain', done)
        this.#socket.on('close', done)
      })
    }
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  async close(): Promise<void> {
    if (this.#socket.writableFinished || this.#socket.destroyed) return
    await new Promise<void>((resolve, reject) => {
      this.#socket.once('close', () => reject(goneError()))
      this.#socket.end(() => resolve())
    })
  }

  abort(error: Error): void {
    this.#socket.resetAndDestroy === undefined || 'encrypted' in this.#socket
      ? this.#socket.destroy(error)
      : this.#socket.resetAndDestroy()
  }
}

function goneError(cause?: unknown): DfsError {
  return new DfsError('unreachable', 'the connection to the peer was lost', { cause })
}
