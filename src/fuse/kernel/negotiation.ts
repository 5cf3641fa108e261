/**
 * INIT: what kernel and driver agree on, once, before anything else.
 */
import { DfsError } from '../../errors.ts'
import { INIT, MAJOR, MINOR, MINOR_MIN } from './protocol.ts'
import type { Reply } from './reply.ts'
import type { Request } from './request.ts'
import { INIT_IN, INIT_OUT, SETXATTR_EXT_IN, SETXATTR_IN } from './structs.ts'

/** Largest READ and WRITE. */
export const REQUEST_BYTES_MAX = 1024 * 1024
const PAGE_BYTES = 4096

/**
 * Requests without a waiting process (read-ahead, write-back) that may be under way at once. Each WRITE among them may take its
 * length in memory, also when writers wait already.
 */
const BACKGROUND_MAX = 32
const CONGESTED_AT = 24

/**
 * What is asked for, as far as the kernel has it.
 *
 * Not among them: ATOMIC_O_TRUNC (the kernel takes a file that was opened so for empty once more, after it has let go of
 * its lock: what somebody else made of its length meanwhile it does not know any more), AUTO_INVAL_DATA (pages stay until
 * we say otherwise), READDIRPLUS_AUTO (always is faster), ASYNC_DIO (who reads past the page cache could not be
 * interrupted, nor killed, while a block is fetched), POSIX_LOCKS and FLOCK_LOCKS (the kernel keeps locks itself),
 * EXPORT_SUPPORT, NO_OPEN(DIR)_SUPPORT (handles matter).
 */
const WANTED =
  INIT.ASYNC_READ |
  INIT.BIG_WRITES |
  INIT.DO_READDIRPLUS |
  INIT.WRITEBACK_CACHE |
  INIT.PARALLEL_DIROPS |
  INIT.ABORT_ERROR |
  INIT.MAX_PAGES |
  INIT.CACHE_SYMLINKS |
  INIT.EXPLICIT_INVAL_DATA |
  INIT.HANDLE_KILLPRIV_V2 |
  INIT.SETXATTR_EXT |
  INIT.INIT_EXT

/** With access control lists on the disk below, for which the file system then applies the umask itself. */
const WANTED_WITH_ACLS = INIT.POSIX_ACL | INIT.DONT_MASK

export interface Offer {
  readonly major: number
  readonly minor: number
  readonly maxReadahead: number
  readonly flags: number
}

export interface Settings {
  readonly minor: number
  readonly maxReadahead: number
  readonly flags: number
  /** Modes of new files come with the umask not applied. */
  readonly appliesUmask: boolean
  /** The kernel keeps the times of files that change, and tells them: ours would be others by some milliseconds. */
  readonly kernelKeepsTimes: boolean
  /** Where the name stands in SETXATTR, and whether flags of the protocol's own stand before it. */
  readonly setxattrBytes: number
  readonly setxattrHasFlags: boolean
}

export function decodeOffer(request: Request): Offer {
  return {
    major: request.u32(INIT_IN.major),
    minor: request.u32(INIT_IN.minor),
    maxReadahead: request.u32(INIT_IN.maxReadahead),
    flags: request.u32(INIT_IN.flags),
  }
}

/** Fails with `unsupported` for a kernel that is too old. */
export function settle(offer: Offer, { acls }: { acls: boolean }): Settings {
  if (offer.major !== MAJOR || offer.minor < MINOR_MIN) {
    throw new DfsError('unsupported', `the kernel speaks FUSE ${offer.major}.${offer.minor}, not 7.${MINOR_MIN}`, {
      op: 'mount',
      mend: 'use --driver fuse-native',
    })
  }
  const flags = offer.flags & (WANTED | (acls ? WANTED_WITH_ACLS : 0))
  const setxattrHasFlags = (flags & INIT.SETXATTR_EXT) !== 0
  return {
    minor: Math.min(offer.minor, MINOR),
    maxReadahead: Math.max(offer.maxReadahead, REQUEST_BYTES_MAX),
    flags,
    appliesUmask: (flags & INIT.DONT_MASK) !== 0,
    kernelKeepsTimes: (flags & INIT.WRITEBACK_CACHE) !== 0,
    setxattrBytes: setxattrHasFlags ? SETXATTR_EXT_IN.bytes : SETXATTR_IN.bytes,
    setxattrHasFlags,
  }
}

export function encodeSettings(reply: Reply, { minor, maxReadahead, flags }: Settings): void {
  reply.begin(INIT_OUT.bytes)
  reply.u32(INIT_OUT.major, MAJOR)
  reply.u32(INIT_OUT.minor, minor)
  reply.u32(INIT_OUT.maxReadahead, maxReadahead)
  reply.u32(INIT_OUT.flags, flags)
  reply.u16(INIT_OUT.maxBackground, BACKGROUND_MAX)
  reply.u16(INIT_OUT.congestionThreshold, CONGESTED_AT)
  reply.u32(INIT_OUT.maxWrite, REQUEST_BYTES_MAX)
  // Times are exact to the nanosecond.
  reply.u32(INIT_OUT.timeGran, 1)
  reply.u16(INIT_OUT.maxPages, REQUEST_BYTES_MAX / PAGE_BYTES)
}
