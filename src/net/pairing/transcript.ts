/**
 * What both ends of a pairing must agree on, as one byte string: the device keys that the connection authenticated come
 * first, so a proof made for one pair of devices is of no use between others.
 */
import { Writer } from '../../bytes/cursor.ts'
import { writeName } from '../../format/name.ts'
import type { PairingHello, PairingWelcome } from '../../format/pairing-message.ts'

export interface PairingEnds {
  /** 32 bytes each: device keys, as authenticated by the connection. */
  readonly joiner: Buffer
  readonly inviter: Buffer
  readonly network: Buffer
  readonly forFriend: boolean
}

/** What the joining device's proof is over. */
export function helloTranscript(ends: PairingEnds, { nonce, name }: Pick<PairingHello, 'nonce' | 'name'>): Buffer {
  const writer = new Writer()
    .bytes(ends.joiner)
    .bytes(ends.inviter)
    .bytes(ends.network)
    .u8(ends.forFriend ? 1 : 0)
  writeName(writer.bytes(nonce), name)
  return writer.finish()
}

/** What the inviting device's proof, and the short code, are over. */
export function welcomeTranscript(hello: Buffer, welcome: Omit<PairingWelcome, 'kind' | 'proof'>): Buffer {
  const writer = new Writer()
    .bytes(hello)
    .bytes(welcome.nonce)
    .u8(welcome.network === 'public' ? 1 : 0)
  writeName(writer.bytes(welcome.owner), welcome.name)
  return writer.finish()
}
