/** What the dispatcher knows of one kind of request. */
import type { Awaitable } from '../../vfs/operations.ts'
import type { OperationName } from './protocol.ts'
import type { Reply } from './reply.ts'
import type { Request } from './request.ts'

export interface Operation<T = unknown> {
  /** Shortest body; shorter requests never reach `serve`. */
  readonly bodyBytes: number
  /** Does what is asked. The request's memory stays as it is until the outcome is known, unless `readsAtOnce`. */
  serve(request: Request): Awaitable<T>
  /** `serve` needs nothing of the request any more when it has returned: its memory can be used for the next one. */
  readonly readsAtOnce?: boolean
  /**
   * Puts the outcome into `reply`, or names the reply that has it already; an errno, for refusals that are part of
   * everyday work and should cost no exception. Without it the answer has no body.
   */
  encode?(reply: Reply, value: T): Reply | number | undefined
  /** The kernel did not get the answer: what it would have had to give back is taken back. */
  undo?(value: T): void
  /** Called last, whatever became of the answer. */
  done?(value: T): void
  /** The kernel expects no answer. */
  readonly silent?: boolean
  /** May be answered with EINTR at any signal while its work goes on, for the work changes nothing. */
  readonly interruptible?: boolean
  /**
   * What to answer, while the work goes on, to one who ends by a signal; for operations that have changed all that the kernel
   * knows before they first wait. Without it the answer is EINTR.
   */
  early?(request: Request): Awaitable<T>
  /** The work of a request that was answered with EINTR has ended: what it changed is told to the kernel. Not `readsAtOnce`. */
  late?(request: Request): void
}

// biome-ignore lint/suspicious/noExplicitAny: each operation has an outcome of its own kind, which only it looks at.
export type Operations = Partial<Record<OperationName, Operation<any>>>
