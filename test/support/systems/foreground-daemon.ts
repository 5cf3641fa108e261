/** A system served by one program that runs in the foreground until its mount is taken away. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { isMounted } from '../../e2e/support/mount.ts'
import type { Place } from '../../e2e/support/place.ts'
import { runOk, until } from '../../e2e/support/process.ts'
import { type Watchdog, watch } from '../watchdog.ts'
import type { System } from './system.ts'

export interface ForegroundOptions {
  name: string
  kept: readonly string[]
  command: string
  args: readonly string[]
  env?: NodeJS.ProcessEnv
  /** Written to its standard input. */
  input?: string
  /** A directory emptied at each unmount, so that the next mount is cold. */
  cache?: string
  /** Resolves once what was written has left the cache; waited for before unmounting. */
  settled?: () => Promise<void>
}

const MOUNT_MS = 30_000
const GUARD_MS = 30 * 60_000

/** Serves `place.folder`. */
export class ForegroundDaemon implements System {
  readonly name: string
  readonly root: string
  readonly kept: readonly string[]
  readonly #place: Place
  readonly #options: ForegroundOptions
  #child: ChildProcess | undefined
  #watchdog: Watchdog | undefined

  constructor(place: Place, options: ForegroundOptions) {
    this.name = options.name
    this.root = place.folder
    this.kept = options.kept
    this.#place = place
    this.#options = options
  }

  async mount(): Promise<void> {
    const { command, args, env, input } = this.#options
    const stdio = ['pipe', 'ignore', 'ignore'] as const
    const child = spawn(command, args, { env: { ...this.#place.env, ...env }, stdio: [...stdio] })
    child.stdin?.end(input)
    this.#child = child
    this.#watchdog = watch(this.#place, this.root, GUARD_MS)
    await until(`${this.name} is mounted`, () => isMounted(this.root), MOUNT_MS)
  }

  async unmount(): Promise<void> {
    await this.#options.settled?.()
    await runOk('umount', [this.root], { deadlineMs: 120_000 })
    await this.#gone()
    if (this.#options.cache !== undefined) rmSync(this.#options.cache, { recursive: true, force: true })
  }

  async kill(endWork?: () => Promise<void>): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#gone()
    await endWork?.()
    if (isMounted(this.root)) await runOk('umount', ['-l', this.root])
  }

  async #gone(): Promise<void> {
    const child = this.#child
    if (child !== undefined && child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    this.#child = undefined
    this.#watchdog?.release()
  }
}
