/**
 * Typed calls over a MessagePort, the same at both ends: each side serves some methods and calls those of the other.
 *
 * Every call ends: with its result, with the other side's DfsError, with `aborted` when its signal fires, or with what
 * closed the port. Arguments and results are cloned (a Buffer arrives as a Uint8Array); memory that a handler or caller
 * names in `transfer` moves instead, and is gone on the sending side.
 */
import type { Transferable } from 'node:worker_threads'
import { DfsError } from '../errors.ts'
import { errorOfWire, type WireError, wireError } from '../seal/wire.ts'

/** The type of one method: `interface NodeCalls { 'node.peers': Call<void, Peer[]> }`. */
export interface Call<Params, Result, Part = never> {
  params: Params
  result: Result
  /** What comes before the result, as often as the handler likes. */
  part: Part
}

type Calls<C> = Record<keyof C, Call<unknown, unknown, unknown>>

export interface CallOptions<Part> {
  /** Aborts the handler's signal, and the call with `aborted`. */
  signal?: AbortSignal | undefined
  onPart?: ((part: Part) => void) | undefined
  transfer?: readonly Transferable[]
}

/** What a handler may use beside its parameters. */
export interface CallContext<Part> {
  /** Fires when the caller gives up, or the port closes. */
  readonly signal: AbortSignal
  /** Sends a part ahead of the result. */
  part(part: Part, transfer?: readonly Transferable[]): void
  /** Moves this memory with the result instead of copying it. */
  transfer(...memory: Transferable[]): void
}

export type Handlers<C extends Calls<C>> = {
  readonly [M in keyof C]: (
    params: C[M]['params'],
    context: CallContext<C[M]['part']>,
  ) => C[M]['result'] | Promise<C[M]['result']>
}

/** Either end: the port of a MessageChannel, a Worker, a worker's parentPort. */
export interface Port {
  postMessage(message: unknown, transfer?: readonly Transferable[]): void
  on(event: 'message', listener: (message: unknown) => void): unknown
}

type Message =
  | { type: 'call'; id: number; method: string; params: unknown }
  | { type: 'cancel'; id: number }
  | { type: 'part'; id: number; part: unknown }
  | { type: 'result'; id: number; result: unknown }
  | { type: 'error'; id: number; error: WireError }

interface Pending {
  resolve(result: unknown): void
  reject(error: Error): void
  onPart: ((part: never) => void) | undefined
}

export class Rpc<Remote extends Calls<Remote>, Local extends Calls<Local>> {
  readonly #port: Port
  readonly #handlers: Handlers<Local>
  readonly #pending = new Map<number, Pending>()
  readonly #running = new Map<number, AbortController>()
  #nextId = 0
  #closed: Error | undefined

  /** Serves `handlers` from now on. */
  constructor(port: Port, handlers: Handlers<Local>) {
    this.#port = port
    this.#handlers = handlers
    port.on('message', (message: unknown) => this.#receive(message as Message))
  }

  /** Calls a method of the other side. */
  async call<M extends keyof Remote & string>(
    method: M,
    params: Remote[M]['params'],
    { signal, onPart, transfer = [] }: CallOptions<Remote[M]['part']> = {},
  ): Promise<Remote[M]['result']> {
    if (this.#closed !== undefined) throw this.#closed
    if (signal?.aborted) throw abortedError(method, signal)
    const id = this.#nextId++
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#pending.set(id, { resolve, reject, onPart: onPart as Pending['onPart'] })
    const onAbort = () => {
      this.#post({ type: 'cancel', id })
      reject(abortedError(method, signal!))
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      this.#post({ type: 'call', id, method, params }, transfer)
      return (await promise) as Remote[M]['result']
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.#pending.delete(id)
    }
  }

  /** Fails all calls with `error` from now on, and aborts the handlers that run. The port itself stays as it is. */
  close(error: Error): void {
    if (this.#closed !== undefined) return
    this.#closed = error
    for (const { reject } of this.#pending.values()) reject(error)
    for (const controller of this.#running.values()) controller.abort(error)
  }

  #receive(message: Message): void {
    if (this.#closed !== undefined) return
    if (message.type === 'call') void this.#serve(message.id, message.method as keyof Local, message.params as never)
    else if (message.type === 'cancel') this.#running.get(message.id)?.abort()
    else if (message.type === 'part') this.#pending.get(message.id)?.onPart?.(message.part as never)
    else if (message.type === 'result') this.#pending.get(message.id)?.resolve(message.result)
    else this.#pending.get(message.id)?.reject(errorOfWire(message.error))
  }

  async #serve<M extends keyof Local>(id: number, method: M, params: Local[M]['params']): Promise<void> {
    const controller = new AbortController()
    this.#running.set(id, controller)
    const moved: Transferable[] = []
    try {
      const result = await this.#handlers[method](params, {
        signal: controller.signal,
        part: (part, transfer) => {
          if (!controller.signal.aborted) this.#post({ type: 'part', id, part }, transfer)
        },
        transfer: (...memory) => void moved.push(...memory),
      })
      this.#post({ type: 'result', id, result }, moved)
    } catch (error) {
      this.#post({ type: 'error', id, error: wireError(error) })
    } finally {
      this.#running.delete(id)
    }
  }

  #post(message: Message, transfer: readonly Transferable[] = []): void {
    if (this.#closed === undefined) this.#port.postMessage(message, transfer)
  }
}

function abortedError(method: string, { reason }: AbortSignal): DfsError {
  if (reason instanceof DfsError) return reason
  const kind = (reason as Error | undefined)?.name === 'TimeoutError' ? 'timeout' : 'aborted'
  return new DfsError(kind, kind === 'timeout' ? 'no answer in time' : 'given up', { op: method, cause: reason })
}
