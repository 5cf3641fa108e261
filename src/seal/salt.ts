/**
 * Salts: 16 random bytes, of which each seal takes some of its own.
 */
import { randomBytes } from 'node:crypto'
import { SALT_BYTES } from '../format/envelope.ts'

/** Random bytes are taken for so many salts at a time: by themselves each takes 20 µs. */
const SALTS_AT_ONCE = 256
let salts = Buffer.alloc(0)

export function newSalt(): Buffer {
  if (salts.length === 0) salts = randomBytes(SALTS_AT_ONCE * SALT_BYTES)
  const salt = salts.subarray(0, SALT_BYTES)
  salts = salts.subarray(SALT_BYTES)
  return salt
}
