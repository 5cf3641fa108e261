/**
 * Shows others that this device has what it promised them: the answering side of audits.
 *
 * Invariants: only of blocks that were promised to the asking owner anything is read or said; one proof is made at a time,
 * and most of the time none, so that nobody notices who asks for many; those who ask take turns. A promised block that
 * proves to be damaged or missing is said to be so, and fetched again from others.
 */

import { Limiter } from '../../concurrency/limiter.ts'
import type { BlockSource, BlockStore, Cid } from '../../dfs.ts'
import { describeError, kindOf } from '../../errors.ts'
import { digestOfCid } from '../../format/cid.ts'
import {
  ANSWER_BYTES_MAX,
  bytesOfAnswer,
  type HoldsMessageBody,
  type ProofAnswer,
  type RefusalReason,
} from '../../format/hold-message.ts'
import type { StorageChallenge } from '../../format/storage-proof.ts'
import { logger, warn } from '../../log.ts'
import type { Clock } from '../exchange/clock.ts'
import type { BlockSize } from './hold-service.ts'
import { type HoldLedger, readRecord } from './ledger.ts'
import { pullBlock } from './pulling.ts'
import type { DeviceId, OwnerId } from './state.ts'

const log = logger('holds')
/** Messages of one device that wait. */
const WAITING_MAX = 8
/** Answers do not wait longer for others, so that who asked sees that something happens. */
const FLUSH_MS = 1_000
/** After each proof none is made for so many times as long as that one took. */
const RESTS = 3
const REST_MS_MAX = 1_000
/** Damaged blocks that wait to be fetched; those beyond are found again when they are asked for again. */
const MENDS_MAX = 1_024
const WARN_MS = 3_600_000

/** Makes a proof from the block that is here. Fails with `not-found`, `corrupt`, `io`. */
export type Prove = (challenge: StorageChallenge) => Promise<Buffer>

export interface ProverOptions {
  readonly ledger: HoldLedger
  readonly store: Pick<BlockStore, 'put' | 'unpin' | 'sync' | 'distrust'>
  readonly source: BlockSource
  readonly clock: Clock
  readonly prove: Prove
  /** The owner of a member. */
  readonly ownerOf: (device: DeviceId) => OwnerId | undefined
  /** Sends a message; never fails. */
  readonly say: (to: DeviceId, body: HoldsMessageBody) => void
}

interface Queue {
  waiting: number
  tail: Promise<void>
}

export class Prover {
  readonly #options: ProverOptions
  readonly #queues = new Map<DeviceId, Queue>()
  readonly #proving = new Limiter(1)
  #warnedMs = Number.NEGATIVE_INFINITY
  #restUntilMs = Number.NEGATIVE_INFINITY
  readonly #mends = new Map<Cid, Promise<void>>()
  readonly #mending = new Limiter(1)
  readonly #stopping = new AbortController()

  constructor(options: ProverOptions) {
    this.#options = options
  }

  /** Takes challenges in, to be answered when their turn comes. */
  take(from: DeviceId, nonce: Buffer, challenges: readonly StorageChallenge[]): void {
    const queue = this.#queues.get(from) ?? { waiting: 0, tail: Promise.resolve() }
    if (queue.waiting >= WAITING_MAX) {
      const answers = challenges.map((challenge) => refusal(challenge, 'unavailable'))
      this.#options.say(from, { kind: 'proof', nonce, answers })
      return
    }
    queue.waiting++
    this.#queues.set(from, queue)
    queue.tail = queue.tail
      .then(() => this.#serve(from, nonce, challenges))
      .finally(() => {
        if (--queue.waiting === 0) this.#queues.delete(from)
      })
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all([...this.#queues.values()].map(({ tail }) => tail))
    await Promise.all(this.#mends.values())
  }

  /** Never fails. */
  async #serve(from: DeviceId, nonce: Buffer, challenges: readonly StorageChallenge[]): Promise<void> {
    const { say, clock } = this.#options
    let [answers, bytes, sinceMs]: [ProofAnswer[], number, number] = [[], 0, clock.now()]
    const flush = () => {
      if (answers.length > 0) say(from, { kind: 'proof', nonce, answers })
      ;[answers, bytes, sinceMs] = [[], 0, clock.now()]
    }
    for (const challenge of challenges) {
      const answer = await this.#answer(from, challenge)
      if (bytes + bytesOfAnswer(answer) > ANSWER_BYTES_MAX) flush()
      answers.push(answer)
      bytes += bytesOfAnswer(answer)
      if (clock.now() - sinceMs >= FLUSH_MS) flush()
    }
    flush()
  }

  async #answer(from: DeviceId, challenge: StorageChallenge): Promise<ProofAnswer> {
    const { ledger, prove } = this.#options
    if (this.#stopping.signal.aborted) return refusal(challenge, 'unavailable')
    try {
      const { bytes } = readRecord(ledger, challenge.cid)
      if (!this.#isPromised(from, challenge.cid)) return refusal(challenge, 'no-such-hold')
      try {
        const proof = await this.#proving.run(() => this.#restfully(() => prove(challenge)))
        return { digest: digestOfCid(challenge.cid), proof }
      } catch (error) {
        const kind = kindOf(error)
        if (kind !== 'corrupt' && kind !== 'not-found') throw error
        // Of a block that has another length than is asked about nothing is known.
        if (bytes === challenge.blockBytes) this.#mendLater({ cid: challenge.cid, bytes })
        return refusal(challenge, 'no-block')
      }
    } catch (error) {
      log('%s: no proof: %s', challenge.cid, describeError(error))
      return refusal(challenge, 'unavailable')
    }
  }

  /** To a device of the owner that asks. Fails as the ledger. */
  #isPromised(from: DeviceId, cid: Cid): boolean {
    const owner = this.#options.ownerOf(from)
    const { promises } = readRecord(this.#options.ledger, cid).record
    return owner !== undefined && promises.some((promise) => promise.owner === owner)
  }

  async #restfully<T>(work: () => Promise<T>): Promise<T> {
    const { clock } = this.#options
    const restMs = this.#restUntilMs - clock.now()
    if (restMs > 0) await new Promise<void>((resolve) => void clock.after(restMs, resolve))
    const beganMs = clock.now()
    try {
      return await work()
    } finally {
      const now = clock.now()
      this.#restUntilMs = now + Math.min(REST_MS_MAX, RESTS * (now - beganMs))
    }
  }

  #mendLater(block: BlockSize): void {
    const { cid } = block
    if (this.#mends.has(cid) || this.#mends.size >= MENDS_MAX) return
    log('%s was promised, and is damaged or missing', cid)
    if (this.#options.clock.now() - this.#warnedMs >= WARN_MS) {
      this.#warnedMs = this.#options.clock.now()
      warn('blocks that were promised to others are damaged or missing here, and are fetched again; see "dfs verify"')
    }
    const mend = this.#mending
      .run(() => this.#mend(block))
      .catch((error) => log('%s is not mended: %s', cid, describeError(error)))
      .finally(() => this.#mends.delete(cid))
    this.#mends.set(cid, mend)
  }

  async #mend(block: BlockSize): Promise<void> {
    const { store, ledger } = this.#options
    const { signal } = this.#stopping
    if (signal.aborted || readRecord(ledger, block.cid).record.promises.length === 0) return
    store.distrust(block.cid)
    await pullBlock(block, this.#options, signal)
    try {
      await store.sync([block.cid])
    } finally {
      store.unpin(block.cid)
    }
  }
}

function refusal({ cid }: StorageChallenge, reason: RefusalReason): ProofAnswer {
  return { digest: digestOfCid(cid), reason }
}
