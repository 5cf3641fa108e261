/**
 * Base32 of RFC 4648, lower case, without padding: the text of CIDs and identities.
 *
 * One text for each byte string: decoding refuses what encoding would not have written.
 */
import { DfsError } from '../errors.ts'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
const NO_VALUE = 255
const VALUES = new Uint8Array(128).fill(NO_VALUE)
for (let value = 0; value < ALPHABET.length; value++) VALUES[ALPHABET.charCodeAt(value)] = value

export function encodeBase32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let held = 0 // the lowest `bits` bits of what was read and not yet written
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += ALPHABET[(held >>> bits) & 31]
    }
  }
  if (bits > 0) text += ALPHABET[(held << (5 - bits)) & 31]
  return text
}

/** Fails with `invalid` on other characters (upper case, padding), impossible lengths and left-over bits that are set. */
export function decodeBase32(text: string): Buffer {
  const bytes = Buffer.alloc(Math.floor((text.length * 5) / 8))
  let at = 0
  let bits = 0
  let held = 0
  for (let index = 0; index < text.length; index++) {
    const value = VALUES[text.charCodeAt(index)] ?? NO_VALUE
    if (value === NO_VALUE) throw invalid(`has a character that base32 has not, at ${index}`)
    held = ((held << 5) | value) & 0xfff
    bits += 5
    if (bits >= 8) {
      bits -= 8
      bytes[at++] = held >>> bits
    }
  }
  if (bits >= 5) throw invalid('has a length that no bytes give')
  if ((held & ((1 << bits) - 1)) !== 0) throw invalid('has bits set after its last byte')
  return bytes
}

function invalid(why: string): DfsError {
  return new DfsError('invalid', `the base32 text ${why}`, { op: 'decode base32' })
}
