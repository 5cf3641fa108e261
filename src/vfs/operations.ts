/**
 * The operations a mounted folder answers, in inodes and handles: what every FUSE driver is written against,
 * and what `Filesystem` (and the in-memory one of the tests) implements.
 *
 * Every operation returns its value or a Promise of it, and fails with a DfsError. All of it lives in one event loop.
 */
import type { ByteString, Ino } from '../dfs.ts'

export type Awaitable<T> = T | Promise<T>

/** What `stat` shows of an object. */
export interface Attributes {
  /** The object's number towards the driver. */
  readonly ino: Ino
  /** The number shown as `st_ino`; the same for all names of a file. */
  readonly statIno: number
  /** Permission and type bits. */
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  /** Of device nodes, as Linux encodes it (new_encode_dev). */
  readonly rdev: number
  readonly size: number
  /** In units of 512 bytes. */
  readonly blocks: number
  readonly atimeNs: bigint
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
}

/** Who asks: new objects belong to them. */
export interface Caller {
  readonly uid: number
  readonly gid: number
  readonly pid: number
}

/** A new file, looked up and opened. */
export interface Created {
  readonly attributes: Attributes
  readonly handle: number
}

/** Nanoseconds since 1970, or the present moment. */
export type Time = bigint | 'now'

/** What `setattr` changes; what is left out stays as it is. */
export interface AttributeChanges {
  /** Permission bits, 0o7777. */
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly size?: number
  readonly atimeNs?: Time
  readonly mtimeNs?: Time
  /** From a kernel that keeps the times of files it writes itself; else it is the present moment. */
  readonly ctimeNs?: bigint
}

export type EntryType = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'char' | 'block' | 'unknown'

export interface DirectoryEntry {
  readonly name: ByteString
  /** As `st_ino` of the object. */
  readonly ino: number
  readonly type: EntryType
}

export interface FilesystemStatistics {
  readonly blockBytes: number
  readonly blocks: number
  readonly blocksFree: number
  readonly blocksAvailable: number
  readonly files: number
  readonly filesFree: number
  readonly nameBytesMax: number
}

/** The root directory's number; known without a lookup and never forgotten. */
export const ROOT_INO = 1 as Ino

export interface WriteOptions {
  /** The times are left as they are: the kernel keeps them, and says by itself when the change was. */
  readonly keepsTimes?: boolean
}

/** The entry of a directory that is known. Adds one to the object's lookup count. */
export type Lookup = (name: ByteString) => Awaitable<Attributes | undefined>

export interface FilesystemOperations {
  /** Finds an entry of a directory; undefined if there is none. Adds one to the object's lookup count. */
  lookup(parent: Ino, name: ByteString): Awaitable<Attributes | undefined>
  /** Takes `count` lookups back; at zero the number is no longer valid. Open handles keep the object alive. */
  forget(ino: Ino, count: number): void
  getattr(ino: Ino, handle?: number): Awaitable<Attributes>
  setattr(ino: Ino, changes: AttributeChanges, handle?: number): Awaitable<Attributes>
  readlink(ino: Ino): Awaitable<ByteString>

  /** These five add one lookup to the object they return. */
  mknod(parent: Ino, name: ByteString, mode: number, rdev: number, caller: Caller): Awaitable<Attributes>
  mkdir(parent: Ino, name: ByteString, mode: number, caller: Caller): Awaitable<Attributes>
  symlink(parent: Ino, name: ByteString, target: ByteString, caller: Caller): Awaitable<Attributes>
  link(ino: Ino, newParent: Ino, newName: ByteString): Awaitable<Attributes>
  create(parent: Ino, name: ByteString, mode: number, flags: number, caller: Caller): Awaitable<Created>

  unlink(parent: Ino, name: ByteString): Awaitable<void>
  rmdir(parent: Ino, name: ByteString): Awaitable<void>
  /** Replaces what stands at the new place; `flags` as renameat2 has them. */
  rename(parent: Ino, name: ByteString, newParent: Ino, newName: ByteString, flags?: number): Awaitable<void>

