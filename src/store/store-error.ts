/**
 * Failures of the disk in the words of the store. Whoever asks for a block cannot mend a missing directory or a
 * stale descriptor: what is no lack of space, rights or descriptors is `io`.
 */
import { DfsError, type ErrorKind } from '../errors.ts'
import { fromNodeError } from '../posix/errno.ts'

const KEPT: readonly ErrorKind[] = ['no-space', 'over-quota', 'read-only', 'no-permission', 'too-many-files']
const MENDS: Partial<Record<ErrorKind, string>> = {
  'no-space': 'free space on the disk of the store',
  'over-quota': 'free space on the disk of the store',
  io: 'check the disk of the store',
}

/** The DfsError for what a call to the disk threw; a DfsError stays as it is. */
export function storeError(error: unknown, op: string, subject: string): DfsError {
  if (error instanceof DfsError) return error
  const { kind: found, message } = fromNodeError(error, op, subject)
  const kind = KEPT.includes(found) ? found : 'io'
  return new DfsError(kind, message, { op, subject, mend: MENDS[kind], cause: error })
}
