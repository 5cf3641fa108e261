/**
 * The lender's policy: what is taken in for others, in which order, and who is asked to leave when there is no room.
 *
 * Invariants: a hold is given only of a block that is here, durable and pinned from before it is looked at until the
 * promise is durable; each device has a bounded number of requests here, which wait for no other device's, and one that
 * comes again meanwhile changes nothing.
 */
import { Limiter } from '../../concurrency/limiter.ts'
import type { Cid } from '../../dfs.ts'
import type { RefusalReason } from '../../format/hold-message.ts'
import type { HoldDriver, Outcome, Outgoing } from './driver.ts'
import type { BlockSize } from './hold-service.ts'
import { type HoldLedger, readRecord } from './ledger.ts'
import type { Party } from './messages.ts'
import { PIECE_BLOCKS } from './pieces.ts'
import type { Room } from './room.ts'
import type { DeviceId, Incarnation, Nonce, OwnerId } from './state.ts'
import { Taking, type TakingParts } from './taking.ts'

/** Messages of one device that wait. */
const WAITING_MAX = 8
/** Of one device: while what one request brought is made durable, the blocks of the next one are pulled. */
const SERVED_AT_ONCE = 2
/** Of one device at a time. */
const PULLS_MAX = 8
/** Looking through all that was promised costs a while: it is not done more often. */
const TIDY_MS_MIN = 60_000

export interface LenderOptions extends Omit<TakingParts, 'driver'> {
  readonly driver: HoldDriver
  readonly ledger: HoldLedger
  readonly room: Room
  readonly party: Party
  readonly send: (messages: readonly Outgoing[]) => void
  readonly onError: (error: unknown) => void
}

/** A device, and the run in which it speaks. */
export interface Speaker {
  readonly from: DeviceId
  readonly incarnation: Incarnation
}

interface Request {
  readonly blocks: readonly BlockSize[]
  readonly isWanted: (block: BlockSize) => boolean
  readonly pulls: Limiter
}

/** Of one device. */
class Queue {
  /** What the messages ask for that wait or are being served, as `keyOf` names it, and is not called off; and when that is done. */
  readonly waiting = new Map<Set<string>, Promise<void>>()
  readonly serving = new Limiter(SERVED_AT_ONCE)
  /** Earlier requests come first. */
  readonly pulls = new Limiter(PULLS_MAX)
}

export class Lender {
  readonly #options: LenderOptions
  readonly #queues = new Map<DeviceId, Queue>()
  readonly #stopping = new AbortController()
  #tidying: Promise<void> | undefined
  #tidiedMs = Number.NEGATIVE_INFINITY

  constructor(options: LenderOptions) {
    this.#options = options
  }

