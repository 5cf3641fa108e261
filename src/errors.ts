/**
 * The one error type of dfs. A kind says what went wrong in words of the field; the tables that turn
 * kinds into errno, exit codes and wire statuses stand at the edges (`fuse/errno.ts`, `cli/exit-codes.ts`).
 */

export type ErrorKind =
  // what a file system says
  | 'not-found'
  | 'exists'
  | 'not-empty'
  | 'not-a-directory'
  | 'is-a-directory'
  | 'no-permission'
  | 'not-permitted'
  | 'name-too-long'
  | 'no-space'
  | 'over-quota'
  | 'read-only'
  | 'cross-device'
  | 'too-many-links'
  | 'too-many-files'
  | 'too-large'
  | 'busy'
  | 'invalid'
  | 'no-data'
  | 'out-of-range'
  | 'past-end'
  | 'loop'
  | 'bad-handle'
  | 'stale'
  | 'unsupported'
  | 'text-busy'
  | 'io'
  // what dfs itself says
  | 'corrupt'
  | 'newer-version'
  | 'cannot-decrypt'
  | 'wrong-key'
  | 'unreachable'
  | 'timeout'
  | 'aborted'
  | 'locked'
  | 'not-running'
  | 'needs-confirmation'
  | 'usage'
  | 'internal'

export interface DfsErrorOptions {
  /** The operation that failed, a verb: `open`, `mount`, `read block`. */
  op?: string
  /** What it failed on: a path or a CID, as text. */
  subject?: string
  /** What the reader of the message can do about it, one clause. */
  mend?: string
  cause?: unknown
}

export class DfsError extends Error {
  readonly kind: ErrorKind
  readonly op: string | undefined
  readonly subject: string | undefined
  readonly mend: string | undefined

  constructor(kind: ErrorKind, message: string, { op, subject, mend, cause }: DfsErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'DfsError'
    this.kind = kind
    this.op = op
    this.subject = subject
    this.mend = mend
  }
}

/** The kind of anything thrown: `internal` for what is not a DfsError. */
export function kindOf(error: unknown): ErrorKind {
  return error instanceof DfsError ? error.kind : 'internal'
}

/** One line for a person: what failed, on what, and the mend. Never has a line break. */
export function describeError(error: unknown): string {
  if (!(error instanceof DfsError)) return oneLine(error instanceof Error ? error.message : String(error))
  const subject = error.subject === undefined || error.message.includes(error.subject) ? '' : `${error.subject}: `
  const mend = error.mend === undefined ? '' : `; ${error.mend}`
  return oneLine(`${subject}${error.message}${mend}`)
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*[\r\n]+\s*/g, ' ')
}
