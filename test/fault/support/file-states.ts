/**
 * What each file may hold after a crash, learnt from a workload that says beforehand which states a file is about to
 * pass through, and afterwards what was closed and what was synced.
 *
 * A state is the hash of a file's content, or `absent`. The states of a file are in the order it had them.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'

export type FileState = string
export const ABSENT: FileState = 'absent'

/** What a workload says. */
export type Report =
  /** By this operation the file is about to have these states, one after the other. */
  | { say: 'may'; file: string; states: FileState[]; by: string }
  /** The file is about to become `file`, where nothing was: with it go the states it may still fall back to. */
  | { say: 'may-become'; from: string; file: string }
  /** The file has the last of its states, and whoever brought it there has closed it (or renamed it, or unlinked it). */
  | { say: 'closed'; file: string }
  /** The file has the last of its states, and an fsync has returned since, by `at` (nanoseconds of the monotonic clock). */
  | { say: 'synced'; file: string; at: number }

/** How bad the crash is: when the daemon dies, what was closed stays; when power is lost, what was synced stays. */
export type Crash = 'kill' | 'power-loss'

interface History {
  states: FileState[]
  /** What brought each state about. */
  causes: string[]
  /** Index of the last state that may not be lost. */
  kept: number
}

/** The same in all processes of a machine. */
export function monotonicNs(): number {
  return Number(process.hrtime.bigint())
}

export function stateOf(content: Buffer | undefined): FileState {
  return content === undefined ? ABSENT : createHash('sha256').update(content).digest('hex').slice(0, 32)
}

export class FileStates {
  readonly #crash: Crash
  readonly #files = new Map<string, History>()
  /**
   * When the power began to go, by the same clock. Not all at once: ext4, while it is shut down, lets a sync return without an
   * error for what it has not kept (17 of 150 times with a program that appends and syncs for ever; before it began, never).
   */
  powerEndsAt = Number.POSITIVE_INFINITY

  constructor(crash: Crash) {
    this.#crash = crash
  }

  get files(): string[] {
    return [...this.#files.keys()]
  }

  apply(report: Report): void {
    const history = this.#history(report.file)
    if (report.say === 'may') add(history, report.states, report.by)
    else if (report.say === 'may-become') {
      const { states, kept } = this.#history(report.from)
      add(history, states.slice(kept), `becoming ${report.file}`)
    } else if (report.say === 'synced' ? report.at < this.powerEndsAt : this.#crash === 'kill') {
      history.kept = history.states.length - 1
    }
  }

  /** Asserts that what is found after a crash is allowed. From now on it is the file's only state. */
  check(file: string, content: Buffer | undefined): void {
    const history = this.#history(file)
    const found = stateOf(content)
    if (!history.states.slice(history.kept).includes(found)) assert.fail(explain(file, content, history))
    this.#files.set(file, newHistory(found, 'an earlier crash'))
  }

  #history(file: string): History {
    const known = this.#files.get(file)
    if (known !== undefined) return known
    const history = newHistory(ABSENT, 'nobody yet')
    this.#files.set(file, history)
    return history
  }
}

function newHistory(state: FileState, cause: string): History {
  return { states: [state], causes: [cause], kept: 0 }
}

function add(history: History, states: readonly FileState[], cause: string): void {
  history.states.push(...states)
  history.causes.push(...states.map(() => cause))
}

function explain(file: string, content: Buffer | undefined, { states, causes, kept }: History): string {
  const what = content === undefined ? 'absent' : `${content.length} bytes`
  const index = states.lastIndexOf(stateOf(content))
  const had = index < 0 ? 'a state it never had' : `its state ${index}`
  const list = states.map(
    (state, at) => `${at === kept ? '* ' : '  '}${at}: ${causes[at]} ${state === ABSENT ? state : ''}`,
  )
  return `after the crash ${file} has ${had} (${what}); it has had these, and must have kept the marked one:\n${list.join('\n')}`
}
