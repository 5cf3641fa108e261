/**
 * What audits have shown of each holder, from one run to the next: when it proved something last, whether it failed, and
 * until when nothing is given to it. All times are of this device's running time, so that no clock that is set wrongly
 * makes anybody fail or pass.
 *
 * A checked file; its body is CBOR, a map: by device, an array of answeredMs, provenMs or null, isSuspect, failures,
 * strikes, barredUntilMs, isAway, credit bytes, credit atMs.
 */
import { decode, encode } from 'cborg'
import { Mutex } from '../../concurrency/mutex.ts'
import type { DeviceId } from '../../net/holds/state.ts'
import { type CheckedFileKind, readCheckedFile, writeCheckedFile } from '../../store/checked-file.ts'
import type { RunningClock } from '../../store/running-time.ts'
import { type Credit, firstCredit } from './audit-budget.ts'

export interface Standing {
  /** When it answered last; at first, when it was first seen. */
  readonly answeredMs: number
  /** When it last proved as much as deletions need; undefined if never. */
  readonly provenMs: number | undefined
  /** It failed, and did not recover: nothing is deleted on its word. */
  readonly isSuspect: boolean
  /** Blocks that it failed in since it was last trusted. */
  readonly failures: number
  /** How often it failed in too many. */
  readonly strikes: number
  /** Until then it is not asked for new holds. */
  readonly barredUntilMs: number
  /** It was silent for so long that what it holds is placed anew. */
  readonly isAway: boolean
  readonly credit: Credit
}

const DAY_MS = 24 * 60 * 60 * 1000
/** A proof that is older says nothing of today. */
export const FRESH_MS = DAY_MS
/** The first bar; each further one is twice as long. */
const BAR_MS_MIN = DAY_MS
const BAR_MS_MAX = 64 * DAY_MS
/** Bars that are over for so long are forgiven. */
const FORGIVEN_MS = 90 * DAY_MS

const KIND: CheckedFileKind = {
  version: 1,
  holds: 'what audits have shown',
  ifDamaged: 'all holders are audited again before anything is evicted',
}

type Entry = [number, number | null, boolean, number, number, number, boolean, number, number]

/** Where they are kept. */
export interface StandingsFile {
  /** Undefined if nothing is known. Fails with `newer-version`, `io`. */
  read(): Promise<Uint8Array | undefined>
  /** Resolves once it is durable. Fails with `no-space`, `io`. */
  write(body: Uint8Array): Promise<void>
}

export function standingsFile(file: string): StandingsFile {
  return { read: () => readCheckedFile(file, KIND), write: (body) => writeCheckedFile(file, KIND, body) }
}

export class Standings {
  readonly #file: StandingsFile
  readonly #clock: RunningClock
  readonly #standings: Map<DeviceId, Standing>
  readonly #writing = new Mutex()

  private constructor(file: StandingsFile, clock: RunningClock, standings: Map<DeviceId, Standing>) {
    this.#file = file
    this.#clock = clock
    this.#standings = standings
  }

  /** Fails with `newer-version`, `io`; what is damaged is begun anew. */
  static async open(file: StandingsFile, clock: RunningClock): Promise<Standings> {
    const body = await file.read()
    const entries = body === undefined ? [] : Object.entries(decode(body) as Record<string, Entry>)
    return new Standings(file, clock, new Map(entries.map(([device, entry]) => [device, standingOf(entry)])))
  }

  get all(): ReadonlyMap<DeviceId, Standing> {
    return this.#standings
  }

  /** Of a device that was never seen: as of one that is seen now. */
  of(device: DeviceId): Standing {
    const nowMs = this.#clock.nowMs()
    const unknown = { answeredMs: nowMs, provenMs: undefined, isSuspect: false, failures: 0, isAway: false }
    return this.#standings.get(device) ?? { ...unknown, strikes: 0, barredUntilMs: 0, credit: firstCredit(nowMs) }
  }

  change(device: DeviceId, change: Partial<Standing>): void {
    this.#standings.set(device, { ...this.of(device), ...change })
  }

  isProven(device: DeviceId): boolean {
    const { provenMs, isSuspect, isAway } = this.of(device)
    return provenMs !== undefined && !isSuspect && !isAway && this.#clock.nowMs() - provenMs < FRESH_MS
  }

  isBarred(device: DeviceId): boolean {
    return this.of(device).barredUntilMs > this.#clock.nowMs()
  }

  /** Nothing is given to the device for a while, each time for longer. */
  bar(device: DeviceId): void {
    const { strikes, barredUntilMs } = this.of(device)
    const nowMs = this.#clock.nowMs()
    const before = nowMs - barredUntilMs > FORGIVEN_MS ? 0 : strikes
    const barMs = Math.min(BAR_MS_MAX, BAR_MS_MIN * 2 ** before)
    this.change(device, { strikes: before + 1, barredUntilMs: nowMs + barMs })
  }

  /** Forgets devices that hold nothing, but for those that were barred not long ago. */
  retain(holders: ReadonlySet<DeviceId>): void {
    for (const [device, { strikes, barredUntilMs }] of this.#standings) {
      const isForgiven = strikes === 0 || this.#clock.nowMs() - barredUntilMs > FORGIVEN_MS
      if (!holders.has(device) && isForgiven) this.#standings.delete(device)
    }
  }

  /** Resolves once the file durably holds them. Fails with `no-space`, `io`. */
  save(): Promise<void> {
    return this.#writing.run(() => {
      const entries = [...this.#standings].map(([device, standing]) => [device, entryOf(standing)])
      return this.#file.write(encode(Object.fromEntries(entries)))
    })
  }
}

function entryOf(standing: Standing): Entry {
  const { answeredMs, provenMs, isSuspect, failures, strikes, barredUntilMs, isAway, credit } = standing
  return [
    answeredMs,
    provenMs ?? null,
    isSuspect,
    failures,
    strikes,
    barredUntilMs,
    isAway,
    Math.round(credit.bytes),
    credit.atMs,
  ]
}

function standingOf(entry: Entry): Standing {
  const [answeredMs, provenMs, isSuspect, failures, strikes, barredUntilMs, isAway, bytes, atMs] = entry
  const credit = { bytes, atMs }
  return { answeredMs, provenMs: provenMs ?? undefined, isSuspect, failures, strikes, barredUntilMs, isAway, credit }
}
