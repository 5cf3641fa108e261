/**
 * Between what the machine says of one block and messages of `/dfs/holds/1`, which are of many (FORMAT.md §12): packing
 * and signing what goes out; taking apart what comes in, once its signatures hold.
 */
import type { Cid } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import { cidOfDigest, digestOfCid } from '../../format/cid.ts'
import type { HoldOfBlock, HoldsMessage, HoldsMessageBody } from '../../format/hold-message.ts'
import { HELD_BLOCKS_MAX, type HoldRecord } from '../../format/hold-record.ts'
import type { SigningKey } from '../../seal/signing.ts'
import type { Outgoing } from './driver.ts'
import { deviceOf, keyOf, ownerKeyOf } from './ledger.ts'
import { inPieces } from './pieces.ts'
import { openHoldRecord, signHoldRecord } from './signed-hold.ts'
import type { DeviceId, OwnerId } from './state.ts'
import type { HoldMessage } from './transition.ts'

/** Who speaks, and with whom. */
export interface Party {
  readonly self: DeviceId
  readonly key: SigningKey
  /** 32 bytes: names the network. */
  readonly network: Buffer
  readonly owner: OwnerId
  readonly termMs: () => number
  /** The owner of a member. */
  ownerOf(device: DeviceId): OwnerId | undefined
}

/** The word of a peer about one block. */
export interface Incoming {
  readonly cid: Cid
  /** Length of the block, where the message says so; else 0. */
  readonly bytes: number
  readonly message: HoldMessage
}

/** Messages to each device; those about one block stay in their order where that matters: between two kinds. */
export function pack(outgoing: readonly Outgoing[], party: Party): { to: DeviceId; body: HoldsMessageBody }[] {
  const groups = Map.groupBy(outgoing, ({ to, message }) => `${to} ${groupOf(message)}`)
  return [...groups.values()].flatMap((group) => {
    const { to } = group[0]!
    return inPieces(ascending(group), HELD_BLOCKS_MAX).map((piece) => ({ to, body: bodyOf(to, piece, party) }))
  })
}

/** Fails with `corrupt` if a signature does not hold or the record is not about the two. */
export function unpack(from: DeviceId, message: HoldsMessage, party: Party): Incoming[] {
  switch (message.kind) {
    case 'offer-query':
    case 'offer':
    case 'challenge':
    case 'proof':
    case 'shards-query':
    case 'shards':
      return []
    case 'request': {
      const nonce = message.nonce.toString('hex')
      return message.blocks.map(({ digest, sealedBytes }) => of(digest, { kind: 'request', nonce }, sealedBytes))
    }
    case 'hold': {
      const record = verified(message.record, { holder: from, requester: party.self }, party)
      if (record.kind !== 'hold' || !record.owner.equals(ownerKeyOf(party.owner))) throw wrongParties()
      const nonce = record.nonce.toString('hex')
      return record.blocks.map(({ digest, sealedBytes }) => of(digest, { kind: 'hold', nonce }, sealedBytes))
    }
    case 'refusal': {
      const nonce = message.nonce.toString('hex')
      return message.refused.map(({ digest, reason }) => of(digest, { kind: 'refusal', nonce, reason }))
    }
    case 'question':
    case 'confirmation': {
      const { kind } = message
      const nonce = message.nonce.toString('hex')
      return message.holds.map(({ hold, digest }) => of(digest, { kind, nonce, hold: hold.toString('hex') }))
    }
    case 'release':
      return releasesOf(from, message.record, party)
    case 'released':
    case 'leave': {
      const { kind } = message
      return message.holds.map(({ hold, digest }) => of(digest, { kind, hold: hold.toString('hex') }))
    }
  }
}

function of(digest: Buffer, message: HoldMessage, bytes = 0): Incoming {
  return { cid: cidOfDigest(digest), bytes, message }
}

function releasesOf(from: DeviceId, bytes: Buffer, party: Party): Incoming[] {
  const record = verified(bytes, { holder: party.self }, party)
  if (record.kind !== 'release' || !record.signer.equals(keyOf(from))) throw wrongParties()
  const requester = deviceOf(record.requester)
  const hold = record.nonce.toString('hex')
  return record.digests.map((digest) => of(digest, { kind: 'release', requester, hold }))
}

