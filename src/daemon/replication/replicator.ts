/**
 * Copies what this device's heads refer to onto other devices, in the background.
 *
 * What each new head adds is placed as it comes. Whatever that leaves undone (an earlier run, a device that was away, one
 * that took its word back) is found by looking at all blocks of the newest head, again and again with longer pauses, until
 * none is left. So nothing needs to be remembered but up to which head all is placed, and no block starves: new ones and a
 * long search take turns, piece by piece.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Limiter } from '../../concurrency/limiter.ts'
import { Mutex } from '../../concurrency/mutex.ts'
import { describeError, kindOf } from '../../errors.ts'
import { logger, warn } from '../../log.ts'
import type { DeviceId } from '../../net/holds/state.ts'
import type { HeadBlock } from '../heads/head-keeper.ts'
import { batchesOf } from './batches.ts'
import type { HeadGiver } from './head-giver.ts'
import type { Lenders } from './lenders.ts'
import type { Head, Heads, Holds } from './parts.ts'
import { forgetPlacedHead, type PlacedHead, readPlacedHead, writePlacedHead } from './placed-head.ts'
import type { Placed } from './placing.ts'
import type { PolicyPlacer } from './policy-placer.ts'
import { Stopwatch } from './stopwatch.ts'

const log = logger('replication')

export interface ReplicatorOptions {
  readonly heads: Heads
  readonly holds: Pick<Holds, 'onHolderLost'>
  readonly placer: Pick<PolicyPlacer, 'place'>
  readonly lenders: Pick<Lenders, 'hasOthers' | 'refresh'>
  readonly giver: Pick<HeadGiver, 'give' | 'forget'>
  /** How many holders are wanted; 0: none, then nothing is done. */
  readonly replicas: () => number
  /** Remembers up to which head all is placed. */
  readonly stateFile: string
  readonly times?: Partial<ReplicatorTimes>
}

export interface ReplicatorTimes {
  /** So long the next head waits until what this one added is placed; then the search goes on with it. */
  readonly headMs: number
  /** Between two searches, at first and at most. */
  readonly searchMsMin: number
  readonly searchMsMax: number
}

const TIMES: ReplicatorTimes = { headMs: 60_000, searchMsMin: 5_000, searchMsMax: 1_800_000 }
/** One piece: bounds memory, and how long others wait for their turn. */
const PIECE = { countMax: 512, weightMax: 32 * 1024 * 1024, weigh: ({ bytes }: HeadBlock) => bytes }
/** While one piece is on its way the next one is made ready. */
const PIECES_AT_ONCE = 2

/** After a search, what it took to look at the blocks passes so often before the next one; waiting for others costs nothing. */
const RESTS = 20

const NOTHING: Placed = { blocks: 0, bytes: 0 }

export class Replicator implements AsyncDisposable {
  readonly #options: ReplicatorOptions
  readonly #times: ReplicatorTimes
  readonly #pieces = new Limiter(PIECES_AT_ONCE)
  readonly #writing = new Mutex()
  readonly #stopping = new AbortController()
  readonly #ends: (() => void)[] = []
  /** Something that heads refer to may be on too few devices: only a search can tell. */
  #isBehind = true
  /** Counts what has made it fall behind. */
  #lapses = 0
  /** The newest head of which all that it added is placed. */
  #passed: Head | undefined
  #missing = NOTHING
  #placed: PlacedHead | undefined
  #searching: Promise<void> = Promise.resolve()
  /** Heads that are listened to. */
  readonly #listening = new Set<Promise<void>>()
  #woken = new AbortController()

  private constructor(options: ReplicatorOptions) {
    this.#options = options
    this.#times = { ...TIMES, ...options.times }
  }

