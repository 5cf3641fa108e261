/**
 * Sealing of what stands in a stub: its two slots, and the trailer of a version.
 *
 * Every seal has a random salt, and a key of its own derived from it, so one fixed nonce serves.
 * The whole head of the envelope is authenticated: key id, epoch, sequence, length, salt.
 */
import type { ByteString, StubState } from '../dfs.ts'
import { DfsError, kindOf } from '../errors.ts'
import { NONCE_BYTES } from '../format/block.ts'
import type { Envelope } from '../format/envelope.ts'
import {
  decodeSlotEnvelope,
  decodeSlotPlain,
  decodeTrailer,
  decodeTrailerPlain,
  encodeSlotEnvelope,
  encodeSlotPlain,
  encodeTrailer,
  encodeTrailerPlain,
  SLOT_BYTES,
  SLOT_OFFSETS,
  slotAad,
  trailerAad,
} from '../format/stub.ts'
import { requireStubVersion } from '../format/stub-line.ts'
import { openMessage, type Seal, sealMessage, secretKey } from './aead.ts'
import { keyedHash } from './hash.ts'
import type { EpochKeys, Keys } from './keys.ts'
import { newSalt } from './salt.ts'

const NONCE = Buffer.alloc(NONCE_BYTES)

type SlotIndex = 0 | 1

export interface OpenedStub {
  readonly state: StubState
  /** The slot it stood in; the next state goes into the other. */
  readonly slot: SlotIndex
  /**
   * The other slot was written and cannot be read, and nothing shows that it was the older one: the state is the last
   * one if that update was torn, and an outdated one if the slot was damaged later.
   */
  readonly newerMayBeLost: boolean
}

/** The bytes to write at the slot's offset, at most SLOT_BYTES. */
export function sealSlot(state: StubState, keys: Keys): Buffer {
  const plain = encodeSlotPlain(state)
  const head = { keyId: keys.keyId, epoch: keys.epoch, sequence: state.sequence, salt: newSalt() }
  return encodeSlotEnvelope({
    ...head,
    sealed: sealMessage(sealOf(head.salt, slotAad(head, plain.length), keys), plain),
  })
}

/**
 * Reads a stub from its first STUB_BYTES_MAX bytes (all of them if it is shorter): the state with the higher sequence
 * number whose slot opens.
 *
 * Fails with `newer-version` if the stub or either slot was written by a later dfs (nothing may be overwritten
 * then), `wrong-key` if the newer slot is sealed with another personal key (likewise), `corrupt` if no slot opens.
 */
export function openStub(stubBytes: Buffer, keys: Keys): OpenedStub {
  requireStubVersion(stubBytes)
  let newerMayBeLost = false
  const written: { slot: SlotIndex; envelope: Envelope }[] = []
  for (const slot of [0, 1] as const) {
    try {
      const envelope = decodeSlotEnvelope(stubBytes.subarray(SLOT_OFFSETS[slot], SLOT_OFFSETS[slot] + SLOT_BYTES))
      if (envelope !== undefined) written.push({ slot, envelope })
    } catch (error) {
      if (kindOf(error) !== 'corrupt') throw error
      newerMayBeLost = true
    }
  }
  written.sort((a, b) => b.envelope.sequence - a.envelope.sequence)
  // An older state of ours must not hide, and then overwrite, a newer one of another key's, perhaps the next epoch's.
  if (written.length > 0 && keys.ofKeyId(written[0]!.envelope.keyId) === undefined) throw wrongKey('stub')
  for (const { slot, envelope } of written) {
    const state = openSlot(envelope, keys)
    if (state !== undefined) return { state, slot, newerMayBeLost }
    // Its head, as far as it can be believed, says that it was the newer one.
    newerMayBeLost = true
  }
  throw new DfsError('corrupt', 'no slot of the stub can be read', { op: 'open stub' })
}

/** The bytes to write at TRAILER_OFFSET: the path of the file that a version is of. */
export function sealTrailer(path: ByteString, keys: Keys): Buffer {
  const plain = encodeTrailerPlain(path)
  const head = { keyId: keys.keyId, epoch: keys.epoch, salt: newSalt() }
  return encodeTrailer({ ...head, sealed: sealMessage(sealOf(head.salt, trailerAad(head, plain.length), keys), plain) })
}

/** The path in the bytes at TRAILER_OFFSET; undefined if there is no trailer. Fails with `corrupt`, `wrong-key`, `newer-version`. */
export function openTrailer(bytes: Buffer, keys: Keys): ByteString | undefined {
  const envelope = decodeTrailer(bytes)
  if (envelope === undefined) return undefined
  const epoch = keys.ofKeyId(envelope.keyId)
  if (epoch === undefined) throw wrongKey('stub trailer')
  const plain = openEnvelope(envelope, epoch)
  if (plain === undefined)
    throw new DfsError('corrupt', 'the trailer of the stub does not authenticate', { op: 'open stub' })
  return decodeTrailerPlain(plain)
}

/** Undefined if the slot is damaged or another's. */
function openSlot(envelope: Envelope, keys: Keys): StubState | undefined {
  const epoch = keys.ofKeyId(envelope.keyId)
  const plain = epoch && openEnvelope(envelope, epoch)
  return plain && decodeSlotPlain(plain, envelope.sequence)
}

function openEnvelope({ salt, aad, sealed }: Envelope, keys: EpochKeys): Buffer | undefined {
  return openMessage(sealOf(salt, aad, keys), sealed)
}

function sealOf(salt: Buffer, aad: Buffer, keys: EpochKeys): Seal {
  return { key: secretKey(keyedHash(keys.stubSecret, salt)), nonce: NONCE, aad }
}

function wrongKey(what: string): DfsError {
  return new DfsError('wrong-key', `the ${what} is sealed with another personal key`, {
    op: 'open stub',
    mend: 'use the home it was written with, or `dfs recover` with its recovery kit',
  })
}
