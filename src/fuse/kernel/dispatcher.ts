/**
 * Serves requests by the table of operations.
 *
 * Invariant: every request that expects an answer gets exactly one, whatever is thrown and however malformed it is.
 *
 * A process that was killed cannot end before its requests are answered, and the kernel says so only once at most (of what it
 * closes while it ends, never). So what is pending for long is looked after: who ends by a signal waits for nothing.
 */
import { constants } from 'node:os'
import { DfsError } from '../../errors.ts'
import { logger } from '../../log.ts'
import type { Awaitable } from '../../vfs/operations.ts'
import { errnoOf } from '../errno.ts'
import type { Operation, Operations } from './operation.ts'
import { OPCODE, type OperationName } from './protocol.ts'
import { Reply } from './reply.ts'
import type { Request } from './request.ts'
import { INTERRUPT_IN } from './structs.ts'

const log = logger('fuse')

const { ENOSYS, EINTR, EIO } = constants.errno

/** No value and no list of attributes is longer (linux/limits.h), and no other answer that has no reply of its own. */
const REPLY_BYTES_MAX = 65536

interface Pending {
  readonly operation: Operation
  /** The thread that waits. */
  readonly pid: number
  /** What it is answered before its time. */
  readonly early: (() => Awaitable<unknown>) | undefined
  isAnswered: boolean
  /** It was there when pending requests were looked after the last time. */
  isOld: boolean
}

/** How often pending requests are looked after. */
const LOOK_AFTER_MS = 250

/** Sends an answer; 0, or the errno for which the kernel did not take it. */
export type Send = (bytes: Buffer, length: number) => number

export class Dispatcher {
  readonly #send: Send
  readonly #operations: (Operation | undefined)[] = []
  readonly #names: OperationName[] = []
  readonly #pending = new Map<number, Pending>()
  readonly #reply = new Reply(REPLY_BYTES_MAX)
  readonly #endsBySignal: (thread: number) => boolean
  #lookingAfter: NodeJS.Timeout | undefined

  /** `endsBySignal`: whether a thread was killed, or will be once it no longer waits. */
  constructor(operations: Operations, send: Send, endsBySignal: (thread: number) => boolean) {
    this.#send = send
    this.#endsBySignal = endsBySignal
    for (const [name, opcode] of Object.entries(OPCODE) as [OperationName, number][]) {
      this.#operations[opcode] = name === 'INTERRUPT' ? this.#interrupt() : operations[name]
      this.#names[opcode] = name
    }
  }

  /** Requests whose work goes on. */
  get pending(): number {
    return this.#pending.size
  }

  /** Whether the memory of a request is free again as soon as `serve` has returned. */
  readsAtOnce({ opcode }: Request): boolean {
    return this.#operations[opcode]?.readsAtOnce === true
  }

  /** Serves a request: at once, else the promise (which never rejects) tells when that is done and its memory free again. */
  serve(request: Request): Promise<void> | undefined {
    const { unique, opcode } = request
    const operation = this.#operations[opcode]
    if (operation === undefined) {
      this.#answerError(unique, ENOSYS)
      return undefined
    }
    try {
      if (request.bodyBytes < operation.bodyBytes) throw new DfsError('invalid', 'a request that is too short')
      const value = operation.serve(request)
      if (value instanceof Promise) return this.#later(request, unique, operation, value)
      this.#answer(unique, operation, value)
    } catch (error) {
      this.#fail(unique, opcode, operation, error)
    }
    return undefined
  }

  async #later(request: Request, unique: number, operation: Operation, outcome: Promise<unknown>): Promise<void> {
    const { opcode, pid } = request
    const pending = { operation, pid, early: earlyAnswer(operation, request), isAnswered: false, isOld: false }
    this.#pending.set(unique, pending)
    this.#lookingAfter ??= setInterval(() => this.#lookAfter(), LOOK_AFTER_MS).unref()
    try {
      const value = await outcome
      if (pending.isAnswered) drop(operation, value)
      else this.#answer(unique, operation, value)
    } catch (error) {
      if (!pending.isAnswered) this.#fail(unique, opcode, operation, error)
    } finally {
      this.#pending.delete(unique)
      if (pending.isAnswered) operation.late?.(request)
    }
  }

  #lookAfter(): void {
    if (this.#pending.size === 0) {
      clearInterval(this.#lookingAfter)
      this.#lookingAfter = undefined
    }
    for (const [unique, pending] of this.#pending) {
      if (pending.isOld) this.#letGo(unique, pending)
      pending.isOld = true
    }
  }

  /** Answers one who ends by a signal. */
  #letGo(unique: number, pending: Pending): void {
    const { operation, pid, early, isAnswered } = pending
    if (isAnswered || operation.silent === true || !this.#endsBySignal(pid)) return
    pending.isAnswered = true
    if (early === undefined) {
      this.#answerError(unique, EINTR)
      return
    }
    // What the outcome holds belongs to the work, which goes on.
    const { undo: _undo, done: _done, ...answering } = operation
    Promise.resolve(early())
      .then((value) => this.#answer(unique, answering, value))
      .catch(() => this.#answerError(unique, EINTR))
  }

  #answer(unique: number, operation: Operation, value: unknown): void {
    if (operation.silent === true) return
    let refused: number
    try {
      refused = this.#sendAnswer(unique, operation, value)
    } catch (error) {
      drop(operation, value)
      throw error
    }
    if (refused === 0) {
      operation.done?.(value)
      return
    }
    drop(operation, value)
    // ENOENT: nobody waits for the answer any more. Anything else is an answer the kernel finds wrong.
    log('an answer was refused: errno %d', refused)
    if (refused !== constants.errno.ENOENT) this.#answerError(unique, EIO)
  }

  #sendAnswer(unique: number, { encode }: Operation, value: unknown): number {
    if (encode === undefined) return this.#answerError(unique, 0)
    const encoded = encode(this.#reply, value) ?? this.#reply
    if (typeof encoded === 'number') return this.#answerError(unique, encoded)
    return this.#send(encoded.buffer, encoded.seal(unique))
  }

  #fail(unique: number, opcode: number, operation: Operation, error: unknown): void {
    log('%s: %o', this.#names[opcode], error)
    if (operation.silent !== true) this.#answerError(unique, errnoOf(error))
  }

  #answerError(unique: number, errno: number): number {
    return this.#send(this.#reply.buffer, this.#reply.begin(0).seal(unique, -errno))
  }

  /** The asker of another request does not want to wait any longer. */
  #interrupt(): Operation {
    return {
      bodyBytes: INTERRUPT_IN.bytes,
      silent: true,
      serve: (request) => {
        const unique = request.handle(INTERRUPT_IN.unique)
        const pending = this.#pending.get(unique)
        if (pending === undefined || pending.isAnswered) return
        if (pending.operation.interruptible !== true) {
          this.#letGo(unique, pending)
          return
        }
        pending.isAnswered = true
        this.#answerError(unique, EINTR)
      },
    }
  }
}

/** Of a request whose memory may be another's soon, found out now. */
function earlyAnswer(operation: Operation, request: Request): (() => Awaitable<unknown>) | undefined {
  if (operation.early === undefined) return undefined
  if (operation.readsAtOnce !== true) return () => operation.early!(request)
  const value = operation.early(request)
  return () => value
}

function drop(operation: Operation, value: unknown): void {
  operation.undo?.(value)
  operation.done?.(value)
}
