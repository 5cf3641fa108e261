/**
 * Messages of `/dfs/holds/1`: asking devices to keep blocks, asking whether they still do, and letting them go.
 *
 * Each begins with a version, its kind and the incarnation of the device that says it: 8 bytes drawn at random whenever
 * the device starts, by which others notice that it was started anew, and perhaps from an older state of its disk.
 */
import assert from 'node:assert/strict'
import { Reader, Writer } from '../bytes/cursor.ts'
import { DIGEST_BYTES, digestOfCid } from './cid.ts'
import {
  decodeHoldRecord,
  HELD_BLOCKS_MAX,
  type HeldBlock,
  HOLD_NONCE_BYTES,
  HOLD_RECORD_BYTES_MAX,
  readAscending,
  readBlocks,
  writeBlocks,
  writeCount,
  writeExactly,
} from './hold-record.ts'
import { type KeptShard, readKeptShards, readQueried, writeKeptShards, writeQueried } from './kept-shards.ts'
import { corrupt, requireRule, requireVersion } from './refuse.ts'
import { readChallenge, type StorageChallenge, writeChallenge } from './storage-proof.ts'

/** Why a device does not hold a block, or does not say that it does. */
export type RefusalReason =
  | 'evicting'
  | 'no-block'
  | 'no-space'
  | 'no-such-hold'
  | 'too-many'
  | 'no-member'
  /** It cannot tell now: its store cannot be read. */
  | 'unavailable'

/** One block of one hold. */
export interface HoldOfBlock {
  /** 16 bytes: names the hold. */
  readonly hold: Buffer
  /** 32 bytes. */
  readonly digest: Buffer
}

export interface RefusedBlock {
  readonly reason: RefusalReason
  readonly digest: Buffer
}

/** What is answered to one challenge: a proof as `storage-proof.ts` has it, unchecked, or why there is none. */
export type ProofAnswer =
  | { readonly digest: Buffer; readonly proof: Buffer }
  | { readonly digest: Buffer; readonly reason: RefusalReason }

export type HoldsMessageBody =
  /** How much could be held for the asking device? */
  | { readonly kind: 'offer-query' }
  /** So many bytes more, for a term of so many milliseconds of running time. */
  | { readonly kind: 'offer'; readonly freeBytes: number; readonly termMs: number }
  | { readonly kind: 'request'; readonly nonce: Buffer; readonly blocks: readonly HeldBlock[] }
  /** Some or all of what was requested; a signed hold as `hold-record.ts` has it. */
  | { readonly kind: 'hold'; readonly record: Buffer }
  /** Of a request or a question, by its nonce. */
  | { readonly kind: 'refusal'; readonly nonce: Buffer; readonly refused: readonly RefusedBlock[] }
  | { readonly kind: 'question'; readonly nonce: Buffer; readonly holds: readonly HoldOfBlock[] }
  | { readonly kind: 'confirmation'; readonly nonce: Buffer; readonly holds: readonly HoldOfBlock[] }
  /** A signed release. */
  | { readonly kind: 'release'; readonly record: Buffer }
  | { readonly kind: 'released'; readonly holds: readonly HoldOfBlock[] }
  | { readonly kind: 'leave'; readonly holds: readonly HoldOfBlock[] }
  /** Show that you can read these, 1 to CHALLENGES_MAX of them in ascending order of their digests. */
  | { readonly kind: 'challenge'; readonly nonce: Buffer; readonly challenges: readonly StorageChallenge[] }
  /** To some or all of a challenge, by its nonce. */
  | { readonly kind: 'proof'; readonly nonce: Buffer; readonly answers: readonly ProofAnswer[] }
  /** Which shards do you keep of these blocks (digests), for an owner of mine? 1 to SHARDED_BLOCKS_MAX, ascending. */
  | { readonly kind: 'shards-query'; readonly nonce: Buffer; readonly digests: readonly Buffer[] }
  /** All that answers a query, by its nonce; at most KEPT_SHARDS_MAX. */
  | { readonly kind: 'shards'; readonly nonce: Buffer; readonly shards: readonly KeptShard[] }

