/**
 * Who makes a request. libfuse knows, but the binding does not say which of the requests being served is the one
 * whose handler runs.
 *
 * Invariant: a caller is only named when it is certain: read from the thread's own request, or the one user left
 * once the requests known to be others' are taken away.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Awaitable, Caller } from '../../vfs/operations.ts'
import { type Locals, xattrNameAddress } from './binding.ts'
import { type LibfuseInternals, type PendingRequest, requestBefore } from './libfuse-internals.ts'

const WAIT_MS_MAX = 50
/** What newer kernels put where nobody in particular asks, as for a release. */
const NO_USER = 0xffff_ffff

export class Callers {
  readonly #internals: LibfuseInternals | undefined
  readonly #daemon: Caller = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, pid: process.pid }
  /** Where each thread's request in service lies: a thread reads all of them into the same memory. */
  readonly #requestAddresses = new WeakMap<Locals, bigint>()
  /** Requests whose handler is known: they are nobody else's. */
  #attributed = new Set<bigint>()

  constructor(internals: LibfuseInternals | undefined) {
    this.#internals = internals
  }

  /** Learns from a getxattr where its thread keeps requests: the attribute's name is part of the request itself. */
  learn(thread: Locals): void {
    if (this.#internals === undefined || this.#requestAddresses.has(thread)) return
    const address = requestBefore(xattrNameAddress(thread))
    if (address !== undefined) this.#requestAddresses.set(thread, address)
  }

  /**
   * The caller of the request that `thread` serves. Where that cannot be told from other users' requests it waits,
   * for a moment, until they are answered; after that the object belongs to the daemon's user.
   */
  current(thread: Locals): Awaitable<Caller> {
    const pending = this.#pending()
    const address = this.#requestAddresses.get(thread)
    const own = address === undefined ? undefined : this.#internals?.requestAt(address)
    // The list of pending requests vouches for what the memory says.
    const exact = pending.find(({ unique, uid, gid }) => unique === own?.unique && uid === own.uid && gid === own.gid)
    return exact === undefined ? (this.#onlyUser(pending) ?? this.#narrowDown(pending)) : this.#attribute(exact)
  }

  async #narrowDown(candidates: PendingRequest[]): Promise<Caller> {
    const end = performance.now() + WAIT_MS_MAX
    while (candidates.length > 0 && performance.now() < end) {
      // Turns of the event loop, in which the others are answered: a timer would cost more than they take.
      await nextTurn()
      const pending = new Set(this.#pending().map(({ unique }) => unique))
      const caller = this.#onlyUser(candidates.filter(({ unique }) => pending.has(unique)))
      if (caller !== undefined) return caller
    }
    return this.#daemon
  }

  #pending(): PendingRequest[] {
    const pending = this.#internals?.pendingRequests() ?? []
    const present = new Set(pending.map(({ unique }) => unique))
    this.#attributed = new Set([...this.#attributed].filter((unique) => present.has(unique)))
    return pending.filter(({ uid }) => uid !== NO_USER)
  }

  /** The user all unattributed requests come from, if it is one. */
  #onlyUser(requests: readonly PendingRequest[]): Caller | undefined {
    const open = requests.filter(({ unique }) => !this.#attributed.has(unique))
    const [first] = open
    if (first === undefined || open.some(({ uid, gid }) => uid !== first.uid || gid !== first.gid)) return undefined
    return open.length === 1 ? this.#attribute(first) : first
  }

  #attribute(request: PendingRequest): Caller {
    this.#attributed.add(request.unique)
    return request
  }
}
