/** What crosses the control socket, checked on arrival and made fit to send. */
import { DfsError, describeError, kindOf } from '../errors.ts'
import { fromNodeError, isSystemError } from '../posix/errno.ts'
import { METHODS, type Method, type Params, type WireError } from './control-api.ts'

const CHECKS: Record<string, (value: unknown) => boolean> = {
  text: isText,
  number: isNumber,
  'number?': (value) => value === undefined || isNumber(value),
  texts: (value) => Array.isArray(value) && value.length > 0 && value.every(isText),
  'text?': (value) => value === undefined || isText(value),
  flag: (value) => value === undefined || typeof value === 'boolean',
}

/** The parameters of a request, if they have the method's shape; else fails with `invalid`, naming the field. */
export function checkParams<M extends Method>(method: M, params: unknown): Params<M> {
  const shape: Record<string, string> = METHODS[method]
  const given = (params ?? {}) as Record<string, unknown>
  if (typeof given !== 'object' || Array.isArray(given)) throw invalid(method, 'its parameters')
  for (const field of Object.keys(given)) if (!Object.hasOwn(shape, field)) throw invalid(method, `"${field}"`)
  for (const [field, type] of Object.entries(shape))
    if (!CHECKS[type]!(given[field])) throw invalid(method, `"${field}"`)
  return given as Params<M>
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value)
}

/** No text that names a file may hold a NUL: the kernel would cut it there. */
function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && !value.includes('\0')
}

function invalid(method: Method, what: string): DfsError {
  return new DfsError('invalid', `malformed request: ${what} of ${method}`, { op: 'control' })
}

/** Anything thrown, as it is told to a client. What is not a DfsError is a fault of ours: one line of it. */
export function toWireError(thrown: unknown): WireError {
  const error = isSystemError(thrown) ? fromNodeError(thrown, thrown.syscall ?? 'daemon', thrown.path) : thrown
  if (!(error instanceof DfsError)) {
    return { kind: kindOf(error), message: describeError(error), mend: 'the daemon.log in the home has the rest' }
  }
  const { kind, message, op, subject, mend } = error
  return { kind, message, op, subject, mend }
}
