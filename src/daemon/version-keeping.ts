/**
 * Old versions go when somebody collects garbage, and by themselves about once an hour of running time.
 */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import type { Mutex } from '../concurrency/mutex.ts'
import { describeError, kindOf } from '../errors.ts'
import { logger, warn } from '../log.ts'
import type { RunningClock } from '../store/running-time.ts'
import { readVersionAges, writeVersionAges } from '../store/version-ages.ts'
import type { Folder } from '../vfs/folder.ts'
import type { Folders } from './folders.ts'
import type { Home } from './home.ts'

const log = logger('daemon')

const DAY_MS = 86_400_000
const TICK_MS = 600_000
const EVERY_MS = 3_600_000

export interface ExpireOptions {
  /** Nothing is done if the last time was less long ago, in ms of running time. */
  everyMs?: number
  signal?: AbortSignal | undefined
}

type KeepingHome = Pick<Home, 'dir' | 'config'>

/** Lets the versions of a folder go that are due; says how many. Never while garbage is collected. */
export async function expireVersions(
  folder: Pick<Folder, 'id' | 'path' | 'expireVersions'>,
  { home, clock }: { home: KeepingHome; clock: RunningClock },
  { everyMs = 0, signal }: ExpireOptions = {},
): Promise<number> {
  const directory = path.join(home.dir, 'version-ages')
  const file = path.join(directory, folder.id)
  const { checkedMs, ages: known } = await readVersionAges(file)
  const nowMs = clock.nowMs()
  if (checkedMs !== undefined && checkedMs <= nowMs && nowMs - checkedMs < everyMs) return 0
  const { versionDays, versionBytes } = home.config
  const keepMs = versionDays * DAY_MS
  const bytesMax = versionBytes === 0 ? undefined : versionBytes
  const { removed, ages } = await folder.expireVersions({ ages: known, nowMs, keepMs, bytesMax, signal })
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await writeVersionAges(file, { checkedMs: nowMs, ages })
  log('%s: %d of %d versions expired', folder.path, removed, removed + ages.size)
  return removed
}

export interface VersionKeeperOptions {
  home: KeepingHome
  clock: RunningClock
  folders: Pick<Folders, 'openPaths' | 'use'>
  /** Held by garbage collections. */
  collecting: Mutex
}

/** Does that for the folders that are open, now and then. */
export class VersionKeeper {
  readonly #options: VersionKeeperOptions
  readonly #stopping = new AbortController()
  readonly #timer: NodeJS.Timeout
  #round: Promise<void> = Promise.resolve()

  constructor(options: VersionKeeperOptions) {
    this.#options = options
    this.#timer = setInterval(() => {
      this.#round = this.#round.then(() => this.runRound())
    }, TICK_MS).unref()
  }

  /** Never fails: what could not be done is tried again the next time. */
  async runRound(): Promise<void> {
    const { folders, collecting } = this.#options
    const options = { everyMs: EVERY_MS, signal: this.#stopping.signal }
    for (const path of folders.openPaths) {
      try {
        await collecting.run(() => folders.use(path, (folder) => expireVersions(folder, this.#options, options)))
      } catch (error) {
        if (kindOf(error) === 'aborted') return
        warn(`old versions of ${path} stay for now: ${describeError(error)}`)
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#stopping.abort()
    await this.#round
  }
}
