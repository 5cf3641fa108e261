/** What the kernel gives back of what it has looked up. Nobody waits for an answer. */
import type { Context } from './context.ts'
import type { Operations } from './operation.ts'
import type { Request } from './request.ts'
import { BATCH_FORGET_IN, FORGET_IN, FORGET_ONE } from './structs.ts'

export function forgetOperations({ account }: Pick<Context, 'account'>): Operations {
  /** As many as it says, but never more than are there. */
  function forgetAll(request: Request): void {
    const { bytes } = FORGET_ONE
    const room = Math.floor((request.bodyBytes - BATCH_FORGET_IN.bytes) / bytes)
    const count = Math.min(request.u32(BATCH_FORGET_IN.count), room)
    for (let index = 0; index < count; index++) {
      const at = BATCH_FORGET_IN.bytes + index * bytes
      account.forget(request.nodeid(at + FORGET_ONE.nodeid), request.handle(at + FORGET_ONE.nlookup))
    }
  }

  return {
    FORGET: {
      bodyBytes: FORGET_IN.bytes,
      silent: true,
      serve: (request) => account.forget(request.ino, request.handle(FORGET_IN.nlookup)),
    },
    BATCH_FORGET: { bodyBytes: BATCH_FORGET_IN.bytes, silent: true, serve: forgetAll },
  }
}
