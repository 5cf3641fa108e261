/**
 * Datagrams to Unix sockets, which Node has no words for: so a process tells its service manager how it is.
 *
 * Layout: `struct sockaddr_un` of Linux.
 */
import { DfsError } from '../errors.ts'
import { closeFd } from './files.ts'
import { callAsync, check, libc } from './libc.ts'

const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
const MSG_NOSIGNAL = 0x4000

const FAMILY_BYTES = 2
const PATH_BYTES_MAX = 108

/**
 * Sends one datagram to the socket at a path, or of a name in the abstract namespace (`@NAME`, whose `@` stands for a NUL byte).
 * Waits, on another thread, while the receiver has no room. Fails with `invalid`, `not-found`, `not-running`, ...
 */
export async function sendDatagram(address: string, message: Buffer): Promise<void> {
  const to = encodeAddress(address)
  const socket = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  check(socket, 'socket')
  try {
    await callAsync(libc.sendto, 'sendto', socket, message, message.length, MSG_NOSIGNAL, to, to.length)
  } finally {
    closeFd(socket)
  }
}

/** A path ends with a NUL, an abstract name with the address. */
function encodeAddress(address: string): Buffer {
  const isAbstract = address.startsWith('@')
  if (!isAbstract && !address.startsWith('/')) throw notOne(address, 'is no address of a Unix socket')
  const name = Buffer.from(isAbstract ? `\0${address.slice(1)}` : `${address}\0`)
  if (name.length > PATH_BYTES_MAX) throw notOne(address, 'is too long for the address of a Unix socket')
  const encoded = Buffer.alloc(FAMILY_BYTES + name.length)
  encoded.writeUInt16LE(AF_UNIX)
  name.copy(encoded, FAMILY_BYTES)
  return encoded
}

function notOne(subject: string, message: string): DfsError {
  return new DfsError('invalid', message, { op: 'sendto', subject })
}