  /** Begins to work. Fails with `newer-version`, `io` where its file cannot be read. */
  static async open(options: ReplicatorOptions): Promise<Replicator> {
    const replicator = new Replicator(options)
    replicator.#placed = await readPlacedHead(options.stateFile)
    replicator.#isBehind = !replicator.#isPlaced(options.heads.current)
    replicator.#ends.push(
      options.heads.onHead((head, added, signal) => replicator.#listen(replicator.#onHead(head, added, signal))),
      options.holds.onHolderLost((holder) => replicator.#onHolderLost(holder)),
    )
    replicator.#searching = replicator.#searchAlways()
    return replicator
  }

  /** Whether all that the newest head refers to is on as many devices as are wanted. */
  get isDone(): boolean {
    return this.#options.replicas() === 0 || (!this.#isBehind && this.#isPlaced(this.#options.heads.current))
  }

  /** What the last search, or the last head, could not place. */
  get missing(): Placed {
    return this.isDone ? NOTHING : this.#missing
  }

  /** Something changed that may help: a device came, or lends more. */
  noteMember(device: DeviceId): void {
    this.#options.lenders.refresh(device)
    this.wake()
  }

  /** What is missing is looked for soon; if that is being done, once more. */
  wake(): void {
    this.#woken.abort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends) end()
    this.#stopping.abort()
    await Promise.all([this.#searching, ...this.#listening])
    await this.#writing.run(async () => undefined)
  }

  /** The end waits for it. */
  #listen(work: Promise<void>): Promise<void> {
    const listening = work.finally(() => this.#listening.delete(listening))
    this.#listening.add(listening)
    return listening
  }

  #isPlaced(head: Head | undefined): boolean {
    const placed = this.#placed
    if (head === undefined || placed === undefined) return false
    const { incarnation, sequence } = head.label
    return (
      placed.incarnation === incarnation && placed.sequence === sequence && placed.replicas >= this.#options.replicas()
    )
  }

  /** Never fails, so that the next head is told of: what was not done the search finds. */
  async #onHead(head: Head, added: AsyncIterable<HeadBlock>, signal: AbortSignal): Promise<void> {
    const late = AbortSignal.timeout(this.#times.headMs)
    const outcome = await this.#run(added, AbortSignal.any([signal, late, this.#stopping.signal]))
    // Also where something is missing: from the devices that have all of a file it is to come back.
    const isGiven = await this.#giveHead()
    if (outcome?.blocks === 0 && isGiven) {
      this.#passed = head
      if (!this.#isBehind) await this.#remember(head)
      return
    }
    if (outcome !== undefined) this.#missing = outcome
    this.#fallBehind()
    if (late.aborted) this.wake()
  }

  #onHolderLost(holder: DeviceId): void {
    log('%s keeps less than it did', holder)
    this.#options.giver.forget(holder)
    this.#fallBehind()
    this.wake()
  }

  #fallBehind(): void {
    this.#isBehind = true
    this.#lapses++
    // Also the next run has to search, if this one comes to no end of it.
    if (this.#placed === undefined) return
    this.#placed = undefined
    this.#write(() => forgetPlacedHead(this.#options.stateFile))
  }

  /** One after the other; that it cannot be done costs the next run a search, or leaves it to a later loss. */
  #write(work: () => Promise<void>): Promise<void> {
    return this.#writing.run(work).catch((error) => log('%s', describeError(error)))
  }

  /** Places a stream of blocks; undefined if it came to no end. */
  async #run(blocks: AsyncIterable<HeadBlock>, signal: AbortSignal): Promise<Placed | undefined> {
    const { placer, lenders, replicas } = this.#options
    if (replicas() === 0) return NOTHING
    if (!lenders.hasOthers) return undefined
    const missing = { blocks: 0, bytes: 0 }
    const working = new Set<Promise<void>>()
    let failure: unknown
    try {
      for await (const piece of batchesOf(blocks, PIECE)) {
        signal.throwIfAborted()
        if (failure !== undefined) break
        const work = this.#pieces
          .run(() => placer.place(piece, signal))
          .then((left) => {
            missing.blocks += left.blocks
            missing.bytes += left.bytes
          })
          .catch((error) => {
            failure ??= error
          })
          .finally(() => working.delete(work))
        working.add(work)
        if (working.size >= PIECES_AT_ONCE) await Promise.race(working)
      }
    } catch (error) {
      failure ??= error
    }
    await Promise.all(working)
    if (failure === undefined) return missing
    if (!signal.aborted && kindOf(failure) !== 'aborted') warn(`replication goes on later: ${describeError(failure)}`)
    return undefined
  }

  async #searchAlways(): Promise<void> {
    const { signal } = this.#stopping
    const { searchMsMin, searchMsMax } = this.#times
    let [pauseMs, restMs] = [searchMsMin, 0]
    while (!signal.aborted) {
      if (await this.#pause(pauseMs)) {
        pauseMs = searchMsMin
        // However often something changes, most of the time no search is under way.
        await rest(Math.min(restMs, searchMsMax), signal)
      }
      // What comes from now on comes too late for this search, and is for the next.
      this.#woken = new AbortController()
      if (signal.aborted || !this.#needsSearch) continue
      const looking = new Stopwatch()
      const isFound = await this.#search(looking)
      restMs = looking.ms * RESTS
      pauseMs = isFound ? searchMsMin : Math.min(searchMsMax, pauseMs * 2)
    }
  }

  get #needsSearch(): boolean {
    const { replicas } = this.#options
    if (this.#placed !== undefined && this.#placed.replicas < replicas()) this.#isBehind = true
    return this.#isBehind && replicas() > 0
  }

  /** Looks at all blocks of the newest head; whether each has its holders now. Never fails. */
  async #search(looking: Stopwatch): Promise<boolean> {
    const { heads, lenders } = this.#options
    const head = heads.current
    if (head === undefined || !lenders.hasOthers) return false
    const { signal } = this.#stopping
    const lapses = this.#lapses
    this.#passed = head
    const outcome = await this.#run(looking.over(heads.blocks(signal)), signal)
    const isDone = (await this.#giveHead()) && outcome?.blocks === 0
    log('searched: %o missing, %s', outcome, isDone ? 'all is placed' : 'not done')
    if (outcome !== undefined) this.#missing = outcome
    if (!isDone || this.#lapses !== lapses) return false
    this.#isBehind = false
    // Those that were made meanwhile had their own placed.
    await this.#remember(this.#passed)
    return true
  }

  /** False if that could not be done now. */
  async #giveHead(): Promise<boolean> {
    const { signal } = this.#stopping
    if (this.#options.replicas() === 0) return true
    return this.#options.giver.give(signal).catch((error) => {
      if (!signal.aborted) warn(`replication goes on later: ${describeError(error)}`)
      return false
    })
  }

  async #remember({ label }: Head): Promise<void> {
    this.#missing = NOTHING
    this.#placed = { incarnation: label.incarnation, sequence: label.sequence, replicas: this.#options.replicas() }
    const placed = this.#placed
    await this.#write(() => writePlacedHead(this.#options.stateFile, placed))
  }

  /** True if it was ended early, because something changed. */
  async #pause(ms: number): Promise<boolean> {
    const ends = AbortSignal.any([this.#stopping.signal, this.#woken.signal])
    return delay(ms, false, { signal: ends, ref: false }).catch(() => true)
  }
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => undefined)
}
