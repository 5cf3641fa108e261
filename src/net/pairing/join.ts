/** The joining end of a pairing: shows that it holds the ticket, checks that the other end does, and asks to be let in. */
import { randomBytes } from 'node:crypto'
import { DfsError } from '../../errors.ts'
import { STATEMENTS_MAX } from '../../format/membership.ts'
import { fitName } from '../../format/name.ts'
import { PAIRING_NONCE_BYTES, type PairingWelcome } from '../../format/pairing-message.ts'
import type { Ticket } from '../../format/ticket.ts'
import { isPairingProof, pairingProof, shortCode } from '../../seal/pairing-proof.ts'
import type { SigningKey } from '../../seal/signing.ts'
import type { NetworkIdentity } from '../member.ts'
import { acceptOwner } from '../signed-statement.ts'
import type { Grant } from './invite.ts'
import type { PairingMessages } from './messages.ts'
import { helloTranscript, welcomeTranscript } from './transcript.ts'

export interface Joiner {
  readonly ticket: Ticket
  /** This device; what signs for it. */
  readonly device: SigningKey
  /** What this device is called. */
  readonly name: string
  /** For a friend's ticket: how one's own owner takes this device into the ticket's network. */
  readonly statement?: Buffer | undefined
  /** Called with what to compare with the other screen, before the wait for the person there. */
  readonly onCode: (code: string, inviter: string) => void
}

export interface Joined extends Grant {
  /** The network, and the owner of the inviting device. */
  readonly identity: NetworkIdentity
}

const CONFIRM_MS_MAX = 10 * 60_000

/**
 * Resolves with what the inviting device granted; the caller keeps it durably, then calls `confirmJoined`. Fails with
 * `no-permission` (refused), `timeout`, `corrupt`, and with what ended the channel.
 */
export async function joinNetwork(messages: PairingMessages, joiner: Joiner): Promise<Joined> {
  const { ticket, device } = joiner
  const { identity, code, inviter } = await greet(messages, joiner)
  await messages.send(
    ticket.forFriend
      ? { kind: 'friend-request', statement: joiner.statement ?? Buffer.alloc(0) }
      : { kind: 'own-request', acceptance: acceptOwner(identity.network, identity.owner, device) },
  )
  joiner.onCode(code, inviter)
  const first = await messages.receive([ticket.forFriend ? 'statements' : 'grant'], CONFIRM_MS_MAX)
  const statements: Buffer[] = first.kind === 'statements' ? first.statements.map(copyOf) : []
  for (;;) {
    const message = await messages.receive(['statements', 'done'])
    if (message.kind === 'done') break
    statements.push(...message.statements.map(copyOf))
    if (statements.length > STATEMENTS_MAX) throw new DfsError('corrupt', 'too many statements', { op: 'pair' })
  }
  const key = first.kind === 'grant' ? { personalKey: copyOf(first.personalKey), epoch: first.epoch } : undefined
  return { identity, key, statements }
}

/** Tells the inviting device that what it granted is kept; resolves once it has heard. */
export async function confirmJoined(messages: PairingMessages): Promise<void> {
  await messages.send({ kind: 'done' })
  await messages.awaitEnd()
  await messages.close()
}

async function greet(messages: PairingMessages, { ticket, device, name: called }: Joiner) {
  const { network, secret, forFriend } = ticket
  const ends = { joiner: device.publicKey, inviter: ticket.device, network, forFriend }
  const hello = { nonce: randomBytes(PAIRING_NONCE_BYTES), name: fitName(called) }
  const said = helloTranscript(ends, hello)
  await messages.send({ kind: 'hello', ...hello, proof: pairingProof(secret, 'joiner', said) })
  const welcome: PairingWelcome = await messages.receive(['welcome'])
  const transcript = welcomeTranscript(said, welcome)
  if (!isPairingProof(welcome.proof, secret, 'inviter', transcript)) {
    throw new DfsError('no-permission', 'the other device does not hold the ticket', { op: 'pair' })
  }
  const identity: NetworkIdentity = { kind: welcome.network, network, owner: copyOf(welcome.owner) }
  return { identity, code: shortCode(secret, transcript), inviter: welcome.name }
}

function copyOf(bytes: Buffer): Buffer {
  return Buffer.from(bytes)
}
