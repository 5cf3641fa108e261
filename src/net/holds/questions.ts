/**
 * Deleting this device's copies, letting holders go where there is no copy, and counting on holders of shards: asks them for
 * new holds, counts what comes, and ends each question one way or the other. What is allowed, `evicting.ts` says.
 */
import { Slices } from '../../concurrency/slices.ts'
import type { Cid } from '../../dfs.ts'
import type { Clock } from '../exchange/clock.ts'
import { Answers } from './answers.ts'
import { areEnough } from './counting.ts'
import type { BlockInput, HoldDriver, Outgoing } from './driver.ts'
import { countedHolders, isReady } from './evicting.ts'
import type { EvictOutcome, HolderTrust } from './hold-service.ts'
import { newNonce } from './nonce.ts'
import { forPieces } from './pieces.ts'
import type { DeviceId, Incarnation, Nonce } from './state.ts'
import type { Command } from './transition.ts'

/** Without a word from any holder that was asked. */
const QUIET_MS = 30_000
/** So long the last of the holders may take once there are enough of them. */
const LULL_MS = 1_000

export interface QuestionsOptions {
  readonly driver: HoldDriver
  readonly clock: Clock
  readonly send: (messages: readonly Outgoing[]) => void
  readonly quietMs?: number | undefined
  /** See `HolderTrust`. */
  readonly freshen: HolderTrust['freshen']
}

interface PieceOptions {
  readonly command: (nonce: Nonce) => Command
  readonly signal?: AbortSignal | undefined
  /** Of `rely`: nothing more is waited for. */
  readonly onAnswered?: (nonce: Nonce) => Promise<void>
}

interface Open {
  readonly answers: Answers<EvictOutcome>
  /** Of `rely`: those of which enough holders gave new holds. They stay open until all are there. */
  readonly ready: Set<Cid> | undefined
}

export class Questions {
  readonly #options: QuestionsOptions
  readonly #open = new Map<Nonce, Open>()
  readonly #underWay = new Set<Cid>()
  readonly #slices = new Slices()
  /** Blocks with a question under way, by whom it may ask; and the run in which that was last heard of. */
  readonly #watched = new Map<DeviceId, Map<Cid, Incarnation | undefined>>()

  constructor(options: QuestionsOptions) {
    this.#options = options
  }

