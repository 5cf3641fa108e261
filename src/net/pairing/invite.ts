/**
 * The inviting end of a pairing. Before the joining device has proven that it holds the ticket it is told nothing;
 * before a person has confirmed it gets nothing.
 */
import { randomBytes } from 'node:crypto'
import { DfsError } from '../../errors.ts'
import { deviceIdOf } from '../../format/device-id.ts'
import {
  decodePairingMessage,
  GRANT_STATEMENTS_MAX,
  PAIRING_NONCE_BYTES,
  type PairingRequest,
} from '../../format/pairing-message.ts'
import { isPairingProof, pairingProof, shortCode } from '../../seal/pairing-proof.ts'
import type { NetworkIdentity } from '../member.ts'
import { isAccepted, isSigned, readStatement } from '../signed-statement.ts'
import type { NewDevice } from '../vouching.ts'
import { type PairingMessages, requireKind } from './messages.ts'
import { helloTranscript, type PairingEnds, welcomeTranscript } from './transcript.ts'

export interface Inviter {
  readonly identity: NetworkIdentity
  /** 16 bytes: the ticket's. */
  readonly secret: Buffer
  /** Device keys: of this device, and of the one at the other end as the connection authenticated it. */
  readonly device: Buffer
  readonly joiner: Buffer
  /** What this device is called. */
  readonly name: string
  readonly forFriend: boolean
}

/** A device that holds the ticket and waits to be let in. */
export interface JoinRequest {
  readonly deviceId: string
  /** What the device calls itself. */
  readonly name: string
  /** The same on both screens. */
  readonly code: string
  readonly asks:
    | { readonly kind: 'own'; readonly device: NewDevice }
    /** `owner`: 32 bytes, whom the network is to take in; `statement`: how that owner took the device in. */
    | { readonly kind: 'friend'; readonly owner: Buffer; readonly statement: Buffer }
}

/** What a device gets that is let in. */
export interface Grant {
  /** For a device of one's own. */
  readonly key?: { readonly personalKey: Buffer; readonly epoch: number } | undefined
  /** All that this device knows of the network, the new device included. */
  readonly statements: readonly Buffer[]
}

/**
 * Checks that the other end holds the ticket, and hears what it asks for. `frame`: its first message. Fails with
 * `no-permission` if it does not hold it, `corrupt`, `timeout`, and with what ended the channel.
 */
export async function hearJoiner(messages: PairingMessages, frame: Buffer, inviter: Inviter): Promise<JoinRequest> {
  const { identity, secret, device, joiner, name, forFriend } = inviter
  const hello = requireKind(decodePairingMessage(frame), ['hello'])
  const ends: PairingEnds = { joiner, inviter: device, network: identity.network, forFriend }
  const heard = helloTranscript(ends, hello)
  if (!isPairingProof(hello.proof, secret, 'joiner', heard)) {
    throw new DfsError('no-permission', 'a device tried to join without holding the ticket', {
      op: 'pair',
      subject: deviceIdOf(joiner),
      mend: 'the ticket is used up: make a new one with "dfs invite"',
    })
  }
  const welcome = { nonce: randomBytes(PAIRING_NONCE_BYTES), network: identity.kind, owner: identity.owner, name }
  const transcript = welcomeTranscript(heard, welcome)
  await messages.send({ kind: 'welcome', ...welcome, proof: pairingProof(secret, 'inviter', transcript) })
  const request = await messages.receive([forFriend ? 'friend-request' : 'own-request'])
  return {
    deviceId: deviceIdOf(joiner),
    name: hello.name,
    code: shortCode(secret, transcript),
    asks: checkRequest(request, inviter, hello.name),
  }
}

/** Lets the device in; resolves once it has said that it keeps what it got. */
export async function grantJoiner(messages: PairingMessages, { key, statements }: Grant): Promise<void> {
  if (key !== undefined) await messages.send({ kind: 'grant', ...key })
  for (let start = 0; start < statements.length; start += GRANT_STATEMENTS_MAX) {
    await messages.send({ kind: 'statements', statements: statements.slice(start, start + GRANT_STATEMENTS_MAX) })
  }
  await messages.send({ kind: 'done' })
  await messages.receive(['done'])
  await messages.close()
}

export async function refuseJoiner(messages: PairingMessages): Promise<void> {
  await messages.send({ kind: 'refused' })
  await messages.close()
}

function checkRequest(request: PairingRequest, { identity, joiner }: Inviter, name: string): JoinRequest['asks'] {
  if (request.kind === 'own-request') {
    const device = { device: joiner, acceptance: Buffer.from(request.acceptance), name }
    if (isAccepted({ ...identity, ...device })) return { kind: 'own', device }
    throw new DfsError('corrupt', "the device's acceptance does not hold", { op: 'pair' })
  }
  const signed = readStatement(request.statement)
  const { statement } = signed
  const fits =
    statement.kind === 'device' &&
    statement.network.equals(identity.network) &&
    statement.device.equals(joiner) &&
    statement.signer.equals(statement.owner) &&
    !statement.owner.equals(identity.owner) &&
    isSigned(signed)
  if (!fits) throw new DfsError('corrupt', "what the friend's device shows does not hold", { op: 'pair' })
  return { kind: 'friend', owner: Buffer.from(statement.owner), statement: signed.bytes }
}
