/**
 * The loop that serves one mount on the main thread: it drains the device, keeps looking for a while, for the next
 * request of a busy program comes within microseconds, then sleeps until the kernel's signal. Idle, it costs nothing.
 */
import { ERRNO } from '../../posix/errno.ts'
import { closeFd } from '../../posix/files.ts'
import { isNothingThere, readFuseDevice, signalRequests } from '../../posix/fuse-device.ts'
import { listen } from './bell.ts'
import type { Dispatcher } from './dispatcher.ts'
import { REQUEST_BYTES_MAX } from './negotiation.ts'
import { Request } from './request.ts'

/** The kernel refuses to fill less than the largest WRITE with its headers. */
const BUFFER_BYTES = REQUEST_BYTES_MAX + 4096
/** Requests served before other work of the event loop has its turn. */
const BATCH = 32
const IDLE_TURNS_MAX = 50
const IDLE_TURNS_MIN = 8
const CROWDED_TURN_MS = 0.25
const IDLE_MS_MAX = 1
const FREE_REQUESTS_MAX = 8

export class DeviceLoop {
  readonly #fd: number
  readonly #dispatcher: Dispatcher
  readonly #beforeClose: () => Promise<void>
  readonly #ended = Promise.withResolvers<void>()
  readonly #free: Request[] = []
  readonly #working = new Set<Promise<void>>()
  readonly #stopListening: () => void
  #idleTurns = 0
  #idleTurnsMax = IDLE_TURNS_MAX
  #idleSince = 0
  #lastTurn = 0
  #asleep = false
  #closed = false

  /** Takes the descriptor over, and begins to serve; `beforeClose` is awaited when the connection has ended. */
  constructor(fd: number, dispatcher: Dispatcher, beforeClose: () => Promise<void>) {
    this.#fd = fd
    this.#beforeClose = beforeClose
    this.#dispatcher = dispatcher
    this.#stopListening = listen(() => this.#wake())
    this.#schedule()
  }

  /** Resolves once the kernel has ended the connection, the last request is served and the device closed. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  #schedule(): void {
    setImmediate(this.#turn)
  }

  readonly #turn = (): void => {
    const served = this.#drain()
    if (this.#closed) return
    if (served > 0) this.#foundWork()
    if (served > 0 || this.#mayLookAgain()) this.#schedule()
    else this.#sleep()
  }

  #foundWork(): void {
    if (this.#idleTurns > 0) this.#idleTurnsMax = IDLE_TURNS_MAX
    this.#idleTurns = 0
  }

  /** Looking in vain makes for less looking next time; a turn that took long says that others need the processor. */
  #mayLookAgain(): boolean {
    const now = performance.now()
    if (this.#idleTurns++ === 0) {
      this.#idleSince = now
      this.#lastTurn = now
    }
    const isCrowded = now - this.#lastTurn > CROWDED_TURN_MS
    this.#lastTurn = now
    if (!isCrowded && this.#idleTurns < this.#idleTurnsMax && now - this.#idleSince < IDLE_MS_MAX) return true
    this.#idleTurnsMax = Math.max(IDLE_TURNS_MIN, Math.floor(this.#idleTurnsMax / 2))
    return false
  }

  #sleep(): void {
    signalRequests(this.#fd, true)
    this.#asleep = true
    // What came just before the signal was asked for.
    if (this.#drain() > 0) this.#wake()
  }

  #wake(): void {
    if (!this.#asleep || this.#closed) return
    this.#asleep = false
    signalRequests(this.#fd, false)
    this.#idleTurns = 0
    this.#turn()
  }

  /** Serves what is there, up to a batch; how many requests that was. */
  #drain(): number {
    let served = 0
    while (served < BATCH) {
      const request = this.#free.pop() ?? new Request(BUFFER_BYTES)
      const bytes = readFuseDevice(this.#fd, request.buffer)
      if (bytes > 0) {
        served++
        this.#serve(request, bytes)
        continue
      }
      this.#giveBack(request)
      if (bytes === -ERRNO.ENOENT || bytes === -ERRNO.EINTR) continue
      if (!isNothingThere(bytes)) this.#close()
      break
    }
    return served
  }

  #serve(request: Request, bytes: number): void {
    const working = request.begin(bytes) ? this.#dispatcher.serve(request) : undefined
    const isFree = working === undefined || this.#dispatcher.readsAtOnce(request)
    if (isFree) this.#giveBack(request)
    const done = working?.finally(() => {
      this.#working.delete(done!)
      if (!isFree) this.#giveBack(request)
    })
    if (done !== undefined) this.#working.add(done)
  }

  #giveBack(request: Request): void {
    if (this.#free.length < FREE_REQUESTS_MAX) this.#free.push(request)
  }

  /** ENODEV: unmounted. ECONNABORTED: aborted by way of /sys. */
  #close(): void {
    this.#closed = true
    this.#stopListening()
    void Promise.all([...this.#working, this.#beforeClose()]).then(() => {
      closeFd(this.#fd)
      this.#ended.resolve()
    })
  }
}