  /** `flags` as open(2) has them on Linux. */
  open(ino: Ino, flags: number, options?: WriteOptions): Awaitable<number>
  /**
   * Fills `into` from `offset` on; resolves with the bytes read, fewer at the end of the file. Fails with `not-permitted` if
   * what is to be read is on other devices only, and the reader is one for whom nothing is fetched.
   *
   * `pid`, here and where it comes up again: the process or thread that reads; 0 if it cannot be seen from here.
   */
  read(handle: number, offset: number, into: Buffer, pid?: number): Awaitable<number>
  /** Writes all of `bytes`, which the callee does not look at after it has returned. */
  write(handle: number, offset: number, bytes: Buffer, options?: WriteOptions): Awaitable<number>
  flush(handle: number): Awaitable<void>
  fsync(handle: number, dataOnly: boolean): Awaitable<void>
  release(handle: number): Awaitable<void>

  opendir(ino: Ino): Awaitable<number>
  /** The whole directory, `.` and `..` included. */
  readdir(handle: number): Awaitable<readonly DirectoryEntry[]>
  /** The same, for `use` to look entries up: what it looks up before it returns is not asked of the disk twice. */
  readdirplus<T>(
    handle: number,
    use: (entries: readonly DirectoryEntry[], lookup: Lookup) => Awaitable<T>,
  ): Awaitable<T>
  releasedir(handle: number): Awaitable<void>
  fsyncdir(handle: number): Awaitable<void>

  statfs(ino: Ino): Awaitable<FilesystemStatistics>
  /** undefined if the object has no such attribute. */
  getxattr(ino: Ino, name: ByteString): Awaitable<Buffer | undefined>
  listxattr(ino: Ino): Awaitable<readonly ByteString[]>
  /** `flags`: XATTR_CREATE 1, XATTR_REPLACE 2. */
  setxattr(ino: Ino, name: ByteString, value: Buffer, flags: number): Awaitable<void>
  removexattr(ino: Ino, name: ByteString): Awaitable<void>

  /** What follows not every implementation has; a driver then says that it is not supported. */

  /**
   * Makes a file that has no name (O_TMPFILE) on the disk that a directory is on, and opens it; it adds one lookup. `link` may give it
   * a name. Fails with `unsupported` where the disk knows no such files.
   */
  createNameless?(directory: Ino, mode: number, flags: number, caller: Caller): Awaitable<Created>
  /** `mode` as fallocate(2) has it. Fails with `unsupported` for a mode it does not know. */
  allocate?(handle: number, mode: number, offset: number, length: number, options?: WriteOptions): Awaitable<void>
  /** Where data (or a hole; the end of the file is one) begins at or behind an offset. Fails with `past-end` if there is none. */
  seek?(handle: number, offset: number, what: 'data' | 'hole', pid?: number): Awaitable<number>
  /**
   * Copies up to `length` bytes between files, by reference where it can; resolves with how many that were. Fails with
   * `cross-device` where the caller is to read and write instead.
   */
  copyRange?(from: FilePosition, to: FilePosition, length: number, options?: WriteOptions): Awaitable<number>
  /** Makes everything durable. */
  sync?(): Awaitable<void>
  /**
   * Calls `listener` for what changes by another way than these operations, so that whoever remembers names and
   * content can forget them; until the function it returns is called.
   */
  watch?(listener: (change: Change) => void): () => void
  /** Objects that nobody has open, directories aside: up to `count`, here and there among all. */
  idleObjects?(count: number): IdleObject[]
  /** Whether what is in a directory changes by itself, so that nothing of it is to be remembered. */
  isVolatile?(ino: Ino): boolean
  /** Access control lists are kept, and hold: `chmod` changes them and they the mode, directories hand theirs down. */
  readonly keepsAcls?: boolean
  /** Whether new objects of a directory get their rights from its default access control list, not from the umask. */
  hasDefaultAcl?(directory: Ino): Awaitable<boolean>
}

export interface NameChange {
  readonly parent: Ino
  readonly name: ByteString
}

/** A name that stands for something else than it did, or nothing; or an object with other content or attributes. */
/** An object, by its number and by all names under which the kernel may know it. */
export interface IdleObject {
  readonly ino: Ino
  readonly names: readonly NameChange[]
}

export type Change = NameChange | { readonly ino: Ino }

export interface FilePosition {
  readonly handle: number
  readonly offset: number
}