  /** `evicted` says of a hand-over that the holder was let go. Fails with `aborted`; what was not done then is given up. */
  async run(
    cids: readonly Cid[],
    { letGo, signal }: { letGo?: DeviceId; signal?: AbortSignal | undefined } = {},
  ): Promise<Map<Cid, EvictOutcome>> {
    const [busy, distinct] = partition(new Set(cids), (cid) => this.#underWay.has(cid))
    for (const cid of distinct) this.#underWay.add(cid)
    try {
      const command = (nonce: Nonce): Command =>
        letGo === undefined ? { kind: 'evict', nonce } : { kind: 'hand-over', holder: letGo, nonce }
      const outcomes = await forPieces(distinct, (piece) => this.#runPiece(piece, { command, signal }))
      return new Map([...outcomes, ...busy.map((cid) => [cid, 'busy'] as const)])
    } finally {
      for (const cid of distinct) this.#underWay.delete(cid)
    }
  }

  /**
   * Asks the holders of these shards, no more than fit into a message, for new holds to count on, and calls back while the
   * questions are open: `isReady` tells of each, at that moment, whether enough of its holders can be counted on. Fails as
   * the callback does, and with `aborted`.
   */
  async rely<T>(
    cids: readonly Cid[],
    onAnswered: (counted: (cid: Cid) => readonly DeviceId[]) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const distinct = [...new Set(cids)].filter((cid) => !this.#underWay.has(cid))
    for (const cid of distinct) this.#underWay.add(cid)
    const { driver } = this.#options
    const result = Promise.withResolvers<T>()
    result.promise.catch(() => {})
    try {
      await this.#runPiece(distinct, {
        command: (nonce) => ({ kind: 'rely', nonce }),
        signal,
        onAnswered: async (nonce) => {
          const counted = (cid: Cid) => {
            const state = driver.stateOf(cid)
            const isAsked = state.memory.question?.nonce === nonce
            return isAsked && isReady(state, driver.viewOf(cid)) ? countedHolders(state, driver.viewOf(cid)) : []
          }
          result.resolve(await onAnswered(counted))
        },
      })
      return await result.promise
    } finally {
      for (const cid of distinct) this.#underWay.delete(cid)
    }
  }

  /** A device speaks in this run: what every open question that asks it has to hear. */
  inputsOnHearing(from: DeviceId, incarnation: Incarnation): BlockInput[] {
    const watched = this.#watched.get(from)
    if (watched === undefined) return []
    const inputs: BlockInput[] = []
    for (const [cid, told] of watched) {
      if (told === incarnation) continue
      watched.set(cid, incarnation)
      inputs.push({ cid, input: { kind: 'heard', from, incarnation } })
    }
    return inputs
  }

  /** The device is connected: what it did not answer is asked again, for it may not have heard it. */
  repeat(holder: DeviceId): void {
    for (const [nonce, { answers }] of this.#open) this.#repeat(answers, nonce, holder)
  }

  /** Something was answered to the question of this nonce. */
  async heard(nonce: Nonce, cids: readonly Cid[]): Promise<void> {
    const open = this.#open.get(nonce)
    if (open === undefined) return
    open.answers.progress()
    await this.#decide(open, nonce, cids, false)
  }

  async #runPiece(
    cids: readonly Cid[],
    { command, signal, onAnswered }: PieceOptions,
  ): Promise<ReadonlyMap<Cid, EvictOutcome>> {
    const { driver, clock, quietMs = QUIET_MS, freshen } = this.#options
    await freshen(this.#holdings(cids), signal)
    const nonce = newNonce()
    const again = () => this.#repeat(answers, nonce)
    const answers: Answers<EvictOutcome> = new Answers({ cids, clock, quietMs, again, signal })
    const open: Open = { answers, ready: onAnswered && new Set() }
    this.#open.set(nonce, open)
    const endLull = this.#watchLull(open, nonce)
    try {
      this.#watch(cids)
      for (const [at, { refused, failed }] of (await driver.command(cids, command(nonce))).entries()) {
        if (failed !== undefined) throw failed
        if (refused !== undefined) answers.settle(cids[at]!, refused)
      }
      this.#watch(cids)
      await answers.ended
      await this.#decide(open, nonce, [...answers.pending], true)
      await onAnswered?.(nonce)
      await driver.command([...(open.ready ?? [])], { kind: 'finish' })
      return answers.settled
    } finally {
      endLull()
      this.#open.delete(nonce)
      await this.#giveUp(nonce, cids)
      this.#unwatch(cids)
    }
  }

  /** Who is bound to hold which of these, as far as enough are by the record. */
  #holdings(cids: readonly Cid[]): Map<DeviceId, Cid[]> {
    const { driver } = this.#options
    const holdings = new Map<DeviceId, Cid[]>()
    for (const cid of cids) {
      const bound = driver.stateOf(cid).record.holds.filter(({ status }) => status === 'held')
      const holders = new Set(bound.map(({ holder }) => holder))
      if (!areEnough(holders, driver.viewOf(cid))) continue
      for (const holder of holders) {
        const those = holdings.get(holder)
        if (those === undefined) holdings.set(holder, [cid])
        else those.push(cid)
      }
    }
    return holdings
  }

  /** Ends the questions that can be: those of which all is answered, or nothing more is waited for (`isLast`). */
  async #decide({ answers, ready: kept }: Open, nonce: Nonce, cids: readonly Cid[], isLast: boolean): Promise<void> {
    const { driver } = this.#options
    const ready: Cid[] = []
    for (const cid of cids) {
      await this.#slices.next()
      if (!answers.pending.has(cid)) continue
      const state = driver.stateOf(cid)
      const view = driver.viewOf(cid)
      const { question } = state.memory
      if (question?.nonce !== nonce) continue
      const isAnswered = isLast || question.asked.every(({ confirmed }) => confirmed)
      const holders = question.asked.map(({ holder }) => holder)
      if (isReady(state, view)) {
        if (isAnswered && kept !== undefined) {
          kept.add(cid)
          answers.settle(cid, 'evicted')
        } else if (isAnswered) ready.push(cid)
      } else if (!areEnough(holders, view)) answers.settle(cid, 'too-few-holders')
      else if (isLast) answers.settle(cid, 'unreachable')
    }
    for (const [at, { refused, failed }] of (await driver.command(ready, { kind: 'finish' })).entries()) {
      if (failed !== undefined && failed.kind !== 'busy') answers.fail(failed)
      else answers.settle(ready[at]!, failed === undefined ? (refused ?? 'evicted') : 'in-use')
    }
  }

