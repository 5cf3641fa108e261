/**
 * To which user the process at the other end of a connection on loopback belongs, as the kernel lists its sockets. Every user
 * of a machine reaches its loopback addresses, sees the arguments of programs, and may serve pages from another port, to
 * which browsers send the cookies of this one.
 */
import { readFile } from 'node:fs/promises'

/** Sockets of IPv4, and of IPv6 that speak with them: proc(5), the kernel's net/ipv4/tcp_ipv4.c. */
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6']

export interface Connection {
  /** Of the other end. */
  readonly remotePort: number
  /** Of this end. */
  readonly localPort: number
}

/** A user id; `nobody` of a connection that is not in the list, `unknown` where the kernel keeps none. */
export type Owner = number | 'nobody' | 'unknown'

export async function connectionOwner(connection: Connection): Promise<Owner> {
  const tables = await Promise.all(TABLES.map((table) => readFile(table, 'latin1').catch(() => undefined)))
  const there = tables.filter((table) => table !== undefined)
  if (there.length === 0) return 'unknown'
  return there.map((table) => ownerIn(table, connection)).find((owner) => owner !== undefined) ?? 'nobody'
}

/**
 * The user id of the socket at the other end; undefined if it is not in the list, 0 for one that nobody has open any more.
 * A line is `sl local_address rem_address st tx:rx tr:when retrnsmt uid ...`, addresses and ports in hexadecimal.
 */
export function ownerIn(table: string, { remotePort, localPort }: Connection): number | undefined {
  const [from, to] = [remotePort, localPort].map((port) => port.toString(16).toUpperCase().padStart(4, '0'))
  // 127.0.0.1 as a number in the order of the machine's bytes, which is the little one; in IPv6 the tail.
  const line = new RegExp(`^ *\\d+: [0-9A-F]*0100007F:${from} [0-9A-F]*0100007F:${to} .. \\S+ \\S+ \\S+ +(\\d+)`, 'm')
  const uid = line.exec(table)?.[1]
  return uid === undefined ? undefined : Number(uid)
}