export type HoldsMessage = HoldsMessageBody & {
  /** 8 bytes. */
  readonly incarnation: Buffer
}

export const INCARNATION_BYTES = 8
/** Of one message. */
export const CHALLENGES_MAX = 64
/** Of each challenge in a message, so that any answer fits into one. */
export const CHALLENGED_SLICES_MAX = 16

const VERSION = 1
const HEAD_BYTES = 2 + INCARNATION_BYTES
const HOLD_OF_BLOCK_BYTES = HOLD_NONCE_BYTES + DIGEST_BYTES
/** Length of the longest message. */
export const HOLDS_MESSAGE_BYTES_MAX =
  HEAD_BYTES + Math.max(HOLD_RECORD_BYTES_MAX, HOLD_NONCE_BYTES + 2 + HELD_BLOCKS_MAX * HOLD_OF_BLOCK_BYTES)

const KINDS: readonly HoldsMessage['kind'][] = [
  'offer-query',
  'offer',
  'request',
  'hold',
  'refusal',
  'question',
  'confirmation',
  'release',
  'released',
  'leave',
  'challenge',
  'proof',
  'shards-query',
  'shards',
]

/** By number, from 1 on. */
const REASONS: readonly RefusalReason[] = [
  'evicting',
  'no-block',
  'no-space',
  'no-such-hold',
  'too-many',
  'no-member',
  'unavailable',
]

export function encodeHoldsMessage(message: HoldsMessage): Buffer {
  const writer = new Writer().u8(VERSION).u8(KINDS.indexOf(message.kind))
  writeExactly(writer, message.incarnation, INCARNATION_BYTES)
  if ('nonce' in message) writeExactly(writer, message.nonce, HOLD_NONCE_BYTES)
  switch (message.kind) {
    case 'offer-query':
      break
    case 'offer':
      writer.u53(message.freeBytes).u53(message.termMs)
      break
    case 'request':
      writeBlocks(writer, message.blocks)
      break
    case 'hold':
    case 'release':
      assert(message.record.length <= HOLD_RECORD_BYTES_MAX)
      writer.bytes(message.record)
      break
    case 'refusal':
      writeCount(writer, message.refused.length)
      for (const { digest, reason } of message.refused) {
        writeExactly(writer, digest, DIGEST_BYTES)
        writer.u8(REASONS.indexOf(reason) + 1)
      }
      break
    case 'question':
    case 'confirmation':
    case 'released':
    case 'leave':
      writeHolds(writer, message.holds)
      break
    case 'challenge':
      writeChallenges(writer, message.challenges)
      break
    case 'proof':
      writeCount(writer, message.answers.length)
      for (const answer of message.answers) writeAnswer(writer, answer)
      break
    case 'shards-query':
      writeQueried(writer, message.digests)
      break
    case 'shards':
      writeKeptShards(writer, message.shards)
  }
  const bytes = writer.finish()
  assert(bytes.length <= HOLDS_MESSAGE_BYTES_MAX, 'a message that may be sent')
  return bytes
}

/** What an answer takes of a message. */
export function bytesOfAnswer(answer: ProofAnswer): number {
  return DIGEST_BYTES + 1 + ('proof' in answer ? 4 + answer.proof.length : 0)
}

/** How many bytes of answers one message has room for. */
export const ANSWER_BYTES_MAX = HOLDS_MESSAGE_BYTES_MAX - HEAD_BYTES - HOLD_NONCE_BYTES - 2

/**
 * Reads one message; views, not copies. The record of a hold or release is well-formed, its signature still to be
 * verified. Fails with `corrupt`, `newer-version`.
 */
export function decodeHoldsMessage(bytes: Buffer): HoldsMessage {
  requireRule(bytes.length <= HOLDS_MESSAGE_BYTES_MAX, 'holds message: too long')
  const reader = new Reader(bytes)
  requireVersion('holds message', reader.u8(), VERSION)
  const kind = KINDS[reader.u8()]
  if (kind === undefined) throw corrupt('holds message: unknown kind')
  const incarnation = reader.bytes(INCARNATION_BYTES)
  const message = { ...readBody(kind, reader), incarnation }
  reader.end()
  return message
}

