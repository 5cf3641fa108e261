/** Names that nobody has seen: of holds, and of this run of the device. */
import { randomBytes } from 'node:crypto'
import { INCARNATION_BYTES } from '../../format/hold-message.ts'
import { HOLD_NONCE_BYTES } from '../../format/hold-record.ts'
import type { Incarnation, Nonce } from './state.ts'

export function newNonce(): Nonce {
  return randomBytes(HOLD_NONCE_BYTES).toString('hex')
}

export function newIncarnation(): Incarnation {
  return randomBytes(INCARNATION_BYTES).toString('hex')
}
