/**
 * The numbers of the FUSE kernel protocol, version 7: what linux/fuse.h names. Names are the header's own.
 *
 * Offsets and lengths stand in `structs.ts`.
 */

/** What the kernel asks. */
export const OPCODE = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  READLINK: 5,
  SYMLINK: 6,
  MKNOD: 8,
  MKDIR: 9,
  UNLINK: 10,
  RMDIR: 11,
  RENAME: 12,
  LINK: 13,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FSYNC: 20,
  SETXATTR: 21,
  GETXATTR: 22,
  LISTXATTR: 23,
  REMOVEXATTR: 24,
  FLUSH: 25,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  FSYNCDIR: 30,
  CREATE: 35,
  INTERRUPT: 36,
  DESTROY: 38,
  IOCTL: 39,
  BATCH_FORGET: 42,
  FALLOCATE: 43,
  READDIRPLUS: 44,
  RENAME2: 45,
  LSEEK: 46,
  COPY_FILE_RANGE: 47,
  SYNCFS: 50,
  TMPFILE: 51,
  COPY_FILE_RANGE_64: 53,
} as const

export type OperationName = keyof typeof OPCODE

/** What we tell the kernel unasked. */
export const NOTIFY = { INVAL_INODE: 2, INVAL_ENTRY: 3, PRUNE: 9 } as const

/** The version spoken here; older kernels down to `MINOR_MIN` are served. */
export const MAJOR = 7
export const MINOR = 45
/** That of Linux 5.4: what came before answers other structures. */
export const MINOR_MIN = 31

/** INIT flags 0 to 31. */
export const INIT = {
  ASYNC_READ: 1 << 0,
  BIG_WRITES: 1 << 5,
  DONT_MASK: 1 << 6,
  AUTO_INVAL_DATA: 1 << 12,
  DO_READDIRPLUS: 1 << 13,
  READDIRPLUS_AUTO: 1 << 14,
  ASYNC_DIO: 1 << 15,
  WRITEBACK_CACHE: 1 << 16,
  PARALLEL_DIROPS: 1 << 18,
  POSIX_ACL: 1 << 20,
  ABORT_ERROR: 1 << 21,
  MAX_PAGES: 1 << 22,
  CACHE_SYMLINKS: 1 << 23,
  EXPLICIT_INVAL_DATA: 1 << 25,
  HANDLE_KILLPRIV_V2: 1 << 28,
  SETXATTR_EXT: 1 << 29,
  INIT_EXT: 1 << 30,
} as const

/** `valid` of SETATTR. */
export const FATTR = {
  MODE: 1 << 0,
  UID: 1 << 1,
  GID: 1 << 2,
  SIZE: 1 << 3,
  ATIME: 1 << 4,
  MTIME: 1 << 5,
  FH: 1 << 6,
  ATIME_NOW: 1 << 7,
  MTIME_NOW: 1 << 8,
  CTIME: 1 << 10,
  KILL_SUIDGID: 1 << 11,
} as const

/** Flags in the answers to OPEN, CREATE and OPENDIR. */
export const FOPEN = { KEEP_CACHE: 1 << 1, CACHE_DIR: 1 << 3 } as const

/** `open_flags` of OPEN and CREATE. */
export const OPEN_KILL_SUIDGID = 1 << 0
/** `write_flags` of WRITE. */
export const WRITE_KILL_SUIDGID = 1 << 2
/** `getattr_flags` of GETATTR: the handle counts. */
export const GETATTR_FH = 1 << 0
/** `fsync_flags`. */
export const FSYNC_FDATASYNC = 1 << 0
/** `setxattr_flags`. */
export const SETXATTR_ACL_KILL_SGID = 1 << 0
