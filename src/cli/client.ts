/**
 * The client's end of the control socket: one request at a time, progress and content as they come, and errors as the
 * daemon threw them.
 */
import { connect, type Socket } from 'node:net'
import {
  type Answer,
  CONTROL_VERSION,
  encodeJsonFrame,
  FrameParser,
  type Method,
  type Params,
  type Results,
  type WireError,
} from '../daemon/control-api.ts'
import type { OnProgress } from '../dfs.ts'
import { DfsError } from '../errors.ts'

export interface CallOptions {
  onProgress?: OnProgress | undefined
  /** Takes content; what comes after waits until it resolves. */
  onBytes?: ((bytes: Buffer) => Promise<void>) | undefined
}

interface Pending extends CallOptions {
  readonly id: number
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

export class Client {
  readonly #socket: Socket
  readonly #parser = new FrameParser()
  readonly #closed: Promise<void>
  #pending: Pending | undefined
  #lastId = 0

  /** Connects and greets. Undefined if nobody listens there, whoever did is about to end, or the signal fires, which hangs up then and later. */
  static async connect(address: string, signal?: AbortSignal): Promise<Client | undefined> {
    const socket = connect({ path: address, signal })
    const { promise: connected, resolve } = Promise.withResolvers<boolean>()
    socket
      .once('connect', () => resolve(true))
      .once('error', () => resolve(false))
      .once('close', () => resolve(false))
    if (!(await connected)) return undefined
    const client = new Client(socket)
    try {
      await client.call('hello', { version: CONTROL_VERSION })
      return client
    } catch (error) {
      client.close()
      if (error instanceof DfsError && error.kind === 'not-running') return undefined
      throw error
    }
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#closed = promise
    socket.on('data', (bytes) => void this.#receive(bytes))
    socket.on('error', () => undefined) // 'close' follows.
    socket.on('close', () => {
      resolve()
      this.#fail(new DfsError('not-running', 'the daemon ended meanwhile', { mend: 'daemon.log in the home says why' }))
    })
  }

  /** Fails as the operation in the daemon does; with `not-running` if the daemon ends meanwhile. */
  call<M extends Method>(method: M, params: Params<M>, options: CallOptions = {}): Promise<Results[M]> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const id = ++this.#lastId
    this.#pending = { id, resolve, reject, ...options }
    if (this.#socket.destroyed) this.#fail(new DfsError('not-running', 'the daemon ended meanwhile'))
    else this.#socket.write(encodeJsonFrame({ id, method, params }))
    return promise as Promise<Results[M]>
  }

  /** Waits until the daemon has ended, at most so long. */
  async awaitEnd(deadlineMs: number): Promise<void> {
    this.call('awaitEnd', {}).catch(() => undefined)
    const timer = setTimeout(() => this.close(), deadlineMs)
    await this.#closed
    clearTimeout(timer)
  }

  /** Hangs up, and fails what was asked for with `error`. */
  abort(error: DfsError): void {
    this.#fail(error)
    this.close()
  }

  /** Hangs up; what was asked for is aborted. */
  close(): void {
    this.#socket.destroy()
  }

  async #receive(bytes: Buffer): Promise<void> {
    this.#socket.pause()
    try {
      for (const frame of this.#parser.push(bytes)) {
        if (frame.kind === 'bytes') await this.#pending?.onBytes?.(frame.bytes)
        else this.#settle(frame.value as Answer)
      }
    } catch (error) {
      this.#fail(error)
      this.close()
    }
    this.#socket.resume()
  }

  #settle(answer: Answer): void {
    const pending = this.#pending
    if ('error' in answer) {
      this.#fail(fromWire(answer.error))
      return
    }
    if (pending === undefined || answer.id !== pending.id) return
    if ('progress' in answer) {
      pending.onProgress?.(answer.progress)
      return
    }
    this.#pending = undefined
    pending.resolve(answer.result)
  }

  #fail(error: unknown): void {
    const pending = this.#pending
    this.#pending = undefined
    pending?.reject(error)
  }
}

export function fromWire({ kind, message, ...options }: WireError): DfsError {
  return new DfsError(kind, message, options)
}
