/** The one table that turns error kinds into errno; drivers answer the kernel by it. */
import { constants } from 'node:os'
import { type ErrorKind, kindOf } from '../errors.ts'

const { errno } = constants

const ERRNO_OF_KIND: Readonly<Record<ErrorKind, number>> = {
  'not-found': errno.ENOENT,
  exists: errno.EEXIST,
  'not-empty': errno.ENOTEMPTY,
  'not-a-directory': errno.ENOTDIR,
  'is-a-directory': errno.EISDIR,
  'no-permission': errno.EACCES,
  'not-permitted': errno.EPERM,
  'name-too-long': errno.ENAMETOOLONG,
  'no-space': errno.ENOSPC,
  'over-quota': errno.EDQUOT,
  'read-only': errno.EROFS,
  'cross-device': errno.EXDEV,
  'too-many-links': errno.EMLINK,
  'too-many-files': errno.ENFILE,
  'too-large': errno.EFBIG,
  busy: errno.EBUSY,
  invalid: errno.EINVAL,
  'no-data': errno.ENODATA,
  'out-of-range': errno.ERANGE,
  'past-end': errno.ENXIO,
  loop: errno.ELOOP,
  'bad-handle': errno.EBADF,
  stale: errno.ESTALE,
  unsupported: errno.EOPNOTSUPP,
  'text-busy': errno.ETXTBSY,
  io: errno.EIO,
  // What cannot be had or proven is EIO to a program (promise 4).
  corrupt: errno.EIO,
  'newer-version': errno.EIO,
  'cannot-decrypt': errno.EIO,
  'wrong-key': errno.EIO,
  unreachable: errno.EIO,
  timeout: errno.EIO,
  // EINTR would have programs try again for ever.
  aborted: errno.EIO,
  locked: errno.EBUSY,
  'not-running': errno.EIO,
  'needs-confirmation': errno.EPERM,
  usage: errno.EINVAL,
  internal: errno.EIO,
}

/** The (positive) errno for anything thrown; EIO for what is no DfsError. */
export function errnoOf(error: unknown): number {
  return ERRNO_OF_KIND[kindOf(error)]
}

/** The (positive) errno of a kind, for drivers that answer without throwing. */
export function errnoOfKind(kind: ErrorKind): number {
  return ERRNO_OF_KIND[kind]
}
