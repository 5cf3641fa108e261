/** What goes wrong in a network, one thing after the other: devices are killed, lines cut, and one of them loses what it promised. */
import { readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Device } from '../../e2e/support/device.ts'
import { until } from '../../e2e/support/process.ts'
import type { Random } from '../../support/random.ts'
import type { Cluster } from './cluster.ts'

/** Starting a daemon and mounting, on a busy machine. */
const MOUNT_MS = 60_000

export interface TroubleOptions {
  readonly random: Random
  /** By the names of their hosts. */
  readonly devices: ReadonlyMap<string, Device>
  /** Who is killed by somebody else, if at all. */
  readonly spared: string
  /** Who loses blocks, and does not know. */
  readonly liar: string
}

export class Trouble {
  readonly counts = { killed: 0, cut: 0, lied: 0 }
  readonly #cluster: Cluster
  readonly #options: TroubleOptions

  constructor(cluster: Cluster, options: TroubleOptions) {
    this.#cluster = cluster
    this.#options = options
  }

  /** Goes on until `end`, with rests. All are there again, and reach each other, when it resolves. */
  async go(end: number): Promise<void> {
    const { random } = this.#options
    while (performance.now() < end) {
      await delay(1_000 * (3 + random.below(8)))
      const chance = random.below(100)
      if (chance < 50) await this.#kill()
      else if (chance < 85) await this.#cut()
      else this.#lie()
    }
  }

  async #kill(): Promise<void> {
    const { devices, random, spared } = this.#options
    const names = [...devices.keys()].filter((name) => name !== spared)
    const device = devices.get(random.pick(names))!
    killDaemon(device)
    await delay(1_000 * random.below(10))
    await mountAgain(device)
    this.counts.killed++
  }

  async #cut(): Promise<void> {
    const { devices, random } = this.#options
    const names = [...devices.keys()]
    const here = names.filter(() => random.below(2) === 0)
    await this.#cluster.partition(
      here,
      names.filter((name) => !here.includes(name)),
    )
    await delay(1_000 * (2 + random.below(12)))
    await this.#cluster.heal()
    this.counts.cut++
  }

  #lie(): void {
    const { devices, random, liar } = this.#options
    const blocks = path.join(devices.get(liar)!.home, 'blocks')
    for (const name of readdirSync(blocks, { recursive: true, encoding: 'utf8' })) {
      if (path.basename(name).length > 20 && random.below(3) === 0) rmSync(path.join(blocks, name), { force: true })
    }
    this.counts.lied++
  }
}

export function killDaemon(device: Device): void {
  for (const pid of device.pids()) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
}

export async function mountAgain(device: Device): Promise<void> {
  await until('the daemon is gone', () => device.pids().length === 0, MOUNT_MS)
  await device.dfsOk(['mount', device.folder], { deadlineMs: MOUNT_MS })
}
