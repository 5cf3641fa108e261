/**
 * Serves requests by the table of operations.
 *
 * Invariant: every request that expects an answer gets exactly one, whatever is thrown and however malformed it is.
 */
import { constants } from 'node:os'
import { DfsError } from '../../errors.ts'
import { logger } from '../../log.ts'
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
  interrupted: boolean
}

/** Sends an answer; 0, or the errno for which the kernel did not take it. */
export type Send = (bytes: Buffer, length: number) => number

export class Dispatcher {
  readonly #send: Send
  readonly #operations: (Operation | undefined)[] = []
  readonly #names: OperationName[] = []
  readonly #pending = new Map<number, Pending>()
  readonly #reply = new Reply(REPLY_BYTES_MAX)

  constructor(operations: Operations, send: Send) {
    this.#send = send
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
      if (value instanceof Promise) return this.#later(unique, opcode, operation, value)
      this.#answer(unique, operation, value)
    } catch (error) {
      this.#fail(unique, opcode, operation, error)
    }
    return undefined
  }

  async #later(unique: number, opcode: number, operation: Operation, outcome: Promise<unknown>): Promise<void> {
    const pending = { operation, interrupted: false }
    this.#pending.set(unique, pending)
    try {
      const value = await outcome
      if (pending.interrupted) drop(operation, value)
      else this.#answer(unique, operation, value)
    } catch (error) {
      if (!pending.interrupted) this.#fail(unique, opcode, operation, error)
    } finally {
      this.#pending.delete(unique)
    }
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
        if (pending?.operation.interruptible !== true || pending.interrupted) return
        pending.interrupted = true
        this.#answerError(unique, EINTR)
      },
    }
  }
}

function drop(operation: Operation, value: unknown): void {
  operation.undo?.(value)
  operation.done?.(value)
}
