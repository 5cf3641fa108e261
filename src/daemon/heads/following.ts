/**
 * Has each keeper follow: it is given the newest head once that was told of here, and again until it has it, while it is
 * connected.
 */
import { describeError, kindOf } from '../../errors.ts'
import { logger } from '../../log.ts'
import type { DeviceId } from '../../net/holds/state.ts'
import type { Keepers } from './keepers.ts'

const log = logger('heads')

export interface FollowingTimes {
  readonly retryMsMin: number
  readonly retryMsMax: number
}

const TIMES: FollowingTimes = { retryMsMin: 5_000, retryMsMax: 600_000 }

interface Follower {
  running: Promise<void> | undefined
  failures: number
  timer: NodeJS.Timeout | undefined
}

export class Following implements AsyncDisposable {
  readonly #keepers: Pick<Keepers, 'list' | 'isCurrent' | 'giveTo'>
  readonly #times: FollowingTimes
  readonly #followers = new Map<DeviceId, Follower>()
  readonly #stopping = new AbortController()

  constructor(keepers: Pick<Keepers, 'list' | 'isCurrent' | 'giveTo'>, times = TIMES) {
    this.#keepers = keepers
    this.#times = times
  }

  /** There is a head that all keepers are to have. */
  all(): void {
    for (const holder of this.#keepers.list()) this.#follow(holder)
  }

  /** A member is there again: if it keeps heads, it is tried at once. */
  came(holder: DeviceId): void {
    const follower = this.#followers.get(holder)
    if (follower !== undefined) follower.failures = 0
    if (this.#keepers.list().includes(holder)) this.#follow(holder)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new Error('the daemon ends'))
    for (const { timer } of this.#followers.values()) clearTimeout(timer)
    await Promise.all([...this.#followers.values()].map(({ running }) => running))
  }

  #follow(holder: DeviceId): void {
    const follower = this.#followers.get(holder) ?? { running: undefined, failures: 0, timer: undefined }
    this.#followers.set(holder, follower)
    clearTimeout(follower.timer)
    if (follower.running !== undefined || this.#stopping.signal.aborted) return
    follower.running = this.#give(holder, follower).finally(() => {
      follower.running = undefined
    })
  }

  async #give(holder: DeviceId, follower: Follower): Promise<void> {
    const { signal } = this.#stopping
    try {
      while (!signal.aborted && !this.#keepers.isCurrent(holder)) await this.#keepers.giveTo(holder, signal)
      follower.failures = 0
    } catch (error) {
      if (signal.aborted || kindOf(error) === 'no-data') return
      log('%s does not follow: %s', holder, describeError(error))
      const { retryMsMin, retryMsMax } = this.#times
      const delayMs = Math.min(retryMsMax, retryMsMin * 2 ** follower.failures++)
      follower.timer = setTimeout(() => this.#follow(holder), delayMs).unref()
    }
  }
}
