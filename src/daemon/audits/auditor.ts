/**
 * Has holders prove, now and then and before anything is deleted on their word, that they keep what they promised; and sees
 * to it that those who do not are replaced.
 *
 * Invariants: nobody counts for a deletion who failed and did not recover, or proved nothing lately; what regular audits
 * cost is bounded (`audit-budget.ts`) and remembered before it is spent; silence alone makes nobody fail, and only running
 * time makes anybody be replaced for it, while others are there.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Limiter } from '../../concurrency/limiter.ts'
import type { Cid } from '../../dfs.ts'
import { describeError, kindOf } from '../../errors.ts'
import { logger, warn } from '../../log.ts'
import type { AuditOutcome, HolderAudits, HolderTrust } from '../../net/holds/hold-service.ts'
import type { DeviceId } from '../../net/holds/state.ts'
import type { RunningClock } from '../../store/running-time.ts'
import { accrued, affordable, type Holding, meanCost, spent } from './audit-budget.ts'
import { RandomFew } from './random-few.ts'
import { FRESH_MS, type Standings } from './standings.ts'
import { countOutcomes, isClean, isTooMany } from './verdict.ts'

const log = logger('audits')

export interface AuditorOptions {
  readonly audits: HolderAudits
  readonly standings: Standings
  readonly clock: RunningClock
  readonly isMember: (device: DeviceId) => boolean
  /** Members that are connected now. */
  readonly connected: () => readonly DeviceId[]
  /** A holder that is silent for longer is replaced. */
  readonly awayMs: () => number
  readonly times?: Partial<AuditorTimes>
}

export interface AuditorTimes {
  readonly firstMs: number
  readonly everyMs: number
  /** After something new was given to a holder. */
  readonly soonMs: number
}

const TIMES: AuditorTimes = { firstMs: 60_000, everyMs: 600_000, soonMs: 60_000 }
const HOLDERS_AT_ONCE = 4
/** Of one holder in one round. */
const ROUND_BLOCKS_MAX = 256
/** What a deletion needs to be proven of a holder, if it holds so many; and how many it is asked for then. */
const PROOF_BLOCKS = 8
const PROOF_SAMPLE = 16
/** Of the blocks that are about to be deleted, each time. */
const DELETED_SAMPLE = 4
/** Of newly given ones. */
const GIVEN_SAMPLE = 16
/** Of a holder that failed. */
const SUSPECT_SAMPLE = 64
/** A holder that comes back after so long is asked at once. */
const LONG_MS = FRESH_MS
/** In so many rounds in a row somebody was there before anybody is taken for away: right after a start nobody is. */
const ROUNDS_ONLINE = 2

export class Auditor implements HolderTrust, AsyncDisposable {
  readonly #options: AuditorOptions
  readonly #times: AuditorTimes
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  readonly #works = new Set<Promise<void>>()
  readonly #freshening = new Map<DeviceId, Promise<void>>()
  readonly #investigating = new Map<DeviceId, Promise<void>>()
  readonly #given = new Map<DeviceId, RandomFew<Cid>>()
  #roundsOnline = 0

  constructor(options: AuditorOptions) {
    this.#options = options
    this.#times = { ...TIMES, ...options.times }
    this.#running = this.#runAlways()
  }

  isProven(device: DeviceId): boolean {
    return this.#options.standings.isProven(device)
  }

  /** Whether nothing is to be given to the device now. */
  isBarred(device: DeviceId): boolean {
    return this.#options.standings.isBarred(device)
  }

