/**
 * One folder on two devices, in which programs on both do whatever comes to their minds, at the same places, while the daemons are
 * killed now and then. In the end both have the same. DFS_CLUSTER_SECONDS says how long, DFS_CLUSTER_SEED repeats a
 * run's choices (not its timing).
 */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import * as fs from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { type Device, newDevice, pair } from '../e2e/support/device.ts'
import { until, within } from '../e2e/support/process.ts'
import { connected } from '../e2e/support/sharing.ts'
import { Random } from '../support/random.ts'
import { longClusterMissing } from './support/cluster.ts'

const SECONDS = Number(process.env.DFS_CLUSTER_SECONDS ?? 300)
const SEED = Number(process.env.DFS_CLUSTER_SEED ?? randomInt(2 ** 32))
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f']
const PAUSE_MS_MAX = 60
const KILLED_EVERY_MS = 6_000
/** For one operation of a program. */
const SOON_MS = 30_000
const EQUAL_MS = 120_000

const soon = <T>(work: Promise<T>): Promise<T> => within(SOON_MS, work)

/** What is in a folder, by path: the text of a file, nothing of a directory. */
async function contents(device: Device, inside = ''): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const entry of await soon(fs.readdir(path.join(device.folder, inside), { withFileTypes: true }))) {
    const at = path.join(inside, entry.name)
    if (entry.isDirectory()) Object.assign(found, { [`${at}/`]: '' }, await contents(device, at))
    else found[at] = await soon(fs.readFile(path.join(device.folder, at), 'utf8'))
  }
  return found
}

class Program {
  readonly #device: Device
  readonly #random: Random
  readonly #texts: () => string
  done = 0

  constructor(device: Device, random: Random, texts: () => string) {
    this.#device = device
    this.#random = random
    this.#texts = texts
  }

  async run(untilMs: number): Promise<void> {
    while (performance.now() < untilMs) {
      // What cannot be done, for another was faster or a daemon is dead, is not done.
      await this.#step().then(
        () => this.done++,
        () => undefined,
      )
      await delay(this.#random.below(PAUSE_MS_MAX))
    }
  }

  async #step(): Promise<void> {
    const [one, other] = [await this.#place(), await this.#place()]
    switch (this.#random.below(9)) {
      case 0:
      case 1:
      case 2:
        return soon(fs.writeFile(one, this.#texts()))
      case 3:
        return soon(fs.mkdir(one))
      case 4:
        return soon(fs.rename(one, other))
      case 5:
        return soon(fs.rm(one, { recursive: true }))
      case 6:
        return soon(fs.appendFile(one, this.#texts()))
      case 7:
        return soon(fs.link(one, other))
      default:
        return soon(fs.chmod(one, this.#random.below(2) === 0 ? 0o644 : 0o755))
    }
  }

  async #place(): Promise<string> {
    const directories = Object.keys(await contents(this.#device)).filter((at) => at.endsWith('/'))
    const directory = this.#random.pick(['', ...directories])
    return path.join(this.#device.folder, directory, this.#random.pick(NAMES))
  }
}

test('two devices end with the same folder, whatever was done on both', {
  skip: longClusterMissing(),
  timeout: SECONDS * 1000 + 300_000,
}, async (t) => {
  t.diagnostic(`seed ${SEED}, ${SECONDS} s`)
  const random = new Random(SEED)
  const [laptop, desktop] = [await newDevice(t), await newDevice(t)]
  await laptop.dfsOk(['init'])
  await laptop.dfsOk(['mount', laptop.folder])
  await pair(laptop, desktop)
  await desktop.dfsOk(['mount', desktop.folder])
  await connected(desktop)

  const endMs = performance.now() + SECONDS * 1000
  let texts = 0
  const programs = [laptop, desktop].map((device) => new Program(device, random, () => `${++texts} `))
  let kills = 0
  const kill = async () => {
    while (performance.now() < endMs - KILLED_EVERY_MS) {
      await delay(KILLED_EVERY_MS)
      const device = random.pick([laptop, desktop])
      for (const pid of device.pids()) process.kill(pid, 'SIGKILL')
      kills++
      await device.dfsOk(['mount', device.folder])
    }
  }
  await Promise.all([...programs.map((program) => program.run(endMs)), kill()])
  t.diagnostic(`${programs.map(({ done }) => done).join(' + ')} operations, ${kills} kills`)

  const isSettled = async (device: Device) => {
    const { folders } = await device.json('folders')
    return folders.every((folder: { waiting: number; settled: boolean }) => folder.waiting === 0 && folder.settled)
  }
  const isSame = async () => isDeepStrictEqual(await contents(desktop), await contents(laptop))
  const isDone = async () => (await isSettled(laptop)) && (await isSettled(desktop)) && (await isSame())
  await until('both have the same, and nothing is on its way', isDone, EQUAL_MS).catch(() => undefined)
  assert.deepEqual(await contents(desktop), await contents(laptop))
  assert.deepEqual([await isSettled(laptop), await isSettled(desktop)], [true, true])
})
