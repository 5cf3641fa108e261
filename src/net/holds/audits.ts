/**
 * Audits: asking devices to show that they have what they promised, and what follows where they do not.
 *
 * A hold of which a proof is wrong, or refused, counts no more, and whoever listens for lost holders hears of it. Silence
 * proves nothing, and costs nothing.
 */
import { randomBytes } from 'node:crypto'
import { Slices } from '../../concurrency/slices.ts'
import type { Cid } from '../../dfs.ts'
import { kindOf } from '../../errors.ts'
import { cidOfDigest, DIGEST_BYTES, digestOfCid } from '../../format/cid.ts'
import { CHALLENGES_MAX, type HoldsMessageBody, type ProofAnswer } from '../../format/hold-message.ts'
import { sliceCountOf } from '../../format/slice-tree.ts'
import type { StorageChallenge } from '../../format/storage-proof.ts'
import { logger } from '../../log.ts'
import { checkProof } from '../../seal/storage-proof.ts'
import type { Clock } from '../exchange/clock.ts'
import { Answers } from './answers.ts'
import type { HoldDriver } from './driver.ts'
import type { AuditOutcome, HeldSample, HolderAudits } from './hold-service.ts'
import { deviceOf, type HoldLedger, keyOf, readRecord } from './ledger.ts'
import { newNonce } from './nonce.ts'
import { inPieces, PIECE_BLOCKS } from './pieces.ts'
import type { DeviceId, Nonce } from './state.ts'

const log = logger('holds')
/** Without a proof from a device that was asked. It reads and hashes each block, one after the other, and rests between. */
const QUIET_MS = 60_000
/** Neighbours among which each block of a sample is drawn: see `sample`. */
const WINDOW_BLOCKS = 128

export interface AuditsOptions {
  readonly driver: HoldDriver
  readonly ledger: HoldLedger
  readonly clock: Clock
  /** Sends a message; never fails. */
  readonly say: (holder: DeviceId, body: HoldsMessageBody) => void
  /** Hears of holds that count no more. */
  readonly onLost: (holder: DeviceId, cids: readonly Cid[]) => void
  readonly quietMs?: number | undefined
}

interface Audit {
  readonly holder: DeviceId
  readonly challenges: ReadonlyMap<Cid, StorageChallenge>
  readonly answers: Answers<AuditOutcome>
}

export class Audits implements HolderAudits {
  readonly #options: AuditsOptions
  readonly #open = new Map<Nonce, Audit>()
  readonly #slices = new Slices()

  constructor(options: AuditsOptions) {
    this.#options = options
  }