  async freshen(holdings: ReadonlyMap<DeviceId, readonly Cid[]>, signal?: AbortSignal): Promise<void> {
    await Promise.all([...holdings].map(([holder, cids]) => this.#freshenOne(holder, cids, signal)))
  }

  /** Audits what a person asks for, whatever it costs. Fails with `aborted`, and as the ledger. */
  async audit(holder: DeviceId, cids: readonly Cid[], signal?: AbortSignal): Promise<ReadonlyMap<Cid, AuditOutcome>> {
    const outcomes = await this.#options.audits.audit(holder, cids, signal)
    await this.#take(holder, outcomes, PROOF_BLOCKS)
    return outcomes
  }

  /** The device is bound to hold these from now on: some of them are asked for soon, and if it was barred meanwhile, none counts. */
  noteGiven(holder: DeviceId, cids: Iterable<Cid>): void {
    if (this.isBarred(holder)) this.#begin(this.#options.audits.doubt(holder, this.#stopping.signal))
    if (this.#given.size === 0) this.#begin(this.#auditGivenSoon())
    const given = this.#given.get(holder) ?? new RandomFew<Cid>(GIVEN_SAMPLE)
    for (const cid of cids) given.add(cid)
    this.#given.set(holder, given)
  }

  /** The device is connected. */
  memberCame(device: DeviceId): void {
    const { standings, clock } = this.#options
    const { isAway, answeredMs } = standings.of(device)
    if (!standings.all.has(device)) return
    if (isAway) standings.change(device, { isAway: false, answeredMs: clock.nowMs() })
    if (isAway || clock.nowMs() - answeredMs > LONG_MS) this.#begin(this.#auditSome(device, PROOF_SAMPLE))
  }

  /** One round over all holders, as it is done now and then. Fails as the ledger. */
  async round(): Promise<void> {
    const { audits, standings, isMember, connected } = this.#options
    const doubted = [...standings.all].filter(([, { isSuspect, isAway }]) => isSuspect || isAway)
    const known = new Set([...(await audits.holders()), ...doubted.map(([device]) => device)])
    const holders = [...known].filter(isMember)
    this.#roundsOnline = connected().length > 0 ? this.#roundsOnline + 1 : 0
    const limiter = new Limiter(HOLDERS_AT_ONCE)
    await Promise.all(holders.map((holder) => limiter.run(() => this.#lookAt(holder))))
    standings.retain(new Set(holders))
    await this.#save()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    await this.#running
    await Promise.all(this.#works)
    await this.#save()
  }

  async #runAlways(): Promise<void> {
    for (let pauseMs = this.#times.firstMs; await this.#rest(pauseMs); pauseMs = this.#times.everyMs) {
      await this.#untilStopped(this.round())
    }
  }

  async #lookAt(holder: DeviceId): Promise<void> {
    const { audits, standings, connected, clock } = this.#options
    const holding = await audits.sample(holder, 1)
    const isThere = connected().includes(holder)
    const isBarred = standings.isBarred(holder)
    const { isSuspect, isAway } = standings.of(holder)
    if (holding.blocks === 0) {
      // Nothing is to be expected of it.
      standings.change(holder, isThere ? { answeredMs: clock.nowMs(), isAway: isAway && isBarred } : {})
      if (isSuspect && isThere && !isBarred) await this.#investigate(holder)
      return
    }
    standings.change(holder, {})
    // What a crash left, or came while it was asked for something.
    if (isBarred || isAway) return audits.doubt(holder, this.#stopping.signal)
    if (isThere && !isSuspect) await this.#auditSome(holder, ROUND_BLOCKS_MAX, holding)
    else if (isThere && this.#affordable(holder, holding) > 0) await this.#investigate(holder)
    await this.#replaceIfAway(holder)
  }

  /** Asks for as many blocks as may be asked for. */
  async #auditSome(holder: DeviceId, most: number, known?: Holding): Promise<void> {
    const { audits } = this.#options
    const holding = known ?? (await audits.sample(holder, 1))
    const count = Math.min(most, this.#affordable(holder, holding))
    if (count === 0) return
    const { cids } = await audits.sample(holder, count)
    await this.#auditCharged(holder, cids, holding)
  }

  async #auditCharged(holder: DeviceId, cids: readonly Cid[], holding: Holding, signal?: AbortSignal): Promise<void> {
    const { standings, audits } = this.#options
    standings.change(holder, { credit: spent(standings.of(holder).credit, cids.length * meanCost(holding)) })
    await this.#save()
    const outcomes = await audits.audit(holder, cids, signal ?? this.#stopping.signal)
    await this.#take(holder, outcomes, Math.min(PROOF_BLOCKS, holding.blocks))
  }

  #affordable(holder: DeviceId, holding: Holding): number {
    const { standings, clock } = this.#options
    const credit = accrued(standings.of(holder).credit, holding, clock.nowMs())
    standings.change(holder, { credit })
    return affordable(credit, holding)
  }

  /** `needed`: so many good proofs tell that the device is to be trusted. */
  async #take(holder: DeviceId, outcomes: ReadonlyMap<Cid, AuditOutcome>, needed: number): Promise<void> {
    const { standings, clock } = this.#options
    const counts = countOutcomes(outcomes)
    const { good, failed } = counts
    if (good + failed === 0) return
    const nowMs = clock.nowMs()
    const { isSuspect, failures, provenMs } = standings.of(holder)
    standings.change(holder, {
      answeredMs: nowMs,
      isSuspect: isSuspect || failed > 0,
      failures: failures + failed,
      provenMs: failed === 0 && good >= needed ? nowMs : provenMs,
    })
    if (failed > 0) {
      warn(`${holder} cannot prove that it keeps ${failed} of ${good + failed} blocks: they are copied to others`)
      await this.#save()
      this.#begin(this.#investigate(holder))
    }
  }

  async #freshenOne(holder: DeviceId, cids: readonly Cid[], signal: AbortSignal | undefined): Promise<void> {
    const { standings, audits } = this.#options
    try {
      if (standings.of(holder).isSuspect) return
      if (!standings.isProven(holder)) await this.#prove(holder)
      const few = new RandomFew<Cid>(DELETED_SAMPLE)
      for (const cid of cids) few.add(cid)
      if (standings.isProven(holder))
        await this.#auditCharged(holder, few.items, await audits.sample(holder, 1), signal)
    } catch (error) {
      if (signal?.aborted) throw error
      log('%s: %s', holder, describeError(error))
    }
  }

  /** Those who want it at once share it. */
  #prove(holder: DeviceId): Promise<void> {
    const { audits } = this.#options
    const proving =
      this.#freshening.get(holder) ??
      audits
        .sample(holder, PROOF_SAMPLE)
        .then((sample) => this.#auditCharged(holder, sample.cids, sample))
        .finally(() => this.#freshening.delete(holder))
    this.#freshening.set(holder, proving)
    return proving
  }

  async #auditGivenSoon(): Promise<void> {
    if (!(await this.#rest(this.#times.soonMs))) return
    const given = [...this.#given]
    this.#given.clear()
    for (const [holder, few] of given) {
      const holding = await this.#options.audits.sample(holder, 1)
      const cids = few.items.slice(0, this.#affordable(holder, holding))
      if (cids.length > 0) await this.#auditCharged(holder, cids, holding)
    }
  }

  /** Looks closer at a device that failed: it recovers, or is suspect still, or counts as lost. */
  #investigate(holder: DeviceId): Promise<void> {
    const work =
      this.#investigating.get(holder) ?? this.#lookCloser(holder).finally(() => this.#investigating.delete(holder))
    this.#investigating.set(holder, work)
    return work
  }

  async #lookCloser(holder: DeviceId): Promise<void> {
    const { audits, standings, clock } = this.#options
    const sample = await audits.sample(holder, SUSPECT_SAMPLE)
    const cost = sample.cids.length * meanCost(sample)
    standings.change(holder, { credit: spent(standings.of(holder).credit, cost) })
    const counts = countOutcomes(await audits.audit(holder, sample.cids, this.#stopping.signal))
    const asked = sample.cids.length
    const failures = standings.of(holder).failures + counts.failed
    standings.change(holder, { failures })
    if (isTooMany(counts, asked, failures)) await this.#lose(holder)
    else if (isClean(counts, asked) && !standings.isBarred(holder)) {
      const nowMs = clock.nowMs()
      const provenMs = counts.good > 0 ? nowMs : undefined
      standings.change(holder, { isSuspect: false, failures: 0, answeredMs: nowMs, provenMs })
    }
    await this.#save()
  }

  async #lose(holder: DeviceId): Promise<void> {
    const { audits, standings } = this.#options
    if (!standings.isBarred(holder)) standings.bar(holder)
    standings.change(holder, { failures: 0 })
    warn(`${holder} lost too much of what it was to keep: all of that is copied to others`)
    await this.#save()
    await audits.doubt(holder, this.#stopping.signal)
  }

  async #replaceIfAway(holder: DeviceId): Promise<void> {
    const { audits, standings, clock, awayMs, connected } = this.#options
    const { answeredMs, isAway } = standings.of(holder)
    if (isAway || clock.nowMs() - answeredMs < awayMs()) return
    const others = connected().filter((device) => device !== holder)
    if (others.length === 0 || this.#roundsOnline < ROUNDS_ONLINE) return
    standings.change(holder, { isAway: true })
    // It is there, and proves nothing.
    if (connected().includes(holder)) standings.bar(holder)
    warn(`${holder} was silent for too long: what it keeps is copied to others`)
    await this.#save()
    await audits.doubt(holder, this.#stopping.signal)
  }

  /** False when it is time to end. */
  async #rest(ms: number): Promise<boolean> {
    const { signal } = this.#stopping
    return delay(ms, true, { signal, ref: false }).catch(() => false)
  }

  /** Work that nobody waits for but the end. */
  #begin(work: Promise<void>): void {
    const done = this.#untilStopped(work).finally(() => this.#works.delete(done))
    this.#works.add(done)
  }

  async #untilStopped(work: Promise<void>): Promise<void> {
    await work.catch((error) => {
      if (kindOf(error) !== 'aborted' && !this.#stopping.signal.aborted) warn(`audits: ${describeError(error)}`)
    })
  }

  async #save(): Promise<void> {
    await this.#options.standings.save().catch((error) => warn(`audits are not remembered: ${describeError(error)}`))
  }
}
