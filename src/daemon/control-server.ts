/**
 * The control socket's serving end: reads requests, runs them one at a time per connection, streams answers with
 * back-pressure. A client that hangs up aborts what it asked for; malformed input costs it the connection.
 */
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { OnProgress } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { logger, warn } from '../log.ts'
import { isSystemError } from '../posix/errno.ts'
import { type Answer, METHODS, type Method, type Params, type Request, type Results } from './control-api.ts'
import { checkParams, toWireError } from './control-check.ts'
import { encodeBytesFrame, encodeJsonFrame, FRAME_BYTES_MAX, type Frame, FrameParser } from './control-wire.ts'

const log = logger('daemon')

/** Requests that one connection may have waiting; nobody needs more than a few. */
const QUEUE_MAX = 16
const PROGRESS_INTERVAL_MS = 100

/** What a handler gets beside its parameters. */
export interface Call {
  /** Aborts when the client hangs up or the daemon stops. */
  readonly signal: AbortSignal
  readonly onProgress: OnProgress
  /** Sends content; resolves when more may be sent. Fails with `aborted` when the client has gone. */
  sendBytes(bytes: Buffer): Promise<void>
  /** From now on this client keeps no daemon running. */
  leave(): void
}

export type Handlers = { [M in Method]: (params: Params<M>, call: Call) => Promise<Results[M]> | Results[M] }

export interface ControlServerOptions {
  /** Where to listen; what lies there is removed (the home's lock says that no other daemon serves it). */
  socket: string
  handlers: Handlers
  /** Called whenever a client comes or goes. */
  onClients: () => void
}

export class ControlServer {
  readonly #server: Server
  readonly #handlers: Handlers
  readonly #onClients: () => void
  readonly #connections = new Map<Socket, AbortController>()
  readonly #leaving = new Set<Socket>()
  readonly #answering = new Set<Promise<void>>()
  #stopping = false

  static async listen({ socket, handlers, onClients }: ControlServerOptions): Promise<ControlServer> {
    rmSync(socket, { force: true })
    const control = new ControlServer(handlers, onClients)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    control.#server.once('error', reject).listen(socket, resolve)
    await promise
    chmodSync(socket, 0o600)
    return control
  }

  private constructor(handlers: Handlers, onClients: () => void) {
    this.#handlers = handlers
    this.#onClients = onClients
    this.#server = createServer((socket) => this.#accept(socket))
  }

  /** Those who have not said that they leave. */
  get clients(): number {
    return this.#connections.size - this.#leaving.size
  }

  /** Takes no new clients, aborts what is in progress and waits for that; those connected stay so until the process ends. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#server.close()
    for (const controller of this.#connections.values()) controller.abort(stopping())
    await Promise.all(this.#answering)
  }

  #accept(socket: Socket): void {
    if (this.#stopping) {
      socket.destroy()
      return
    }
    const controller = new AbortController()
    this.#connections.set(socket, controller)
    const parser = new FrameParser()
    const requests: Request[] = []
    let working = false
    const workOff = async () => {
      if (working) return
      working = true
      for (let request = requests.shift(); request !== undefined; request = requests.shift()) {
        const answering = this.#answer(socket, request, controller.signal)
        this.#answering.add(answering)
        await answering
        this.#answering.delete(answering)
      }
      working = false
    }
    socket.on('data', (bytes) => {
      try {
        for (const frame of parser.push(bytes)) requests.push(toRequest(frame))
        if (requests.length > QUEUE_MAX) throw new DfsError('invalid', 'too many requests at once', { op: 'control' })
        void workOff()
      } catch (error) {
        socket.end(encodeJsonFrame({ id: 0, error: toWireError(error) }))
        socket.removeAllListeners('data').resume()
      }
    })
    socket.on('error', (error) => log('client: %s', error.message))
    socket.on('close', () => {
      this.#connections.delete(socket)
      this.#leaving.delete(socket)
      controller.abort(new DfsError('aborted', 'the client hung up'))
      this.#onClients()
    })
    this.#onClients()
  }

  async #answer(socket: Socket, { id, method, params }: Request, signal: AbortSignal): Promise<void> {
    const send = (answer: Answer) => {
      if (socket.writable) socket.write(encodeJsonFrame(answer))
    }
    try {
      signal.throwIfAborted()
      const result = await this.#run(method, params, {
        signal,
        onProgress: throttle((progress) => send({ id, progress })),
        sendBytes: (bytes) => sendBytes(socket, bytes, signal),
        leave: () => this.#leave(socket),
      })
      send({ id, result })
    } catch (error) {
      log('%s: %o', method, error)
      if (!(error instanceof DfsError) && !isSystemError(error))
        warn(`${method}: ${error instanceof Error ? error.stack : String(error)}`)
      send({ id, error: toWireError(error) })
    }
  }

  #leave(socket: Socket): void {
    this.#leaving.add(socket)
    this.#onClients()
  }

  #run(method: string, params: unknown, call: Call): Promise<unknown> | unknown {
    if (!Object.hasOwn(METHODS, method)) throw new DfsError('invalid', `no such method: ${method}`, { op: 'control' })
    const handler = this.#handlers[method as Method] as (params: unknown, call: Call) => unknown
    return handler(checkParams(method as Method, params), call)
  }
}

/** Fails requests that arrive while the daemon winds up; the client then starts another daemon. */
function stopping(): DfsError {
  return new DfsError('not-running', 'the daemon is stopping', { op: 'control', mend: 'try again' })
}

function toRequest(frame: Frame): Request {
  if (frame.kind === 'json' && typeof frame.value === 'object' && frame.value !== null) {
    const { id, method, params } = frame.value as Record<string, unknown>
    if (Number.isSafeInteger(id) && typeof method === 'string') return { id: id as number, method, params }
  }
  throw new DfsError('invalid', 'malformed input on the control socket: not a request', { op: 'control' })
}

async function sendBytes(socket: Socket, bytes: Buffer, signal: AbortSignal): Promise<void> {
  for (let start = 0; start < bytes.length; start += FRAME_BYTES_MAX) {
    signal.throwIfAborted()
    if (!socket.write(encodeBytesFrame(bytes.subarray(start, start + FRAME_BYTES_MAX)))) await drained(socket, signal)
  }
}

function drained(socket: Socket, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  socket.once('drain', resolve)
  return promise.finally(() => {
    signal.removeEventListener('abort', onAbort)
    socket.off('drain', resolve)
  })
}

/** Lets a first report through, then at most one every `PROGRESS_INTERVAL_MS`. */
function throttle(report: OnProgress): OnProgress {
  let nextMs = 0
  return (progress) => {
    const nowMs = performance.now()
    if (nowMs < nextMs) return
    nextMs = nowMs + PROGRESS_INTERVAL_MS
    report(progress)
  }
}
