/**
 * Who makes a request. libfuse knows, but the binding does not say which of the requests being served is the one
 * whose handler runs; mostly there is one, or all come from one user.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Awaitable, Caller } from '../../vfs/operations.ts'
import type { LibfuseInternals, PendingRequest } from './libfuse-internals.ts'

const WAIT_MS_MAX = 50

export class Callers {
  readonly #internals: LibfuseInternals | undefined
  readonly #daemon: Caller = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, pid: process.pid }

  constructor(internals: LibfuseInternals | undefined) {
    this.#internals = internals
  }

  /**
   * The caller of the request whose handler runs now. Where requests of several users are being served, it waits
   * until the others are answered, for a moment; after that the object belongs to the daemon's user, which gives
   * nobody what is not theirs.
   */
  current(): Awaitable<Caller> {
    const candidates = this.#internals?.pendingRequests() ?? []
    return onlyUser(candidates) ?? this.#narrowDown(candidates)
  }

  async #narrowDown(candidates: PendingRequest[]): Promise<Caller> {
    const end = performance.now() + WAIT_MS_MAX
    while (candidates.length > 0 && performance.now() < end) {
      // Turns of the event loop, in which the others are answered: a timer would cost more than they take.
      await nextTurn()
      const pending = new Set(this.#internals!.pendingRequests().map(({ unique }) => unique))
      const caller = onlyUser(candidates.filter(({ unique }) => pending.has(unique)))
      if (caller !== undefined) return caller
    }
    return this.#daemon
  }
}

/** The last of the requests, if all come from one user. */
function onlyUser(requests: readonly PendingRequest[]): Caller | undefined {
  const last = requests.at(-1)
  return requests.every(({ uid, gid }) => uid === last?.uid && gid === last.gid) ? last : undefined
}
