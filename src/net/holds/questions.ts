/**
 * Deleting this device's copies, and letting holders go where there is no copy: asks the holders for new holds, counts
 * what comes, and ends each question one way or the other. What is allowed, `evicting.ts` says.
 */
import { Slices } from '../../concurrency/slices.ts'
import type { Cid } from '../../dfs.ts'
import type { Clock } from '../exchange/clock.ts'
import { Answers } from './answers.ts'
import { areEnough } from './counting.ts'
import type { BlockInput, HoldDriver } from './driver.ts'
import { isReady } from './evicting.ts'
import type { EvictOutcome } from './hold-service.ts'
import { newNonce } from './nonce.ts'
import { forPieces } from './pieces.ts'
import type { DeviceId, Incarnation, Nonce } from './state.ts'

/** Without a word from any holder that was asked. */
const QUIET_MS = 30_000
/** So long the last of the holders may take once there are enough of them. */
const LULL_MS = 1_000

export interface QuestionsOptions {
  readonly driver: HoldDriver
  readonly clock: Clock
  readonly quietMs?: number | undefined
}

export class Questions {
  readonly #options: QuestionsOptions
  readonly #open = new Map<Nonce, Answers<EvictOutcome>>()
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
      const outcomes = await forPieces(distinct, (piece) => this.#runPiece(piece, letGo, signal))
      return new Map([...outcomes, ...busy.map((cid) => [cid, 'busy'] as const)])
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

  /** Something was answered to the question of this nonce. */
  async heard(nonce: Nonce, cids: readonly Cid[]): Promise<void> {
    const answers = this.#open.get(nonce)
    if (answers === undefined) return
    answers.progress()
    await this.#decide(answers, nonce, cids, false)
  }

  async #runPiece(
    cids: readonly Cid[],
    letGo: DeviceId | undefined,
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<Cid, EvictOutcome>> {
    const { driver, clock, quietMs = QUIET_MS } = this.#options
    const nonce = newNonce()
    const answers = new Answers<EvictOutcome>({ cids, clock, quietMs, signal })
    this.#open.set(nonce, answers)
    const endLull = this.#watchLull(answers, nonce)
    try {
      this.#watch(cids)
      const command =
        letGo === undefined
          ? ({ kind: 'evict', nonce } as const)
          : ({ kind: 'hand-over', holder: letGo, nonce } as const)
      for (const [at, { refused, failed }] of (await driver.command(cids, command)).entries()) {
        if (failed !== undefined) throw failed
        if (refused !== undefined) answers.settle(cids[at]!, refused)
      }
      this.#watch(cids)
      await answers.ended
      await this.#decide(answers, nonce, [...answers.pending], true)
      return answers.settled
    } finally {
      endLull()
      this.#open.delete(nonce)
      await this.#giveUp(nonce, cids)
      this.#unwatch(cids)
    }
  }

  /** Ends the questions that can be: those of which all is answered, or nothing more is waited for (`isLast`). */
  async #decide(answers: Answers<EvictOutcome>, nonce: Nonce, cids: readonly Cid[], isLast: boolean): Promise<void> {
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
        if (isAnswered) ready.push(cid)
      } else if (!areEnough(holders, view)) answers.settle(cid, 'too-few-holders')
      else if (isLast) answers.settle(cid, 'unreachable')
    }
    for (const [at, { refused, failed }] of (await driver.command(ready, { kind: 'finish' })).entries()) {
      if (failed !== undefined && failed.kind !== 'busy') answers.fail(failed)
      else answers.settle(ready[at]!, failed === undefined ? (refused ?? 'evicted') : 'in-use')
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
  #watchLull(answers: Answers<EvictOutcome>, nonce: Nonce): () => void {
    let seen = new Set<Cid>()
    let callOff = () => {}
    const look = () => {
      callOff = this.#options.clock.after(LULL_MS, look)
      try {
        const ready = [...answers.pending].filter((cid) => this.#isReady(cid))
        const since = ready.filter((cid) => seen.has(cid))
        seen = new Set(ready)
        this.#decide(answers, nonce, since, true).catch((error) => answers.fail(error))
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
