/**
 * One daemon from start to end: takes the home's lock, serves the control socket, opens the parts when something
 * needs them, and ends when nobody does. Ending unmounts and stores everything first; the lock goes last.
 */
import { describeError } from '../errors.ts'
import { logger, preferLogFormat, warn } from '../log.ts'
import { giveUpBallast } from '../store/ballast.ts'
import { isHome } from './address.ts'
import { ControlServer, type Handlers } from './control-server.ts'
import { Home, makeHomeDirectory, type NewHome, noHome } from './home.ts'
import { HomeLock } from './home-lock.ts'
import { IdleTimer } from './idle-timer.ts'
import { KeyFiles } from './key-files.ts'
import type { NetworkService } from './network-service.ts'
import type { Context, PairingState, Parts } from './operations/context.ts'
import { handlersFor } from './operations/handlers.ts'
import { chooseSocketPath } from './socket-path.ts'

const log = logger('daemon')

/** Until a config says otherwise. */
const IDLE_STOP_MS = 3_000

export interface DaemonOptions {
  home: string
  env: NodeJS.ProcessEnv
  /** Stays when idle, until it is told to stop. */
  service: boolean
  /** What the home's keys are under, if they are. */
  passphrase?: string | undefined
}

export class Daemon implements Context {
  readonly homeDir: string
  readonly keyFiles: KeyFiles
  readonly #service: boolean
  readonly #lock: HomeLock
  readonly #idle: IdleTimer
  readonly #ended = Promise.withResolvers<void>()
  #server: ControlServer | undefined
  #home: Home | undefined
  #parts: Promise<Parts> | undefined
  #opened: Parts | undefined
  #network: Promise<NetworkService> | undefined
  #openNetworkService: NetworkService | undefined
  #metrics: AsyncDisposable | undefined
  #stopping: Promise<void> | undefined
  readonly pairing: PairingState = {}

  /** Resolves when clients are served. Fails with `locked` if the home has a daemon, or as the home's opening fails. */
  static async start({ home, env, service, passphrase }: DaemonOptions): Promise<Daemon> {
    makeHomeDirectory(home)
    await giveUpBallast(home)
    const lock = HomeLock.take(home)
    try {
      const keyFiles = await KeyFiles.unlock(home, passphrase)
      const daemon = new Daemon(home, { service, lock, keyFiles })
      await keyFiles.complete()
      await daemon.#listen(env)
      return daemon
    } catch (error) {
      lock[Symbol.dispose]()
      throw error
    }
  }

