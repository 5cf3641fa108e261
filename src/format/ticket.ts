/**
 * A pairing ticket: what `dfs invite` prints and `dfs join` reads. It says where the inviting device is and holds the
 * secret that is good for one attempt; no key of anything is in it.
 *
 * As text it is `dfs1` and base32, so that it can be pasted and read aloud; white space and case do not matter.
 */
import assert from 'node:assert/strict'
import { decodeBase32, encodeBase32 } from '../bytes/base32.ts'
import { Reader, Writer } from '../bytes/cursor.ts'
import { DfsError } from '../errors.ts'
import { PUBLIC_KEY_BYTES } from './device-id.ts'
import { requireRule, requireVersion } from './refuse.ts'

export const TICKET_SECRET_BYTES = 16
/** Longest text of one address. */
export const ADDRESS_BYTES_MAX = 200
export const ADDRESSES_MAX = 8

const VERSION = 1
const PREFIX = 'dfs1'
/** A longer text is no ticket, and is not looked at. */
const TEXT_LENGTH_MAX = 4096
const FLAG_MEMBER = 1
const CHECK_BYTES = 4

export interface Ticket {
  /** 32 bytes: the inviting device, which the connection must authenticate. */
  readonly device: Buffer
  /** 32 bytes: the network to join. */
  readonly network: Buffer
  /** 16 bytes, random, for one attempt. */
  readonly secret: Buffer
  /** Whether a friend is invited, who brings keys of their own, or a device of one's own. */
  readonly forFriend: boolean
  /** Multiaddrs, without the device: ASCII, at most ADDRESSES_MAX. */
  readonly addresses: readonly string[]
}

export function encodeTicket({ device, network, secret, forFriend, addresses }: Ticket): Buffer {
  assert(device.length === PUBLIC_KEY_BYTES && network.length === PUBLIC_KEY_BYTES)
  assert(secret.length === TICKET_SECRET_BYTES && addresses.length <= ADDRESSES_MAX)
  const writer = new Writer()
    .u8(VERSION)
    .u8(forFriend ? FLAG_MEMBER : 0)
    .bytes(device)
    .bytes(network)
    .bytes(secret)
  writer.u8(addresses.length)
  for (const address of addresses) {
    assert(isAddress(address))
    writer.u8(address.length).bytes(Buffer.from(address, 'ascii'))
  }
  return writer.finish()
}

/** Fails with `corrupt`, `newer-version`. */
export function decodeTicket(bytes: Buffer): Ticket {
  const reader = new Reader(bytes)
  requireVersion('ticket', reader.u8(), VERSION)
  const flags = reader.u8()
  requireRule(flags <= FLAG_MEMBER, 'ticket: unknown flags')
  const device = reader.bytes(PUBLIC_KEY_BYTES)
  const network = reader.bytes(PUBLIC_KEY_BYTES)
  const secret = reader.bytes(TICKET_SECRET_BYTES)
  const count = reader.u8()
  requireRule(count <= ADDRESSES_MAX, 'ticket: too many addresses')
  const addresses: string[] = []
  for (let index = 0; index < count; index++) {
    const address = reader.bytes(reader.u8()).toString('latin1')
    requireRule(isAddress(address), 'ticket: impossible address')
    addresses.push(address)
  }
  reader.end()
  return { device, network, secret, forFriend: flags === FLAG_MEMBER, addresses }
}

/** `checksum`: BLAKE3-256 of bytes, of which the first 4 tell a mistyped ticket. */
export function formatTicket(ticket: Ticket, checksum: (bytes: Buffer) => Buffer): string {
  const bytes = encodeTicket(ticket)
  return PREFIX + encodeBase32(Buffer.concat([bytes, checksum(bytes).subarray(0, CHECK_BYTES)]))
}

/** Fails with `invalid` if the text is no whole ticket, `newer-version`. The secret is in no message. */
export function parseTicket(text: string, checksum: (bytes: Buffer) => Buffer): Ticket {
  const compact = text.length > TEXT_LENGTH_MAX ? '' : text.replaceAll(/\s/g, '').toLowerCase()
  if (!compact.startsWith(PREFIX)) throw notATicket('this is no ticket')
  const whole = bytesOf(compact.slice(PREFIX.length))
  const bytes = whole?.subarray(0, -CHECK_BYTES)
  if (
    whole === undefined ||
    bytes === undefined ||
    !checksum(bytes).subarray(0, CHECK_BYTES).equals(whole.subarray(-CHECK_BYTES))
  ) {
    throw notATicket('the ticket is not whole, or was mistyped')
  }
  return decodeTicket(bytes)
}

function bytesOf(text: string): Buffer | undefined {
  try {
    return decodeBase32(text)
  } catch {
    return undefined
  }
}

function isAddress(text: string): boolean {
  return text.length <= ADDRESS_BYTES_MAX && /^(\/[\x21-\x2e\x30-\x7e]+)+$/.test(text)
}

function notATicket(message: string): DfsError {
  return new DfsError('invalid', message, { op: 'read ticket', mend: 'copy all of what "dfs invite" printed' })
}