  /** Takes a request in, to be answered when its turn comes. */
  request({ from, incarnation }: Speaker, nonce: Nonce, blocks: readonly BlockSize[]): void {
    const queue = this.#queues.get(from) ?? new Queue()
    const isNew = (key: string) => !queue.waiting.keys().some((asked) => asked.has(key))
    const fresh = blocks.filter(({ cid }) => isNew(keyOf(nonce, cid)))
    if (fresh.length === 0) return
    if (queue.waiting.size >= WAITING_MAX) {
      this.#refuse(from, nonce, fresh, 'unavailable')
      return
    }
    this.#queues.set(from, queue)
    const asked = new Set(fresh.map(({ cid }) => keyOf(nonce, cid)))
    const isWanted = ({ cid }: BlockSize) => asked.has(keyOf(nonce, cid))
    const served = queue.serving
      .run(() => this.#serve({ from, incarnation }, nonce, { blocks: fresh, isWanted, pulls: queue.pulls }))
      .catch((error) => {
        this.#options.onError(error)
        this.#refuse(from, nonce, fresh, 'unavailable')
      })
      .finally(() => {
        queue.waiting.delete(asked)
        if (queue.waiting.size === 0) this.#queues.delete(from)
      })
    queue.waiting.set(asked, served)
  }

  /**
   * The device needs no hold of this nonce any more. What was asked of it and is not promised yet will not be: nobody would know
   * of that promise. To be said before the machine hears of the release.
   */
  callOff(from: DeviceId, nonce: Nonce, cid: Cid): void {
    const waiting = this.#queues.get(from)?.waiting.keys() ?? []
    for (const asked of waiting) asked.delete(keyOf(nonce, cid))
  }

  /** Releases were taken: what is here for others alone, and promised to nobody any more, goes at once. */
  async released(cids: readonly Cid[], outcomes: readonly Outcome[]): Promise<void> {
    const idle = cids.filter((_, at) => {
      const { now } = outcomes[at]!
      return now?.isForeign && now.record.promises.length === 0
    })
    // Refused, it was promised anew meanwhile; in use, a garbage collection finds it later.
    await this.#options.driver.command(new Set(idle), { kind: 'drop' }, { isNeeded: false })
  }

  /** Brings what is held within the offer, if it is not: forgets what it may, and asks others to leave. */
  async keepWithin(): Promise<void> {
    if (this.#options.room.excessBytes > 0) await this.#makeRoom(this.#options.room.excessBytes)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all([...this.#queues.values()].flatMap(({ waiting }) => [...waiting.values()]))
    await this.#tidying
  }

  async #serve({ from, incarnation }: Speaker, nonce: Nonce, { blocks, isWanted, pulls }: Request): Promise<void> {
    const { room, party } = this.#options
    await room.look()
    const owner = party.ownerOf(from)
    if (owner === undefined) {
      this.#refuse(from, nonce, blocks, 'no-member')
      return
    }
    const [taken, refused] = [new Map<BlockSize, number>(), [] as BlockSize[]]
    for (const block of blocks) {
      const needed = this.#neededFor(block)
      if (room.reserve(needed)) taken.set(block, needed)
      else refused.push(block)
    }
    if (refused.length > 0) this.#refuse(from, nonce, refused, 'no-space')
    const { signal } = this.#stopping
    const taking = new Taking(this.#options, {
      from,
      incarnation,
      nonce,
      isForeign: owner !== party.owner,
      isWanted,
      pulls,
      signal,
      onSettled: (block) => room.settle(taken.get(block)!),
    })
    const failed = await taking.run([...taken.keys()])
    for (const [reason, those] of failed) this.#refuse(from, nonce, those, reason)
    if (refused.length > 0 && room.isBelowShare(owner)) {
      void this.#makeRoomSoon(
        refused.reduce((sum, { bytes }) => sum + bytes, 0),
        owner,
      )
    }
  }

  /** What a promise of the block takes of the offer. */
  #neededFor({ cid, bytes }: BlockSize): number {
    const { record } = readRecord(this.#options.ledger, cid)
    return record.promises.length > 0 ? 0 : bytes
  }

  #refuse(to: DeviceId, nonce: Nonce, blocks: Iterable<BlockSize>, reason: RefusalReason): void {
    const message = { kind: 'refusal', nonce, reason } as const
    this.#options.send([...blocks].map(({ cid, bytes }) => ({ to, cid, bytes, message })))
  }

  async #makeRoomSoon(bytes: number, owner: OwnerId): Promise<void> {
    const { clock, onError } = this.#options
    if (this.#tidying !== undefined || clock.now() - this.#tidiedMs < TIDY_MS_MIN) return
    this.#tidiedMs = clock.now()
    this.#tidying = this.#makeRoom(bytes, owner)
      .catch(onError)
      .finally(() => (this.#tidying = undefined))
    await this.#tidying
  }

  /** Forgets what is over; of those who have more than their share, asks for as much to be taken elsewhere. */
  async #makeRoom(bytes: number, ...owners: readonly OwnerId[]): Promise<void> {
    const { ledger, driver, room } = this.#options
    const over = room.overShare(...owners)
    let wanted = bytes
    let piece: Cid[] = []
    const goOn = async () => {
      const outcomes = await driver.command(piece, { kind: 'forget-expired' })
      await this.released(piece, outcomes)
      const leaving: Cid[] = []
      for (const [at, { now }] of outcomes.entries()) {
        const owners = new Set(now?.record.promises.map(({ owner }) => owner))
        if (now === undefined || wanted <= 0) continue
        if (owners.size === 0) wanted -= now.bytes
        const isOver = owners.size > 0 && [...owners].every((owner) => (over.get(owner) ?? 0) > 0)
        if (!isOver) continue
        for (const owner of owners) over.set(owner, over.get(owner)! - now.bytes)
        wanted -= now.bytes
        leaving.push(piece[at]!)
      }
      await driver.command(leaving, { kind: 'ask-to-leave' })
      piece = []
    }
    for await (const cid of ledger.promised()) {
      if (this.#stopping.signal.aborted) return
      if (piece.push(cid) === PIECE_BLOCKS) await goOn()
      if (wanted <= 0) break
    }
    await goOn()
  }
}

/** Names what one request asks of one block. */
function keyOf(nonce: Nonce, cid: Cid): string {
  return `${nonce} ${cid}`
}
