/**
 * Where the fields of the FUSE kernel protocol lie: the byte tables of linux/fuse.h, all little-endian.
 *
 * Offsets of requests count from behind `fuse_in_header`, those of answers from behind `fuse_out_header`.
 * `bytes` is the whole structure's length. u64 unless said otherwise in the name's comment.
 */

/** Before every request. len u32, opcode u32, uid u32, gid u32, pid u32. */
export const IN_HEADER = { len: 0, opcode: 4, unique: 8, nodeid: 16, uid: 24, gid: 28, pid: 32, bytes: 40 } as const

/** Before every answer and notice. len u32, error i32 (negative errno, or the code of a notice). */
export const OUT_HEADER = { len: 0, error: 4, unique: 8, bytes: 16 } as const

/** All u32; flags2 only with INIT_EXT. */
export const INIT_IN = { major: 0, minor: 4, maxReadahead: 8, flags: 12, flags2: 16, bytes: 16 } as const
/** u32 but maxBackground u16, congestionThreshold u16, maxPages u16. */
export const INIT_OUT = {
  major: 0,
  minor: 4,
  maxReadahead: 8,
  flags: 12,
  maxBackground: 16,
  congestionThreshold: 18,
  maxWrite: 20,
  timeGran: 24,
  maxPages: 28,
  flags2: 32,
  bytes: 64,
} as const

/** From atimensec on u32. */
export const ATTR = {
  ino: 0,
  size: 8,
  blocks: 16,
  atime: 24,
  mtime: 32,
  ctime: 40,
  atimensec: 48,
  mtimensec: 52,
  ctimensec: 56,
  mode: 60,
  nlink: 64,
  uid: 68,
  gid: 72,
  rdev: 76,
  blksize: 80,
  flags: 84,
  bytes: 88,
} as const

/** attr is an ATTR. */
export const ENTRY_OUT = { nodeid: 0, generation: 8, entryValid: 16, attrValid: 24, attr: 40, bytes: 128 } as const
/** attr is an ATTR. */
export const ATTR_OUT = { attrValid: 0, attr: 16, bytes: 104 } as const

/** flags u32. */
export const GETATTR_IN = { flags: 0, fh: 8, bytes: 16 } as const
/** valid u32; from atimensec on u32. */
export const SETATTR_IN = {
  valid: 0,
  fh: 8,
  size: 16,
  atime: 32,
  mtime: 40,
  ctime: 48,
  atimensec: 56,
  mtimensec: 60,
  ctimensec: 64,
  mode: 68,
  uid: 76,
  gid: 80,
  bytes: 88,
} as const

export const FORGET_IN = { nlookup: 0, bytes: 8 } as const
/** count u32; then `count` of FORGET_ONE. */
export const BATCH_FORGET_IN = { count: 0, bytes: 8 } as const
export const FORGET_ONE = { nodeid: 0, nlookup: 8, bytes: 16 } as const

/** All u32; then the name. */
export const MKNOD_IN = { mode: 0, rdev: 4, umask: 8, bytes: 16 } as const
/** All u32; then the name. */
export const MKDIR_IN = { mode: 0, umask: 4, bytes: 8 } as const
/** Then both names. */
export const RENAME_IN = { newdir: 0, bytes: 8 } as const
/** flags u32; then both names. */
export const RENAME2_IN = { newdir: 0, flags: 8, bytes: 16 } as const
/** Then the name. */
export const LINK_IN = { oldnodeid: 0, bytes: 8 } as const

/** All u32. */
export const OPEN_IN = { flags: 0, openFlags: 4, bytes: 8 } as const
/** openFlags u32. */
export const OPEN_OUT = { fh: 0, openFlags: 8, bytes: 16 } as const
/** All u32; then the name. */
export const CREATE_IN = { flags: 0, mode: 4, umask: 8, openFlags: 12, bytes: 16 } as const
/** For RELEASE and RELEASEDIR. flags u32, releaseFlags u32. */
export const RELEASE_IN = { fh: 0, flags: 8, releaseFlags: 12, bytes: 24 } as const
export const FLUSH_IN = { fh: 0, bytes: 24 } as const
/** For FSYNC and FSYNCDIR. flags u32. */
export const FSYNC_IN = { fh: 0, flags: 8, bytes: 16 } as const

/** For READ, READDIR and READDIRPLUS. size u32, readFlags u32, flags u32. */
export const READ_IN = { fh: 0, offset: 8, size: 16, readFlags: 20, flags: 32, bytes: 40 } as const
/** size u32, writeFlags u32, flags u32; then the data. */
export const WRITE_IN = { fh: 0, offset: 8, size: 16, writeFlags: 20, flags: 32, bytes: 40 } as const
/** size u32. */
export const WRITE_OUT = { size: 0, bytes: 8 } as const

/** mode u32. */
export const FALLOCATE_IN = { fh: 0, offset: 8, length: 16, mode: 24, bytes: 32 } as const
/** whence u32. */
export const LSEEK_IN = { fh: 0, offset: 8, whence: 16, bytes: 24 } as const
export const LSEEK_OUT = { offset: 0, bytes: 8 } as const
export const COPY_FILE_RANGE_IN = {
  fh: 0,
  offset: 8,
  toNodeid: 16,
  toFh: 24,
  toOffset: 32,
  length: 40,
  bytes: 56,
} as const
export const COPY_FILE_RANGE_OUT = { length: 0, bytes: 8 } as const

/** u32 both; then the name and the value. With SETXATTR_EXT the longer one. */
export const SETXATTR_IN = { size: 0, flags: 4, bytes: 8 } as const
export const SETXATTR_EXT_IN = { size: 0, flags: 4, xattrFlags: 8, bytes: 16 } as const
/** For GETXATTR (then the name) and LISTXATTR. size u32. */
export const GETXATTR_IN = { size: 0, bytes: 8 } as const
/** size u32. */
export const GETXATTR_OUT = { size: 0, bytes: 8 } as const

/** From bsize on u32. */
export const STATFS_OUT = {
  blocks: 0,
  bfree: 8,
  bavail: 16,
  files: 24,
  ffree: 32,
  bsize: 40,
  namelen: 44,
  frsize: 48,
  bytes: 80,
} as const

/** namelen u32, type u32; then the name, padded to 8 bytes. */
export const DIRENT = { ino: 0, off: 8, namelen: 16, type: 20, name: 24 } as const

export const INTERRUPT_IN = { unique: 0, bytes: 8 } as const

/** off i64, len i64. */
export const INVAL_INODE_OUT = { ino: 0, off: 8, len: 16, bytes: 24 } as const
/** namelen u32; then the name and a NUL. */
export const INVAL_ENTRY_OUT = { parent: 0, namelen: 8, flags: 12, bytes: 16 } as const
/** count u32; then so many nodeids, each u64. */
export const PRUNE_OUT = { count: 0, bytes: 16 } as const
