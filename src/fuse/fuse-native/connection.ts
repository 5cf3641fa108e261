/**
 * The connection of one mount to the kernel. libfuse closes its /dev/fuse descriptor once its threads have ended,
 * which is after the last request was answered; the binding tells nothing of it, so /proc is asked.
 */
import { readdirSync, readlinkSync } from 'node:fs'

const DEVICE = '/dev/fuse'
const IDLE_POLL_MS = 500
const CLOSING_POLL_MS = 5

const alive = new Set<Connection>()

export class Connection {
  readonly #descriptor: string
  readonly #ended = Promise.withResolvers<void>()
  #timer: NodeJS.Timeout

  /** Runs `mount`, which must open one connection. */
  static openedBy<T>(mount: () => T): { connection: Connection; mounted: T } {
    // A descriptor's number may come again: whoever had it before has to notice first.
    for (const connection of alive) connection.#check()
    const before = new Set(deviceDescriptors())
    const mounted = mount()
    const descriptor = deviceDescriptors().find((candidate) => !before.has(candidate))
    return { connection: new Connection(descriptor ?? '-1'), mounted }
  }

  private constructor(descriptor: string) {
    this.#descriptor = descriptor
    this.#timer = setInterval(() => this.#check(), IDLE_POLL_MS).unref()
    alive.add(this)
  }

  /** Resolves once no request will come any more. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** The end is near: looks more often. */
  expectEnd(): void {
    if (!alive.has(this)) return
    clearInterval(this.#timer)
    this.#timer = setInterval(() => this.#check(), CLOSING_POLL_MS)
  }

  #check(): void {
    if (isDevice(this.#descriptor)) return
    clearInterval(this.#timer)
    alive.delete(this)
    this.#ended.resolve()
  }
}

function deviceDescriptors(): string[] {
  return readdirSync('/proc/self/fd').filter(isDevice)
}

function isDevice(descriptor: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`) === DEVICE
  } catch {
    return false
  }
}
