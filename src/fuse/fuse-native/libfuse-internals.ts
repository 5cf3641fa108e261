/**
 * What libfuse 2.9.9 knows and the binding does not pass on, read from (and in two places written to) libfuse's own
 * structures. The offsets are those of the x64 library that fuse-native 2.2.6 brings (lib/fuse.c, lib/fuse_i.h).
 *
 * Invariant: nothing is touched unless the structure holds the values that this mount's options put there.
 */
import { type NativeNumber, peek, poke, withNativeMutex } from '../../posix/load-library.ts'
import type { Caller } from '../../vfs/operations.ts'
import { CACHE_SECONDS } from './mount-options.ts'

// struct fuse
const FUSE_SESSION = 0
const FUSE_ENTRY_TIMEOUT = 160
const FUSE_NEGATIVE_TIMEOUT = 168
const FUSE_ATTR_TIMEOUT = 176
const FUSE_USE_INO = 212
const FUSE_UTIME_OMIT_OK = 284
// struct fuse_session, struct fuse_ll
const SESSION_DATA = 48
const LOWLEVEL_REQUESTS = 0x218
const LOWLEVEL_LOCK = 0x318
// struct fuse_req
const REQUEST_UNIQUE = 8
const REQUEST_UID = 64
const REQUEST_GID = 68
const REQUEST_PID = 72
const REQUEST_NEXT = 112
// struct fuse_in_header (linux/fuse.h); a getxattr's name follows it and struct fuse_getxattr_in
const HEADER_OPCODE = 4
const HEADER_UNIQUE = 8
const HEADER_UID = 24
const HEADER_GID = 28
const HEADER_PID = 32
const HEADER_TO_XATTR_NAME = 48n
const OPCODE_GETXATTR = 22
// struct fuse_file_info
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
    const number = (offset: number, type: NativeNumber) => Number(peekAt(fuseAddress, offset, type))
    const timeouts = [FUSE_ENTRY_TIMEOUT, FUSE_NEGATIVE_TIMEOUT, FUSE_ATTR_TIMEOUT]
    const known =
      timeouts.every((offset) => number(offset, 'double') === CACHE_SECONDS) &&
      number(FUSE_USE_INO, 'int32') === 1 &&
      number(FUSE_UTIME_OMIT_OK, 'int32') === 0
    if (!known) return undefined
    // Without it libfuse silently drops a change of only one of the two times, as tar and `touch -m` make it.
    poke(fuseAddress + BigInt(FUSE_UTIME_OMIT_OK), 'int32', 1)
    const session = pointerAt(fuseAddress, FUSE_SESSION)
    return new LibfuseInternals(pointerAt(session, SESSION_DATA))
  }

  /** What the memory a thread reads its requests into says of the present one. */
  requestAt(address: bigint): PendingRequest {
    return {
      unique: BigInt(peekAt(address, HEADER_UNIQUE, 'uint64')),
      uid: Number(peekAt(address, HEADER_UID, 'uint32')),
      gid: Number(peekAt(address, HEADER_GID, 'uint32')),
      pid: Number(peekAt(address, HEADER_PID, 'uint32')),
    }
  }

  /** All requests being served at this moment, oldest first; the one whose handler runs is among them. */
  pendingRequests(): PendingRequest[] {
    const end = this.#lowlevelAddress + BigInt(LOWLEVEL_REQUESTS)
    return withNativeMutex(this.#lowlevelAddress + BigInt(LOWLEVEL_LOCK), () => {
      const requests: PendingRequest[] = []
      for (let at = pointerAt(end, REQUEST_NEXT); at !== end; at = pointerAt(at, REQUEST_NEXT)) {
        requests.push({
          unique: BigInt(peekAt(at, REQUEST_UNIQUE, 'uint64')),
          uid: Number(peekAt(at, REQUEST_UID, 'uint32')),
          gid: Number(peekAt(at, REQUEST_GID, 'uint32')),
          pid: Number(peekAt(at, REQUEST_PID, 'uint32')),
        })
      }
      return requests
    })
  }
}

/** Where a getxattr's request begins, given where its name lies; undefined if that is no such request. */
export function requestBefore(nameAddress: bigint): bigint | undefined {
  const address = nameAddress - HEADER_TO_XATTR_NAME
  return Number(peekAt(address, HEADER_OPCODE, 'uint32')) === OPCODE_GETXATTR ? address : undefined
}

/** The flags of open(2) that a create came with. */
export function openFlags(fileInfo: bigint): number {
  return Number(peekAt(fileInfo, FILE_INFO_FLAGS, 'int32'))
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
  const before = Number(peekAt(fileInfo, FILE_INFO_BITS, 'uint32'))
  poke(fileInfo + BigInt(FILE_INFO_BITS), 'uint32', before | bits)
}

function peekAt(address: bigint, offset: number, type: NativeNumber): number | bigint {
  return peek(address + BigInt(offset), type)
}

function pointerAt(address: bigint, offset: number): bigint {
  return BigInt(peekAt(address, offset, 'uint64'))
}
