/**
 * What was asked for on the page and is under way, or ended not long ago. A job ends by itself, or when it is stopped; all
 * end with the page.
 */
import type { OnProgress, Progress } from '../../dfs.ts'
import { DfsError, describeError } from '../../errors.ts'

/** More at once only get into each other's way. */
const RUNNING_MAX = 8
const ENDED_MAX = 10
const DETAILS_MAX = 20

export interface Outcome {
  /** One line: what was done. */
  readonly said: string
  /** One line each: what was not, and why. */
  readonly details: readonly string[]
}

export interface Job {
  readonly id: number
  readonly title: string
  readonly state: 'running' | 'done' | 'incomplete' | 'failed' | 'stopped'
  readonly progress: Progress | undefined
  /** Of one that ended. */
  readonly outcome: Outcome | undefined
}

export type Work = (options: { signal: AbortSignal; onProgress: OnProgress }) => Promise<Outcome>

interface Entry {
  job: Job
  readonly controller: AbortController
  readonly ended: Promise<void>
}

export class Jobs {
  readonly #entries = new Map<number, Entry>()
  #lastId = 0

  /** The newest first. */
  get list(): Job[] {
    return [...this.#entries.values()].map(({ job }) => job).reverse()
  }

  /** Begins; what comes of it stands in the list. Fails with `busy`. */
  start(title: string, work: Work): number {
    const running = this.list.filter(({ state }) => state === 'running').length
    if (running >= RUNNING_MAX) throw new DfsError('busy', 'too much is under way', { mend: 'wait for some of it' })
    const id = ++this.#lastId
    const controller = new AbortController()
    const job: Job = { id, title, state: 'running', progress: undefined, outcome: undefined }
    const entry: Entry = { job, controller, ended: Promise.resolve().then(() => this.#run(id, work)) }
    this.#entries.set(id, entry)
    return id
  }

  /** Resolves once the job has ended, or after this time. */
  async settled(id: number, deadlineMs: number): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, deadlineMs)
    await Promise.race([this.#entries.get(id)?.ended, late])
    clearTimeout(timer)
  }

  stop(id: number): void {
    this.#entries.get(id)?.controller.abort(new DfsError('aborted', 'stopped'))
  }

  /** Forgets a job that has ended. */
  clear(id: number): void {
    if (this.#entries.get(id)?.job.state !== 'running') this.#entries.delete(id)
  }

  async #run(id: number, work: Work): Promise<void> {
    const entry = this.#entries.get(id)!
    const { signal } = entry.controller
    const change = (changed: Partial<Job>) => {
      entry.job = { ...entry.job, ...changed }
    }
    try {
      signal.throwIfAborted()
      const { said, details } = await work({ signal, onProgress: (progress) => change({ progress }) })
      const state = details.length === 0 ? 'done' : 'incomplete'
      change({ state, outcome: { said, details: details.slice(0, DETAILS_MAX) } })
    } catch (error) {
      const state = signal.aborted ? 'stopped' : 'failed'
      change({ state, outcome: { said: signal.aborted ? 'Stopped' : describeError(error), details: [] } })
    }
    this.#forgetOldest()
  }

  #forgetOldest(): void {
    const ended = this.list.filter(({ state }) => state !== 'running')
    for (const { id } of ended.slice(ENDED_MAX)) this.#entries.delete(id)
  }
}