  /** Asks those again who did not answer, or one of them. Never fails. */
  #repeat(answers: Answers<EvictOutcome>, nonce: Nonce, only?: DeviceId): void {
    const { driver, send } = this.#options
    const message = { kind: 'request', nonce } as const
    try {
      const outgoing = [...answers.pending].flatMap((cid) => {
        const { question } = driver.stateOf(cid).memory
        const asked = question?.nonce === nonce ? question.asked : []
        const silent = asked.filter(({ holder, confirmed }) => !confirmed && holder === (only ?? holder))
        return silent.map(({ holder }) => ({ to: holder, cid, bytes: driver.bytesOf(cid), message }))
      })
      send(outgoing)
    } catch (error) {
      answers.fail(error as Error)
    }
  }

  /** Of what is not done. Never fails. */
  async #giveUp(nonce: Nonce, cids: readonly Cid[]): Promise<void> {
    const { driver } = this.#options
    const isOpen = (cid: Cid) => {
      try {
        const { record, memory } = driver.stateOf(cid)
        return memory.question === undefined ? record.evicting : memory.question.nonce === nonce
      } catch {
        return false
      }
    }
    await driver.command(cids.filter(isOpen), { kind: 'give-up' })
  }

  /** Once there are enough holders the others are waited for only a while. Gives what ends that. */
  #watchLull(open: Open, nonce: Nonce): () => void {
    const { answers } = open
    let seen = new Set<Cid>()
    let callOff = () => {}
    const look = () => {
      callOff = this.#options.clock.after(LULL_MS, look)
      try {
        const ready = [...answers.pending].filter((cid) => this.#isReady(cid))
        const since = ready.filter((cid) => seen.has(cid))
        seen = new Set(ready)
        this.#decide(open, nonce, since, true).catch((error) => answers.fail(error))
      } catch (error) {
        answers.fail(error as Error)
      }
    }
    callOff = this.#options.clock.after(LULL_MS, look)
    return () => callOff()
  }

  #isReady(cid: Cid): boolean {
    const { driver } = this.#options
    return isReady(driver.stateOf(cid), driver.viewOf(cid))
  }

  #watch(cids: readonly Cid[]): void {
    for (const cid of cids) {
      for (const { holder } of this.#options.driver.stateOf(cid).record.holds) {
        const watched = this.#watched.get(holder) ?? new Map()
        if (!watched.has(cid)) watched.set(cid, undefined)
        this.#watched.set(holder, watched)
      }
    }
  }

  #unwatch(cids: readonly Cid[]): void {
    for (const [holder, watched] of this.#watched) {
      for (const cid of cids) watched.delete(cid)
      if (watched.size === 0) this.#watched.delete(holder)
    }
  }
}

function partition<T>(items: Iterable<T>, isFirst: (item: T) => boolean): [first: T[], rest: T[]] {
  const [first, rest]: [T[], T[]] = [[], []]
  for (const item of items) (isFirst(item) ? first : rest).push(item)
  return [first, rest]
}
