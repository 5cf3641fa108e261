/** dfs itself, from outside: its command line, and the processes that command line leaves behind. */
import { join } from 'node:path'
import { isMounted } from '../../e2e/support/mount.ts'
import { MOUNT_ARGS, type Place } from '../../e2e/support/place.ts'
import { type RunOptions, type RunResult, runOk, until } from '../../e2e/support/process.ts'
import { fuse } from '../requirements.ts'
import { type Watchdog, watch } from '../watchdog.ts'
import type { System, SystemKind } from './system.ts'

export interface DfsPlaces {
  home?: string
  folder?: string
}

const GUARD_MS = 10 * 60_000

export class DfsSystem implements System {
  readonly name = 'dfs'
  readonly root: string
  readonly home: string
  readonly kept: readonly string[]
  readonly #place: Place
  #watchdog: Watchdog | undefined

  /** Keeps its home and shows its folder in `place`, unless `places` says elsewhere. */
  constructor(place: Place, { home = place.home, folder = place.folder }: DfsPlaces = {}) {
    this.#place = place
    this.root = folder
    this.home = home
    this.kept = [...new Set([place.root, home, folder])]
  }

  /** Runs a dfs command to its end, whatever its exit code. */
  command(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return this.#place.dfs(args, { ...options, env: { DFS_HOME: this.home, ...options.env } })
  }

  async mount(): Promise<void> {
    await this.#succeed(['mount', this.root, ...MOUNT_ARGS])
    this.#watchdog?.release()
    this.#watchdog = watch(this.#place, this.root, GUARD_MS)
  }

  async unmount(): Promise<void> {
    await this.#succeed(['umount', this.root])
    this.#watchdog?.release()
  }

  async kill(endWork?: () => Promise<void>): Promise<void> {
    this.killDaemon()
    await this.ended()
    await endWork?.()
    this.#watchdog?.release()
    if (isMounted(this.root)) await runOk('umount', ['-l', this.root])
  }

  /** Resolves once no process of this dfs is left. */
  async ended(): Promise<void> {
    await until('the daemon is gone', () => this.#place.pids().length === 0)
  }

  /** SIGKILL, at once and synchronously, to every process of this dfs. The dead mount stays. */
  killDaemon(): void {
    for (const pid of this.#place.pids()) process.kill(pid, 'SIGKILL')
  }

  /** Files of the home that hold blocks, and those that hold the journal. */
  get blocks(): string {
    return join(this.home, 'blocks')
  }

  get journal(): string {
    return join(this.home, 'journal')
  }

  async #succeed(args: readonly string[]): Promise<void> {
    const { code, stdout, stderr } = await this.command(args, { deadlineMs: 120_000 })
    if (code !== 0) throw new Error(`dfs ${args.join(' ')}: exit code ${code}\n${stderr}${stdout}`)
  }
}

export const dfs: SystemKind = {
  name: 'dfs',
  missing: fuse,
  create: async (place) => new DfsSystem(place),
}
