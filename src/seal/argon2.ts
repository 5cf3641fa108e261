/**
 * Argon2id (RFC 9106): a key from a passphrase, at a price in memory that whoever tries many of them pays for each.
 * Node's own, which OpenSSL computes in several threads, from 24.7 on; before that in JavaScript, seven times slower.
 */
import * as crypto from 'node:crypto'
import { promisify } from 'node:util'

export interface Argon2Cost {
  readonly memoryKib: number
  readonly passes: number
  /** What could be computed side by side. */
  readonly lanes: number
}

const KEY_BYTES = 32

/** 32 bytes, which follow from all that is given. */
export async function argon2id(
  message: Buffer,
  salt: Buffer,
  { memoryKib, passes, lanes }: Argon2Cost,
): Promise<Buffer> {
  if (crypto.argon2 !== undefined) {
    const cost = { parallelism: lanes, memory: memoryKib, passes, tagLength: KEY_BYTES }
    return await promisify(crypto.argon2)('argon2id', { message, nonce: salt, ...cost })
  }
  return await argon2idInJavaScript(message, salt, { memoryKib, passes, lanes })
}

/** The same, where Node has none. */
export async function argon2idInJavaScript(message: Buffer, salt: Buffer, cost: Argon2Cost): Promise<Buffer> {
  const { argon2idAsync } = await import('@noble/hashes/argon2.js')
  const { memoryKib: m, passes: t, lanes: p } = cost
  return Buffer.from(await argon2idAsync(message, salt, { m, t, p, dkLen: KEY_BYTES }))
}
