/**
 * The network, from the main thread: a worker that is started when first needed, and again if it dies.
 *
 * Nothing here waits without an end: calls fail with `unreachable` while no worker runs, and when it dies under them.
 */
import { Worker } from 'node:worker_threads'
import { DfsError, describeError } from '../errors.ts'
import { logger, warn } from '../log.ts'
import type { NetworkCalls, NetworkEvents, NetworkStart, NodeState } from './network-calls.ts'
import type { PeerInfo } from './node.ts'
import { type CallOptions, type Handlers, Rpc } from './rpc.ts'

const log = logger('net')
const RESTART_MS_MIN = 1_000
const RESTART_MS_MAX = 60_000
const STOP_MS_MAX = 5_000

export interface NetworkOptions {
  /** The script of the worker: it serves NetworkCalls on its parentPort, and is given what `start` gives. */
  worker: URL
  /** What to start (and start again) the worker with. */
  start: () => NetworkStart | Promise<NetworkStart>
  /** What the worker calls here. */
  events: Handlers<NetworkEvents>
}

interface Session {
  readonly worker: Worker
  readonly rpc: Rpc<NetworkCalls, NetworkEvents>
  /** Settles with its start. */
  readonly started: PromiseWithResolvers<void>
}

export class Network {
  readonly #options: NetworkOptions
  readonly #ups = new Set<string>()
  #session: Session | undefined
  /** The one that is starting. */
  #opening: Session | undefined
  #restartMs = RESTART_MS_MIN
  #restart: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(options: NetworkOptions) {
    this.#options = options
  }

  /** Whether a worker runs, and may be called. */
  get isRunning(): boolean {
    return this.#session !== undefined
  }

  /** Starts the worker and its node. Fails with `busy` if an explicit port is taken; nothing runs then. */
  async start(): Promise<NodeState> {
    const start = await this.#options.start()
    if (this.#isStopped) throw goneError()
    const session = this.#openSession(start)
    this.#opening = session
    try {
      const state = await session.rpc.call('node.start', undefined)
      session.worker.once('exit', () => this.#lost(session))
      this.#session = session
      session.started.resolve()
      return state
    } catch (error) {
      session.started.reject(error)
      await session.worker.terminate()
      throw error
    } finally {
      this.#opening = undefined
    }
  }

  /** Calls the worker. Fails with `unreachable` if none runs, and as the method does. */
  async call<M extends keyof NetworkCalls>(
    method: M,
    params: NetworkCalls[M]['params'],
    options?: CallOptions<NetworkCalls[M]['part']>,
  ): Promise<NetworkCalls[M]['result']> {
    if (this.#session === undefined) throw goneError()
    return this.#session.rpc.call(method, params, options)
  }

  /** Connections with members. */
  peers(): Promise<PeerInfo[]> {
    return this.call('node.peers', undefined)
  }

  state(): Promise<NodeState> {
    return this.call('node.state', undefined)
  }

  /** Stops the node and ends the worker, in bounded time. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#restart)
    this.#opening?.rpc.close(goneError())
    const session = this.#session
    this.#session = undefined
    if (session === undefined) return
    try {
      await session.rpc.call('node.stop', undefined, { signal: AbortSignal.timeout(STOP_MS_MAX) })
    } catch (error) {
      log('the node did not stop by itself: %s', describeError(error))
    }
    session.rpc.close(goneError())
    await session.worker.terminate()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #openSession(start: NetworkStart): Session {
    const worker = new Worker(this.#options.worker, { name: 'dfs-net', workerData: start })
    const { events } = this.#options
    const started = Promise.withResolvers<void>()
    started.promise.catch(() => undefined)
    const handlers: Handlers<NetworkEvents> = {
      ...events,
      'event.member': (change, context) => {
        if (change.isUp) this.#ups.add(change.peerId)
        else this.#ups.delete(change.peerId)
        return events['event.member'](change, context)
      },
    }
    const rpc = new Rpc<NetworkCalls, NetworkEvents>(worker, heldBack(handlers, started.promise))
    worker.on('error', (error) => {
      warn(`the network's thread failed: ${describeError(error)}`)
      log('%s', (error as Error).stack)
      rpc.close(goneError(error))
    })
    worker.once('exit', () => rpc.close(goneError()))
    return { worker, rpc, started }
  }

  /** The worker died: its members are gone, and another takes its place after a while. */
  #lost(session: Session): void {
    if (this.#session !== session || this.#isStopped) return
    this.#session = undefined
    for (const peerId of this.#ups) void this.#options.events['event.member']({ peerId, isUp: false }, lostContext)
    this.#ups.clear()
    this.#restartLater()
  }

  #restartLater(): void {
    this.#restart = setTimeout(() => {
      this.start().then(
        () => (this.#restartMs = RESTART_MS_MIN),
        (error) => {
          if (this.#isStopped) return
          warn(`the network does not start again: ${describeError(error)}`)
          this.#restartLater()
        },
      )
    }, this.#restartMs).unref()
    this.#restartMs = Math.min(RESTART_MS_MAX, this.#restartMs * 2)
  }
}

/** Peers connect while the node starts: what they want is heard once it can be answered. In the order in which it came. */
function heldBack<C extends object>(handlers: C, until: Promise<void>): C {
  const held = Object.entries(handlers).map(([method, handle]) => [
    method,
    async (...call: unknown[]) => {
      await until
      return handle(...call)
    },
  ])
  return Object.fromEntries(held)
}

const lostContext = { signal: AbortSignal.abort(), part: () => {}, transfer: () => {} }

function goneError(cause?: unknown): DfsError {
  return new DfsError('unreachable', 'the network is not running', { op: 'network', cause })
}
