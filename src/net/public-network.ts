/** The public network: everybody may be in it. Its id is no key that anybody has, so nobody signs for it. */
import { digestOf } from '../seal/hash.ts'
import { ownerKeyOf } from '../seal/owner-keys.ts'
import type { NetworkIdentity } from './member.ts'

/** 32 bytes. */
export const PUBLIC_NETWORK = digestOf(Buffer.from('dfs public network 1'))

/** `personalKey`: of epoch 0, whose owner key names the owner. */
export function publicNetworkOf(personalKey: Buffer): NetworkIdentity {
  return { kind: 'public', network: PUBLIC_NETWORK, owner: ownerKeyOf(personalKey).publicKey }
}
