/**
 * What libfuse 2.9.9 knows and the binding does not pass on, read from (and in two places written to) libfuse's own
 * structures. The offsets are those of the x64 library that fuse-native 2.2.6 brings (lib/fuse.c, lib/fuse_i.h).
 *
 * Invariant: nothing is touched unless the structure holds the values that this mount's options put there.
 */
import { viewMemory, withNativeMutex } from '../../posix/load-library.ts'
import type { Caller } from '../../vfs/operations.ts'
import { CACHE_SECONDS } from './mount-options.ts'

// struct fuse
const FUSE_BYTES = 296
const FUSE_SESSION = 0
const FUSE_ENTRY_TIMEOUT = 160
const FUSE_NEGATIVE_TIMEOUT = 168
const FUSE_ATTR_TIMEOUT = 176
const FUSE_USE_INO = 212
const FUSE_UTIME_OMIT_OK = 284
// struct fuse_session, struct fuse_ll
const SESSION_BYTES = 56
const SESSION_DATA = 48
const LOWLEVEL_BYTES = 1024
const LOWLEVEL_REQUESTS = 0x218
const LOWLEVEL_LOCK = 0x318
// struct fuse_req
const REQUEST_BYTES = 128
const REQUEST_UNIQUE = 8
const REQUEST_UID = 64
const REQUEST_GID = 68
const REQUEST_PID = 72
const REQUEST_NEXT = 112
// struct fuse_file_info
const FILE_INFO_BYTES = 24
const FILE_INFO_FLAGS = 0
const FILE_INFO_BITS = 20
const DIRECT_IO = 1
const KEEP_CACHE = 2

/** A request that libfuse has read and not yet answered. */
export interface PendingRequest extends Caller {
  /** The kernel's number of the request. */
  readonly unique: bigint
}

export class LibfuseInternals {
  readonly #lowlevelAddress: bigint

  private constructor(lowlevelAddress: bigint) {
    this.#lowlevelAddress = lowlevelAddress
  }

  /** Opens the internals of a mount; undefined if libfuse is not the one whose structures are known here. */
  static open(fuseAddress: bigint): LibfuseInternals | undefined {
    const fuse = viewMemory(fuseAddress, FUSE_BYTES)
    const timeouts = [FUSE_ENTRY_TIMEOUT, FUSE_NEGATIVE_TIMEOUT, FUSE_ATTR_TIMEOUT]
    const known =
      timeouts.every((offset) => fuse.getFloat64(offset, true) === CACHE_SECONDS) &&
      fuse.getInt32(FUSE_USE_INO, true) === 1 &&
      fuse.getInt32(FUSE_UTIME_OMIT_OK, true) === 0
    if (!known) return undefined
    // Without it libfuse silently drops a change of only one of the two times, as tar and `touch -m` make it.
    fuse.setInt32(FUSE_UTIME_OMIT_OK, 1, true)
    const session = viewMemory(fuse.getBigUint64(FUSE_SESSION, true), SESSION_BYTES)
    return new LibfuseInternals(session.getBigUint64(SESSION_DATA, true))
  }

  /** All requests being served at this moment, oldest first; the one whose handler runs is among them. */
  pendingRequests(): PendingRequest[] {
    const lowlevel = viewMemory(this.#lowlevelAddress, LOWLEVEL_BYTES)
    const end = this.#lowlevelAddress + BigInt(LOWLEVEL_REQUESTS)
    return withNativeMutex(this.#lowlevelAddress + BigInt(LOWLEVEL_LOCK), () => {
      const requests: PendingRequest[] = []
      let at = lowlevel.getBigUint64(LOWLEVEL_REQUESTS + REQUEST_NEXT, true)
      while (at !== end) {
        const request = viewMemory(at, REQUEST_BYTES)
        requests.push({
          unique: request.getBigUint64(REQUEST_UNIQUE, true),
          uid: request.getUint32(REQUEST_UID, true),
          gid: request.getUint32(REQUEST_GID, true),
          pid: request.getUint32(REQUEST_PID, true),
        })
        at = request.getBigUint64(REQUEST_NEXT, true)
      }
      return requests
    })
  }
}

/** The flags of open(2) that a create came with. */
export function openFlags(fileInfo: bigint): number {
  return viewMemory(fileInfo, FILE_INFO_BYTES).getInt32(FILE_INFO_FLAGS, true)
}

/** Has the kernel pass this handle's reads and writes on as they are, past its page cache. */
export function bypassPageCache(fileInfo: bigint): void {
  setBits(fileInfo, DIRECT_IO)
}

/** Has the kernel keep the pages of the file that it has. */
export function keepPageCache(fileInfo: bigint): void {
  setBits(fileInfo, KEEP_CACHE)
}

function setBits(fileInfo: bigint, bits: number): void {
  const info = viewMemory(fileInfo, FILE_INFO_BYTES)
  info.setUint32(FILE_INFO_BITS, info.getUint32(FILE_INFO_BITS, true) | bits, true)
}