  private constructor(
    homeDir: string,
    { service, lock, keyFiles }: { service: boolean; lock: HomeLock; keyFiles: KeyFiles },
  ) {
    this.homeDir = homeDir
    this.keyFiles = keyFiles
    this.#service = service
    this.#lock = lock
    if (isHome(homeDir)) this.#home = Home.open(homeDir, keyFiles)
    if (this.#home !== undefined) preferLogFormat(this.#home.config.logFormat)
    this.#idle = new IdleTimer({
      isIdle: () => this.#isIdle(),
      onIdle: () => void this.stop('nothing to do'),
      delayMs: this.#home?.config.idleStopMs ?? IDLE_STOP_MS,
    })
  }

  /** Resolves once everything is stored and the home is free; the process may end then. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** Unmounts, stores what is dirty and gives the home back; rejects with what could not be stored. */
  stop(why: string): Promise<void> {
    if (this.#stopping === undefined) {
      log('stopping: %s', why)
      this.#stopping = this.#windUp()
      this.#stopping.then(this.#ended.resolve, this.#ended.reject)
    }
    return this.#stopping
  }

  home(): Home {
    if (this.#home === undefined) throw noHome(this.homeDir)
    return this.#home
  }

  async createHome(options: NewHome): Promise<Home> {
    this.#home = await Home.create(this.homeDir, options, this.keyFiles)
    return this.#home
  }

  async renewHome(options: NewHome): Promise<Home> {
    await this.#close()
    this.#home = await Home.renew(this.homeDir, options, this.keyFiles)
    return this.#home
  }

  network(): Promise<NetworkService> {
    this.#network ??= this.#openNetwork()
    return this.#network
  }

  parts(): Promise<Parts> {
    this.#parts ??= this.#openParts()
    return this.#parts
  }

  isWorking(): boolean {
    return this.#opened !== undefined
  }

  async #openParts(): Promise<Parts> {
    try {
      const { openParts } = await import('./daemon.ts')
      const network = await this.network()
      this.#opened = await openParts(this.home(), { network, onMountEnded: () => this.#mountEnded() })
      return this.#opened
    } catch (error) {
      this.#parts = undefined // The next operation may find it mended.
      throw error
    }
  }

  async #openNetwork(): Promise<NetworkService> {
    try {
      const { openNetwork } = await import('./daemon.ts')
      this.#openNetworkService = await openNetwork(this.home())
      return this.#openNetworkService
    } catch (error) {
      this.#network = undefined
      throw error
    }
  }

  /** Closes the parts and the network; the next operation opens them anew. */
  async #close(): Promise<void> {
    // An opening that failed has told its caller already.
    const parts = await this.#parts?.catch(() => undefined)
    const network = await this.#network?.catch(() => undefined)
    this.#parts = undefined
    this.#opened = undefined
    this.#network = undefined
    this.#openNetworkService = undefined
    try {
      await parts?.close()
    } finally {
      await network?.stop()
    }
  }

  async #listen(env: NodeJS.ProcessEnv): Promise<void> {
    const socket = chooseSocketPath(this.homeDir, env)
    const handlers = this.#handlers()
    this.#server = await ControlServer.listen({ socket, handlers, onClients: () => this.#idle.check() })
    this.#lock.announce({ pid: process.pid, socket })
    log('serves %s at %s', this.homeDir, socket)
    this.#idle.check()
    if (this.#service && this.#home !== undefined) this.#startNetwork()
    await this.#startMetrics().catch((error) => warn(`metrics are not served: ${describeError(error)}`))
  }

  /** A service speaks with others from its start; another daemon does once something is mounted. */
  #startNetwork(): void {
    this.network()
      .then((network) => network.startIfUseful())
      .then(async () => {
        if (this.#lends) await this.parts()
      })
      .catch((error) => warn(`the network does not start: ${describeError(error)}`))
  }

  async #startMetrics(): Promise<void> {
    const port = this.#home?.config.metricsPort ?? 0
    if (port === 0) return
    const { serveMetrics } = await import('./metrics/endpoint.ts')
    this.#metrics = await serveMetrics(port, () => ({ parts: this.#opened, network: this.#openNetworkService }))
  }

  /** Whether something is kept for others, or may be. */
  get #lends(): boolean {
    return this.#home !== undefined && (this.#home.config.offerBytes > 0 || this.#home.hasHeld)
  }

  #handlers(): Handlers {
    return handlersFor(this, {
      hello: () => ({ pid: process.pid, home: this.homeDir, initialised: this.#home !== undefined }),
      stop: () => {
        setImmediate(() => void this.stop('asked to'))
        return {}
      },
      stopsWhenLeft: () => this.#endsWhenIdle() && this.#idleButForClients(),
    })
  }

  #mountEnded(): void {
    // Whoever unmounts the last folder wants the daemon gone, too.
    if (this.#endsWhenIdle() && this.#opened?.mounts.busy === false) this.#idle.delayMs = 0
  }

  #isIdle(): boolean {
    return this.#endsWhenIdle() && this.#server?.clients === 0 && this.#idleButForClients()
  }

  #endsWhenIdle(): boolean {
    return !this.#service && this.#stopping === undefined
  }

  #idleButForClients(): boolean {
    return this.#opened === undefined || !this.#opened.mounts.busy
  }

  async #windUp(): Promise<void> {
    this.#idle[Symbol.dispose]()
    try {
      await this.#server?.stop()
      await this.#metrics?.[Symbol.asyncDispose]()
      await this.#close()
    } finally {
      this.#lock[Symbol.dispose]()
    }
  }
}
