/** The shape of what serves a kind of request. */
import type { Awaitable } from '../../vfs/operations.ts'
import type { Locals, OperationName } from './binding.ts'

/** The result (0, a count, or a negative errno), then what the binding takes beside it. */
export type Answer = readonly [result: number, ...values: unknown[]]

/** What the binding passes differs by operation; each names its own. */
// biome-ignore lint/suspicious/noExplicitAny: the types are those of the native call, which nothing checks
type NativeArguments = any[]

export interface Operation {
  /** Serves a request; `locals` stands for the thread it comes from. */
  readonly serve: (locals: Locals, ...args: NativeArguments) => Awaitable<Answer>
  /** The values that go with a failure; the binding reads them whatever the result is. */
  readonly failureValues?: (...args: NativeArguments) => unknown[]
}

export type Operations = Partial<Record<OperationName, Operation>>

export const DONE: Answer = [0]
