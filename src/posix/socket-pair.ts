/**
 * A pair of connected Unix sockets, and a descriptor sent over one: how set-uid helpers hand over what they opened.
 *
 * Layouts: `struct msghdr`, `struct iovec` and `struct cmsghdr` of 64-bit Linux.
 */
import koffi from 'koffi'
import { DfsError } from '../errors.ts'
import { callAsync, check, libc } from './libc.ts'

const AF_UNIX = 1
const SOCK_STREAM = 1
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const MSG_CMSG_CLOEXEC = 0x40000000

const MSGHDR_BYTES = 56
const IOVEC_BYTES = 16
const DATA_BYTES = 8
const CMSG_DATA = 16
const CMSG_BYTES = CMSG_DATA + 8

/** Both ends are close-on-exec; the caller closes them. */
export function socketPair(): [number, number] {
  const pair = Buffer.allocUnsafeSlow(8)
  check(libc.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 'socketpair')
  return [pair.readInt32LE(0), pair.readInt32LE(4)]
}

/**
 * Waits, on another thread, for a descriptor sent over a socket; the caller closes it.
 * Undefined if the other end was closed without sending one.
 */
export async function receiveFd(socket: number): Promise<number | undefined> {
  // One piece of memory, for the kernel writes through addresses: none of it may be collected before the call is over.
  const message = Buffer.alloc(MSGHDR_BYTES + IOVEC_BYTES + CMSG_BYTES + DATA_BYTES)
  const address = BigInt(koffi.address(message))
  const vectorAt = MSGHDR_BYTES
  const controlAt = vectorAt + IOVEC_BYTES
  const dataAt = controlAt + CMSG_BYTES
  const control = message.subarray(controlAt, dataAt)
  message.writeBigUInt64LE(address + BigInt(vectorAt), 16)
  message.writeBigUInt64LE(1n, 24)
  message.writeBigUInt64LE(address + BigInt(controlAt), 32)
  message.writeBigUInt64LE(BigInt(CMSG_BYTES), 40)
  message.writeBigUInt64LE(address + BigInt(dataAt), vectorAt)
  message.writeBigUInt64LE(1n, vectorAt + 8)
  const bytes = await callAsync(libc.recvmsg, 'recvmsg', socket, message, MSG_CMSG_CLOEXEC)
  if (bytes === 0) return undefined
  const carriesFd =
    message.readBigUInt64LE(40) >= BigInt(CMSG_DATA + 4) &&
    control.readInt32LE(8) === SOL_SOCKET &&
    control.readInt32LE(12) === SCM_RIGHTS
  if (!carriesFd) throw new DfsError('invalid', 'a message without a descriptor', { op: 'recvmsg' })
  return control.readInt32LE(CMSG_DATA)
}
