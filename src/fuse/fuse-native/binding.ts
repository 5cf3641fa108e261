/**
 * The native half of fuse-native 2.2.6, called directly: its JavaScript half stats the mountpoint, which must never
 * happen from the process that serves it, and adds a timer and a tick to every request.
 *
 * A FUSE thread fills a `Locals` structure, calls the handler of the operation on the main thread and sleeps until
 * the operation's `signal` wakes it with the result. Each request must be signalled exactly once.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { DfsError } from '../../errors.ts'
import { loadLibraryGlobally } from '../../posix/load-library.ts'

/** Memory of a fuse_thread_locals_t: one per FUSE thread, reused for each of its requests. */
export type Locals = Buffer

/** The number of each operation in the binding's tables. */
export const OPERATIONS = {
  init: 0,
  statfs: 3,
  fgetattr: 4,
  getattr: 5,
  flush: 6,
  fsync: 7,
  fsyncdir: 8,
  readdir: 9,
  truncate: 10,
  ftruncate: 11,
  utimens: 12,
  readlink: 13,
  chown: 14,
  chmod: 15,
  mknod: 16,
  setxattr: 17,
  getxattr: 18,
  listxattr: 19,
  removexattr: 20,
  open: 21,
  opendir: 22,
  read: 23,
  write: 24,
  release: 25,
  releasedir: 26,
  create: 27,
  unlink: 28,
  rename: 29,
  link: 30,
  symlink: 31,
  mkdir: 32,
  rmdir: 33,
} as const

export type OperationName = keyof typeof OPERATIONS

/** What the binding calls: the thread's memory, the operation's number, then its arguments. */
export type NativeHandler = (locals: Locals, operation: number, ...args: never[]) => void

/** Wakes the thread: a result (negative errno on failure), then what the operation hands back. */
type Signal = (locals: Locals, result: number, ...values: unknown[]) => void

interface Binding {
  readonly sizeof_fuse_thread_t: number
  fuse_native_mount(
    mountpoint: string,
    options: string,
    thread: Buffer,
    context: object,
    allocate: (bytes: number) => Buffer,
    handlers: NativeHandler[],
    implemented: Uint32Array,
  ): void
  fuse_native_unmount(mountpoint: string, thread: Buffer): void
}

const TABLE_LENGTH = 35

/** Of fuse_thread_locals_t: libfuse's structures reach JavaScript only through these pointers. */
const LOCALS_INFO_OFFSET = 48
const LOCALS_MTIME_OFFSET = 112
const LOCALS_NAME_OFFSET = 128
/** Of fuse_thread_t: `struct fuse *`. */
const THREAD_FUSE_OFFSET = 368

/** The native threads write here for as long as the process lives, so nothing of it is ever collected. */
const keptForever: Buffer[] = []

let loaded: Binding | undefined

/** Loads the libfuse that comes with the package, then the binding; fails with `unsupported` where there is none. */
export function loadBinding(): Binding {
  if (loaded !== undefined) return loaded
  const require = createRequire(import.meta.url)
  try {
    const root = dirname(require.resolve('fuse-native/package.json'))
    loadLibraryGlobally(join(root, 'prebuilds', 'linux-x64', 'libfuse.so'))
    loaded = require('node-gyp-build')(root) as Binding
    return loaded
  } catch (cause) {
    throw new DfsError('unsupported', `fuse-native does not load on ${process.platform} ${process.arch}`, {
      op: 'mount',
      cause,
    })
  }
}

export function signalOf(name: OperationName): Signal {
  return (loadBinding() as unknown as Record<string, Signal>)[`fuse_native_signal_${name}`]!
}

/** A mount as the binding holds it: its thread_t, from which libfuse's `struct fuse` is found. */
export interface NativeMount {
  readonly fuseAddress: bigint
  /** Lets the event loop end without this mount; the mount itself must be gone already. */
  forget(): void
}

/** Mounts, and starts the threads that serve. Blocks while fusermount runs; never touches an existing mount. */
export function mountNatively(
  target: string,
  options: string,
  handlers: ReadonlyMap<OperationName, NativeHandler>,
): NativeMount {
  const binding = loadBinding()
  const thread = keep(Buffer.alloc(binding.sizeof_fuse_thread_t))
  const implemented = new Uint32Array(TABLE_LENGTH)
  const table: NativeHandler[] = new Array(TABLE_LENGTH).fill(() => {})
  for (const [name, handler] of handlers) {
    implemented[OPERATIONS[name]] = 1
    table[OPERATIONS[name]] = handler
  }
  binding.fuse_native_mount(target, options, thread, {}, (bytes) => keep(Buffer.alloc(bytes)), table, implemented)
  return {
    fuseAddress: thread.readBigUInt64LE(THREAD_FUSE_OFFSET),
    forget: () => binding.fuse_native_unmount(target, thread),
  }
}

/** Own memory, not a slice of node's pool: the threads' structures hold libuv handles that must not move or share. */
function keep(buffer: Buffer): Buffer {
  keptForever.push(buffer)
  return buffer
}

/** Where the request's fuse_file_info lies; valid until the request is signalled. */
export function fileInfoAddress(locals: Locals): bigint {
  return locals.readBigUInt64LE(LOCALS_INFO_OFFSET)
}

/** utimens' mtime in milliseconds: the binding passes atime twice (its line 680), but has kept the right one here. */
export function modificationMs(locals: Locals): bigint {
  return locals.readBigInt64LE(LOCALS_MTIME_OFFSET)
}

/** Where the name of a getxattr lies; valid until the request is signalled. */
export function xattrNameAddress(locals: Locals): bigint {
  return locals.readBigUInt64LE(LOCALS_NAME_OFFSET)
}
