/**
 * A socket of Node's own (plain or TLS) as a carrier of frames. It is connected, and nobody else reads or writes it.
 */
import type { Socket } from 'node:net'
import { DfsError } from '../errors.ts'
import type { Carrier, CarrierEvents } from './framing.ts'

const LARGE_BYTES = 8 * 1024
const NOTHING = Buffer.alloc(0)
const READ_BYTES = 64 * 1024

/**
 * Reads a socket into memory that is used again and again, where a socket by itself takes new memory for all it reads
 * (measured with TLS: 1.75 s of processor time a GiB by itself, 1.05 s so). Make the socket with `onread`.
 */
export class SocketReading {
  /** Nothing may come before there is one: it would be lost, and what follows refused. */
  sink: ((bytes: Uint8Array) => void) | undefined
  isPaused = false

  readonly onread = {
    buffer: Buffer.allocUnsafeSlow(READ_BYTES),
    callback: (bytes: number, buffer: Uint8Array): boolean => {
      this.sink?.(buffer.subarray(0, bytes))
      return this.sink !== undefined && !this.isPaused
    },
  }
}

export class SocketCarrier implements Carrier {
  readonly lendsBytes: boolean
  readonly #socket: Socket
  readonly #reading: SocketReading | undefined

  constructor(socket: Socket, reading?: SocketReading) {
    this.#socket = socket
    this.#reading = reading
    this.lendsBytes = reading !== undefined
  }

  readonly start = ({ onBytes, onEnd, onGone }: CarrierEvents): void => {
    const socket = this.#socket
    let failure: Error | undefined
    socket.setNoDelay(true)
    socket.on('error', (error) => (failure = error))
    // After an orderly end the reader is told of that, and `onGone` only stops whoever still sends.
    // Everybody who waits to send listens.
    socket.setMaxListeners(0)
    socket.on('close', () => {
      if (socket.readableEnded && failure === undefined) return
      onGone(goneError(failure))
    })
    if (socket.destroyed) queueMicrotask(() => onGone(goneError()))
    socket.on('end', onEnd)
    if (this.#reading === undefined) socket.on('data', onBytes)
    else this.#reading.sink = onBytes
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
    if (this.#reading !== undefined) this.#reading.isPaused = true
    this.#socket.pause()
  }

  resume(): void {
    if (this.#reading !== undefined) this.#reading.isPaused = false
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