  async holders(): Promise<readonly DeviceId[]> {
    return (await this.#options.ledger.holders()).map(deviceOf)
  }

  heldBy(holder: DeviceId): AsyncIterable<Cid> {
    return this.#options.ledger.heldBy(keyOf(holder), 'held')
  }

  /**
   * Digests are random, so that a few neighbours behind a random place say how many there are in all. To draw the very next
   * block would take those behind wide gaps more often, and a holder knows the gaps; among so many neighbours they even out.
   */
  async sample(holder: DeviceId, count: number): Promise<HeldSample> {
    const { ledger } = this.#options
    const drawn = new Set<Cid>()
    let [seen, span, bytes, weighed] = [0, 0, 0, 0]
    for (let left = count; left > 0; left--) {
      const from = randomBytes(DIGEST_BYTES)
      const window = await ledger.heldFrom(keyOf(holder), from, WINDOW_BLOCKS)
      if (weighed === 0) {
        for (const cid of window) bytes += readRecord(ledger, cid).bytes
        weighed = window.length
      }
      if (window.length < WINDOW_BLOCKS) return { cids: shuffled(window).slice(0, count), blocks: window.length, bytes }
      drawn.add(window[randomBelow(window.length)]!)
      seen += window.length
      span += spanOf(from, digestOfCid(window.at(-1)!))
    }
    const blocks = count === 0 ? 0 : Math.round(seen / span)
    return { cids: [...drawn], blocks, bytes: weighed === 0 ? 0 : Math.round((bytes / weighed) * blocks) }
  }

  async audit(holder: DeviceId, cids: readonly Cid[], signal?: AbortSignal): Promise<ReadonlyMap<Cid, AuditOutcome>> {
    const outcomes = new Map<Cid, AuditOutcome>()
    let isSilent = false
    for (const piece of inPieces([...new Set(cids)], CHALLENGES_MAX)) {
      const bound = this.#boundBy(holder, piece)
      // Whoever was silent to so many is not asked for the next.
      const some: Map<Cid, AuditOutcome> = isSilent
        ? unreachable(bound.keys())
        : await this.#auditPiece(holder, bound, signal)
      isSilent = some.size > 0 && [...some.values()].every((outcome) => outcome === 'unreachable')
      for (const [cid, outcome] of some) outcomes.set(cid, outcome)
    }
    return outcomes
  }

  async doubt(holder: DeviceId, signal?: AbortSignal): Promise<void> {
    const { driver, ledger, onLost } = this.#options
    let piece: Cid[] = []
    const goOn = async () => {
      const outcomes = await driver.command(piece, { kind: 'distrust', holder })
      const lost = piece.filter((_, at) => outcomes[at]!.refused === undefined)
      if (lost.length > 0) onLost(holder, lost)
      const failed = outcomes.find((outcome) => outcome.failed !== undefined)
      if (failed !== undefined) throw failed.failed
      piece = []
    }
    for await (const cid of ledger.heldBy(keyOf(holder), 'held')) {
      signal?.throwIfAborted()
      if (piece.push(cid) === PIECE_BLOCKS) await goOn()
    }
    await goOn()
  }

  /** Takes what a device answers; what nobody asked it for is left alone. */
  async heard(from: DeviceId, nonce: Nonce, answers: readonly ProofAnswer[]): Promise<void> {
    const audit = this.#open.get(nonce)
    if (audit?.holder !== from) return
    for (const answer of answers) {
      await this.#slices.next()
      const cid = cidOfDigest(answer.digest)
      const challenge = audit.challenges.get(cid)
      if (challenge !== undefined) audit.answers.settle(cid, outcomeOf(challenge, answer))
    }
  }

  /** Nothing can be sent to the device: nobody needs to wait for its proofs. */
  unreachable(holder: DeviceId): void {
    for (const { holder: asked, answers } of this.#open.values()) {
      if (asked === holder) for (const cid of [...answers.pending]) answers.settle(cid, 'unreachable')
    }
  }

  async #auditPiece(
    holder: DeviceId,
    challenges: ReadonlyMap<Cid, StorageChallenge>,
    signal: AbortSignal | undefined,
  ): Promise<Map<Cid, AuditOutcome>> {
    const { clock, quietMs = QUIET_MS, say } = this.#options
    if (challenges.size === 0) return new Map()
    const nonce = newNonce()
    const answers = new Answers<AuditOutcome>({ cids: challenges.keys(), clock, quietMs, signal })
    this.#open.set(nonce, { holder, challenges, answers })
    try {
      say(holder, { kind: 'challenge', nonce: Buffer.from(nonce, 'hex'), challenges: [...challenges.values()] })
      await answers.ended
    } finally {
      this.#open.delete(nonce)
    }
    const outcomes = new Map([...unreachable(answers.pending), ...answers.settled])
    const failed = [...outcomes].filter(([, outcome]) => outcome === 'failed').map(([cid]) => cid)
    const doubted = new Set(await this.#drop(holder, failed))
    // What was let go meanwhile nobody needs to have.
    for (const cid of failed) if (!doubted.has(cid)) outcomes.delete(cid)
    return outcomes
  }

  /** Those of the blocks that the device was still bound to hold. */
  async #drop(holder: DeviceId, failed: readonly Cid[]): Promise<Cid[]> {
    if (failed.length === 0) return []
    const { driver, onLost } = this.#options
    const bound = [...this.#boundBy(holder, failed).keys()]
    const outcomes = await driver.command(bound, { kind: 'distrust', holder })
    const lost = bound.filter((_, at) => outcomes[at]!.refused === undefined)
    log('%s: %d of %d proofs failed, %d holds count no more', holder, failed.length, bound.length, lost.length)
    if (lost.length > 0) onLost(holder, lost)
    return bound
  }

  /** A challenge for each block that the device is bound to hold, in the order of their digests. */
  #boundBy(holder: DeviceId, cids: readonly Cid[]): Map<Cid, StorageChallenge> {
    const ascending = cids
      .map((cid) => ({ cid, digest: digestOfCid(cid) }))
      .sort((one, other) => Buffer.compare(one.digest, other.digest))
    const challenges = new Map<Cid, StorageChallenge>()
    for (const { cid } of ascending) {
      const { record, bytes } = readRecord(this.#options.ledger, cid)
      const isBound = record.holds.some((hold) => hold.holder === holder && hold.status !== 'releasing')
      if (isBound) challenges.set(cid, { cid, blockBytes: bytes, slices: [randomBelow(sliceCountOf(bytes))] })
    }
    return challenges
  }
}

function outcomeOf(challenge: StorageChallenge, answer: ProofAnswer): AuditOutcome {
  if ('reason' in answer) return answer.reason === 'unavailable' ? 'unreachable' : 'failed'
  try {
    checkProof(challenge, answer.proof)
    return 'good'
  } catch (error) {
    // A later dfs proves in a way that this one cannot check.
    return kindOf(error) === 'newer-version' ? 'unreachable' : 'failed'
  }
}

function unreachable(cids: Iterable<Cid>): Map<Cid, AuditOutcome> {
  return new Map([...cids].map((cid) => [cid, 'unreachable']))
}

/** How much of all digests lies from one on to another, going around; more than 0, at most 1. */
function spanOf(from: Buffer, to: Buffer): number {
  const all = 2 ** 48
  const [first, last] = [from.readUIntBE(0, 6), to.readUIntBE(0, 6)]
  return ((last - first + all) % all || 1) / all
}

function shuffled<T>(items: readonly T[]): T[] {
  const all = [...items]
  for (let at = all.length - 1; at > 0; at--) {
    const other = randomBelow(at + 1)
    ;[all[at], all[other]] = [all[other]!, all[at]!]
  }
  return all
}

/** Uniform, as far as 48 bits go: nobody else is to foresee what is asked for. */
function randomBelow(limit: number): number {
  return randomBytes(6).readUIntBE(0, 6) % limit
}
