/**
 * Which files become versions when another device's change takes them away.
 *
 * By the time of their last change here most would count as too young: they came from another device a moment ago. So what
 * is replaced is kept, though of what only other devices write one version a minute; what is removed is kept as it would have
 * been where it was changed last.
 */
import { Lru } from '../concurrency/lru.ts'
import type { StubFile } from './stub-file.ts'
import { OVERWRITTEN_EVERY_MS, type Versions } from './versions.ts'

interface Brought {
  /** Of the content that came: what has another was changed here since. */
  readonly mtimeNs: bigint
  /** When the last version was kept, in ms of the monotonic clock. */
  readonly keptAt: number
}

/** Forgetting one costs a version too many. */
const REMEMBERED_MAX = 10_000

export class OutsideKeeping {
  readonly #versions: Pick<Versions, 'isOldEnough' | 'whileDecided'>
  readonly #nowMs: () => number
  /** By file id. */
  readonly #brought = new Lru<string, Brought>({ weightMax: REMEMBERED_MAX, weigh: () => 1 })

  constructor(versions: Pick<Versions, 'isOldEnough' | 'whileDecided'>, nowMs = () => performance.now()) {
    this.#versions = versions
    this.#nowMs = nowMs
  }

  /** Does what puts content of this time in the file's place. */
  whileReplacing(file: StubFile, mtimeNs: bigint, replace: () => void): void {
    const key = file.fileId.toString('hex')
    const last = this.#brought.get(key)
    const nowMs = this.#nowMs()
    const isAsBrought = last?.mtimeNs === file.mtimeNs
    const isKept = !isAsBrought || nowMs - last.keptAt >= OVERWRITTEN_EVERY_MS
    this.#versions.whileDecided(file, isKept, replace)
    this.#brought.set(key, { mtimeNs, keptAt: isKept ? nowMs : last.keptAt })
  }

  /** Does what takes a name of the file away. */
  whileRemoving(file: StubFile, remove: () => void): void {
    const isKept = [file.mtimeNs, file.ctimeNs].some((changedNs) => this.#versions.isOldEnough(changedNs))
    this.#versions.whileDecided(file, isKept, remove)
  }
}