function verified(
  bytes: Buffer,
  { holder, requester }: { holder: DeviceId; requester?: DeviceId },
  { network }: Party,
): HoldRecord {
  const record = openHoldRecord(bytes)
  const isRight =
    record?.network.equals(network) &&
    record.holder.equals(keyOf(holder)) &&
    (requester === undefined || record.requester.equals(keyOf(requester)))
  if (record === undefined || !isRight) throw wrongParties()
  return record
}

function wrongParties(): DfsError {
  return new DfsError('corrupt', 'a hold or release that is not signed, or is about others', { op: 'hold' })
}

/** What may share a message. */
function groupOf(message: HoldMessage): string {
  switch (message.kind) {
    case 'release':
      return `release ${message.requester} ${message.hold}`
    case 'released':
    case 'leave':
      return message.kind
    default:
      return `${message.kind} ${message.nonce}`
  }
}

/** In the order that the format asks for, nothing twice. */
function ascending(group: readonly Outgoing[]): Outgoing[] {
  const keyed = group.map((one) => ({ one, key: sortKeyOf(one) }))
  keyed.sort((a, b) => Buffer.compare(a.key, b.key))
  return keyed.filter(({ key }, at) => at === 0 || !key.equals(keyed[at - 1]!.key)).map(({ one }) => one)
}

function sortKeyOf({ cid, message }: Outgoing): Buffer {
  const digest = digestOfCid(cid)
  const isByHold = 'hold' in message && message.kind !== 'release'
  return isByHold ? Buffer.concat([Buffer.from(message.hold, 'hex'), digest]) : digest
}

/** Of messages that share a group. */
function bodyOf(to: DeviceId, group: readonly Outgoing[], party: Party): HoldsMessageBody {
  const { message } = group[0]!
  switch (message.kind) {
    case 'request':
      return { kind: 'request', nonce: Buffer.from(message.nonce, 'hex'), blocks: blocksOf(group) }
    case 'hold':
      return { kind: 'hold', record: signedHold(to, message.nonce, group, party) }
    case 'refusal': {
      const refused = group.map(({ cid, message: one }) => {
        return { digest: digestOfCid(cid), reason: (one as typeof message).reason }
      })
      return { kind: 'refusal', nonce: Buffer.from(message.nonce, 'hex'), refused }
    }
    case 'question':
    case 'confirmation':
      return { kind: message.kind, nonce: Buffer.from(message.nonce, 'hex'), holds: holdsOf(group) }
    case 'release':
      return { kind: 'release', record: signedRelease(to, message, group, party) }
    case 'released':
    case 'leave':
      return { kind: message.kind, holds: holdsOf(group) }
  }
}

function blocksOf(group: readonly Outgoing[]) {
  return group.map(({ cid, bytes }) => ({ digest: digestOfCid(cid), sealedBytes: bytes }))
}

function holdsOf(group: readonly Outgoing[]): HoldOfBlock[] {
  return group.map(({ cid, message }) => {
    const { hold } = message as Extract<HoldMessage, { hold: string }>
    return { hold: Buffer.from(hold, 'hex'), digest: digestOfCid(cid) }
  })
}

function signedHold(to: DeviceId, nonce: string, group: readonly Outgoing[], party: Party): Buffer {
  const { self, key, network, termMs, ownerOf } = party
  return signHoldRecord(
    {
      kind: 'hold',
      network,
      owner: ownerKeyOf(ownerOf(to) ?? ''),
      requester: keyOf(to),
      holder: keyOf(self),
      nonce: Buffer.from(nonce, 'hex'),
      termMs: termMs(),
      blocks: blocksOf(group),
    },
    key,
  )
}

function signedRelease(
  to: DeviceId,
  { requester, hold }: Extract<HoldMessage, { kind: 'release' }>,
  group: readonly Outgoing[],
  { self, key, network, owner }: Party,
): Buffer {
  return signHoldRecord(
    {
      kind: 'release',
      network,
      owner: ownerKeyOf(owner),
      requester: keyOf(requester),
      holder: keyOf(to),
      nonce: Buffer.from(hold, 'hex'),
      signer: keyOf(self),
      digests: group.map(({ cid }) => digestOfCid(cid)),
    },
    key,
  )
}
