/**
 * The table of handlers that the binding calls. Each serves one request and answers it exactly once,
 * whatever the operation throws.
 */
import { logger } from '../../log.ts'
import type { Awaitable } from '../../vfs/operations.ts'
import { errnoOf } from '../errno.ts'
import { type Locals, type NativeHandler, type OperationName, signalOf } from './binding.ts'
import { fileOperations } from './file-operations.ts'
import { nameOperations } from './name-operations.ts'
import { type Answer, DONE, type Operation, type Operations } from './operation.ts'
import type { Session } from './session.ts'
import { xattrOperations } from './xattr-operations.ts'

const log = logger('fuse')

export function buildHandlers(session: Session): Map<OperationName, NativeHandler> {
  const operations: Operations = {
    init: { serve: () => DONE },
    ...nameOperations(session),
    ...fileOperations(session),
    ...xattrOperations(session),
  }
  const entries = Object.entries(operations) as [OperationName, Operation][]
  return new Map(entries.map(([name, operation]) => [name, handler(session, name, operation)]))
}

function handler(session: Session, name: OperationName, { serve, failureValues }: Operation): NativeHandler {
  const signal = signalOf(name)
  return (locals: Locals, _operation: number, ...args: unknown[]) => {
    const answer = ([result, ...values]: Answer): void => signal(locals, result, ...values)
    const fail = (error: unknown): void => {
      log('%s %o: %o', name, args[0], error)
      signal(locals, -errnoOf(error), ...(failureValues?.(...args) ?? []))
    }
    try {
      const settled = name === 'rename' ? undefined : settle(session, locals, args)
      const result = settled instanceof Promise ? settled.then(() => serve(locals, ...args)) : serve(locals, ...args)
      if (result instanceof Promise) result.then(answer).catch(fail)
      else answer(result)
    } catch (error) {
      fail(error)
    }
  }
}

/** A rename looks after itself: it may be what the removal waits for. */
function settle({ hidden }: Session, locals: Locals, [path, destination]: unknown[]): Awaitable<void> {
  if (typeof path !== 'string') return undefined
  const waits = hidden.settleBefore(locals, path)
  return waits ?? (typeof destination === 'string' ? hidden.settleBefore(locals, destination) : undefined)
}