function readBody(kind: HoldsMessage['kind'], reader: Reader): HoldsMessageBody {
  const nonce = () => reader.bytes(HOLD_NONCE_BYTES)
  switch (kind) {
    case 'offer-query':
      return { kind }
    case 'offer':
      return { kind, freeBytes: reader.u53(), termMs: reader.u53() }
    case 'request':
      return { kind, nonce: nonce(), blocks: readBlocks(reader) }
    case 'hold':
    case 'release':
      return { kind, record: readRecordOf(kind, reader) }
    case 'refusal':
      return { kind, nonce: nonce(), refused: readAscending(reader, readRefused, ({ digest }) => digest) }
    case 'question':
    case 'confirmation':
      return { kind, nonce: nonce(), holds: readHolds(reader) }
    case 'released':
    case 'leave':
      return { kind, holds: readHolds(reader) }
    case 'challenge':
      return { kind, nonce: nonce(), challenges: readChallenges(reader) }
    case 'proof':
      return { kind, nonce: nonce(), answers: readAscending(reader, readAnswer, ({ digest }) => digest) }
    case 'shards-query':
      return { kind, nonce: nonce(), digests: readQueried(reader) }
    case 'shards':
      return { kind, nonce: nonce(), shards: readKeptShards(reader) }
  }
}

function readRecordOf(kind: 'hold' | 'release', reader: Reader): Buffer {
  const bytes = reader.bytes(reader.remaining)
  requireRule(decodeHoldRecord(bytes).record.kind === kind, 'holds message: another kind of record')
  return bytes
}

function readRefused(reader: Reader): RefusedBlock {
  const digest = reader.bytes(DIGEST_BYTES)
  return { reason: reasonOf(reader.u8()), digest }
}

function reasonOf(number: number): RefusalReason {
  const reason = REASONS[number - 1]
  if (reason === undefined) throw corrupt('holds message: unknown reason')
  return reason
}

function writeChallenges(writer: Writer, challenges: readonly StorageChallenge[]): void {
  assert(challenges.length <= CHALLENGES_MAX)
  assert(challenges.every(({ slices }) => slices.length <= CHALLENGED_SLICES_MAX))
  writeCount(writer, challenges.length)
  for (const challenge of challenges) writeChallenge(writer, challenge)
}

function readChallenges(reader: Reader): StorageChallenge[] {
  const challenges = readAscending(reader, readChallenge, ({ cid }) => digestOfCid(cid))
  requireRule(challenges.length <= CHALLENGES_MAX, 'holds message: too many challenges')
  const isShort = challenges.every(({ slices }) => slices.length <= CHALLENGED_SLICES_MAX)
  requireRule(isShort, 'holds message: too many slices')
  return challenges
}

/** The reason, or 0 and a proof. */
function writeAnswer(writer: Writer, answer: ProofAnswer): void {
  writeExactly(writer, answer.digest, DIGEST_BYTES)
  if ('proof' in answer) writer.u8(0).u32(answer.proof.length).bytes(answer.proof)
  else writer.u8(REASONS.indexOf(answer.reason) + 1)
}

function readAnswer(reader: Reader): ProofAnswer {
  const digest = reader.bytes(DIGEST_BYTES)
  const reason = reader.u8()
  if (reason === 0) return { digest, proof: reader.bytes(reader.u32()) }
  return { digest, reason: reasonOf(reason) }
}

/** In ascending order of hold and digest. */
function writeHolds(writer: Writer, holds: readonly HoldOfBlock[]): void {
  writeCount(writer, holds.length)
  for (const { hold, digest } of holds) {
    writeExactly(writer, hold, HOLD_NONCE_BYTES)
    writeExactly(writer, digest, DIGEST_BYTES)
  }
}

function readHolds(reader: Reader): HoldOfBlock[] {
  const read = (from: Reader) => from.bytes(HOLD_OF_BLOCK_BYTES)
  return readAscending(reader, read, (bytes) => bytes).map((bytes) => ({
    hold: bytes.subarray(0, HOLD_NONCE_BYTES),
    digest: bytes.subarray(HOLD_NONCE_BYTES),
  }))
}
