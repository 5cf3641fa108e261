/**
 * errno to error kinds: the one table by which failed system calls become DfsErrors.
 * Every message names its errno, so that a report can be looked up.
 */
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { DfsError, type ErrorKind } from '../errors.ts'

export const ERRNO = constants.errno

const KINDS = new Map<number, ErrorKind>([
  [ERRNO.ENOENT, 'not-found'],
  [ERRNO.ESRCH, 'not-found'],
  [ERRNO.EEXIST, 'exists'],
  [ERRNO.ENOTEMPTY, 'not-empty'],
  [ERRNO.ENOTDIR, 'not-a-directory'],
  [ERRNO.EISDIR, 'is-a-directory'],
  [ERRNO.EACCES, 'no-permission'],
  [ERRNO.EPERM, 'not-permitted'],
  [ERRNO.ENAMETOOLONG, 'name-too-long'],
  [ERRNO.ENOSPC, 'no-space'],
  [ERRNO.EDQUOT, 'over-quota'],
  [ERRNO.EROFS, 'read-only'],
  [ERRNO.EXDEV, 'cross-device'],
  [ERRNO.EMLINK, 'too-many-links'],
  [ERRNO.EMFILE, 'too-many-files'],
  [ERRNO.ENFILE, 'too-many-files'],
  [ERRNO.EFBIG, 'too-large'],
  [ERRNO.EOVERFLOW, 'too-large'],
  [ERRNO.E2BIG, 'too-large'],
  [ERRNO.EBUSY, 'busy'],
  [ERRNO.EAGAIN, 'busy'],
  [ERRNO.EINVAL, 'invalid'],
  [ERRNO.ENODATA, 'no-data'],
  [ERRNO.ERANGE, 'out-of-range'],
  [ERRNO.ENXIO, 'past-end'],
  [ERRNO.ELOOP, 'loop'],
  [ERRNO.EBADF, 'bad-handle'],
  [ERRNO.ESTALE, 'stale'],
  [ERRNO.ENOSYS, 'unsupported'],
  [ERRNO.EOPNOTSUPP, 'unsupported'],
  [ERRNO.ENOTTY, 'unsupported'],
  [ERRNO.ETXTBSY, 'text-busy'],
  [ERRNO.ETIMEDOUT, 'timeout'],
  [ERRNO.ECANCELED, 'aborted'],
  // A mount whose server died, a socket nobody listens on.
  [ERRNO.ENOTCONN, 'not-running'],
  [ERRNO.ECONNREFUSED, 'not-running'],
])

// Two names for one number (EAGAIN, EWOULDBLOCK): the first, which is the usual one, stays.
const NAMES = new Map(
  Object.entries(ERRNO)
    .map(([name, errno]) => [errno, name] as const)
    .reverse(),
)

/** `io` for every errno that has no kind of its own. */
export function kindOfErrno(errno: number): ErrorKind {
  return KINDS.get(errno) ?? 'io'
}

/** `ENOENT` for 2; `errno 4711` for a number without a name. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`
}

/** The error of a system call `op` that failed with a (positive) errno; `subject` is text. */
export function posixError(op: string, errno: number, subject?: string): DfsError {
  const meaning = getSystemErrorMap().get(-errno)?.[1]
  const name = errnoName(errno)
  return new DfsError(kindOfErrno(errno), `${op}: ${meaning === undefined ? name : `${meaning} (${name})`}`, {
    op,
    subject,
  })
}

/** The DfsError for what a node:fs or node:net call threw; a DfsError stays as it is. */
export function fromNodeError(error: unknown, op: string, subject?: string): DfsError {
  if (error instanceof DfsError) return error
  const { errno, code, message } = error as NodeJS.ErrnoException
  if (typeof errno === 'number' && errno < 0) {
    const { kind, message } = posixError(op, -errno)
    return new DfsError(kind, message, { op, subject, cause: error })
  }
  // ERR_INVALID_ARG_VALUE and its like: node itself refused the arguments, for instance a NUL in a path.
  const kind = typeof code === 'string' && code.startsWith('ERR_') ? 'invalid' : 'internal'
  return new DfsError(kind, `${op}: ${message ?? String(error)}`, { op, subject, cause: error })
}

/** Whether this is what a node:fs or node:net call throws when the system refused something. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return (
    error instanceof Error && !(error instanceof DfsError) && typeof (error as NodeJS.ErrnoException).errno === 'number'
  )
}
