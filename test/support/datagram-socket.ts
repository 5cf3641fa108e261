/** A Unix datagram socket that receives, as a service manager's: Node has none. */
import { setTimeout as delay } from 'node:timers/promises'
import koffi from 'koffi'

const libc = koffi.load('libc.so.6')
const socket = libc.func('int socket(int domain, int type, int protocol)')
const bind = libc.func('int bind(int fd, const void *address, unsigned int length)')
const recv = libc.func('int64_t recv(int fd, void *into, size_t length, int flags)')
const close = libc.func('int close(int fd)')

const AF_UNIX = 1
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000
const MSG_DONTWAIT = 0x40
const POLL_MS = 10

export class DatagramSocket implements Disposable {
  readonly #fd: number
  readonly #received: string[] = []

  /** Listens at a path, or at `@NAME` in the abstract namespace. */
  constructor(address: string) {
    const name = address.startsWith('@') ? `\0${address.slice(1)}` : `${address}\0`
    const encoded = Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(name)])
    this.#fd = socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0)
    if (this.#fd < 0 || bind(this.#fd, encoded, encoded.length) < 0) throw new Error(`cannot listen at ${address}`)
  }

  /** All that has come by now, the first first. */
  get received(): readonly string[] {
    const into = Buffer.alloc(65_536)
    for (;;) {
      const bytes = Number(recv(this.#fd, into, into.length, MSG_DONTWAIT))
      if (bytes < 0) return this.#received
      this.#received.push(into.toString('utf8', 0, bytes))
    }
  }

  /** Resolves with the first message that matches, of those from the `from`th on. */
  async message(pattern: RegExp, { from = 0, deadlineMs = 60_000 } = {}): Promise<string> {
    const end = performance.now() + deadlineMs
    for (;;) {
      const found = this.received.slice(from).find((message) => pattern.test(message))
      if (found !== undefined) return found
      if (performance.now() > end) throw new Error(`no ${pattern} in ${JSON.stringify(this.received)}`)
      await delay(POLL_MS)
    }
  }

  [Symbol.dispose](): void {
    close(this.#fd)
  }
}
