/**
 * What a person's programs do in a folder, at random, and what must therefore be in it: times of writing, and times of rest in
 * which files become safe, are evicted, and read.
 */
import assert from 'node:assert/strict'
import { readdir, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Device } from '../../e2e/support/device.ts'
import { noise } from '../../e2e/support/files.ts'
import { runOk, within } from '../../e2e/support/process.ts'
import { readIn } from '../../e2e/support/sharing.ts'
import type { Random } from '../../support/random.ts'

const NAMES = 60
const SIZES = [0, 300, 20_000, 300_000, 3_000_000]
const STATES = fileURLToPath(new URL('./states.ts', import.meta.url))
/** Steps of writing, and those of rest behind them, which last half a minute or more: heads are made meanwhile. */
const [BUSY_STEPS, CALM_STEPS] = [150, 70]
const CALM_MS = 400
/** What may take this long while others are away, on a busy machine. */
export const PATIENT_MS = 60_000

/** What a file holds: bytes that follow from these. */
export interface Content {
  readonly bytes: number
  readonly seed: number
}

const bytesOf = ({ bytes, seed }: Content): Buffer => noise(bytes, seed)

export interface FolderWorkOptions {
  readonly random: Random
  /** On how many devices a file is that is safe. */
  readonly replicas: number
}

export class FolderWork {
  readonly files = new Map<string, Content>()
  readonly counts = { written: 0, removed: 0, renamed: 0, read: 0, refused: 0, evicted: 0, promised: 0 }
  /** What was under each name, one after the other. */
  readonly #were = new Map<string, Content[]>()
  readonly #promised = new Set<string>()
  readonly #device: Device
  readonly #random: Random
  readonly #safe: readonly string[]
  #steps = 0

  constructor(device: Device, { random, replicas }: FolderWorkOptions) {
    this.#device = device
    this.#random = random
    this.#safe = [`replicated ${replicas}/${replicas}`, 'evicted']
  }

  /** The files that were said to be safe, and were not changed since. */
  get promised(): ReadonlyMap<string, Content> {
    return new Map([...this.files].filter(([name]) => this.#promised.has(name)))
  }

  async step(): Promise<void> {
    if (this.#steps++ % (BUSY_STEPS + CALM_STEPS) >= BUSY_STEPS) return this.#rest()
    const chance = this.#random.below(100)
    if (chance < 45) await this.#write()
    else if (chance < 50) await this.#remove()
    else if (chance < 55) await this.#rename()
    else if (chance < 95) await this.#read()
    else await this.#evict()
  }

  async #rest(): Promise<void> {
    const chance = this.#random.below(100)
    if (chance < 75) await this.#read()
    else if (chance < 90) await this.#noteStates()
    else await this.#evict()
    await delay(CALM_MS)
  }

  async #write(): Promise<void> {
    const name = `file-${this.#random.below(NAMES)}`
    const content = { bytes: this.#random.pick(SIZES), seed: this.#random.next() }
    this.#promised.delete(name)
    await within(PATIENT_MS, writeFile(this.#at(name), bytesOf(content)), `writing ${name}`)
    this.#has(name, content)
    this.counts.written++
  }

  async #remove(): Promise<void> {
    const name = this.#any()
    if (name === undefined) return
    await within(PATIENT_MS, unlink(this.#at(name)), `removing ${name}`)
    this.#forget(name)
    this.counts.removed++
  }

  async #rename(): Promise<void> {
    const from = this.#any()
    const to = `file-${this.#random.below(NAMES)}`
    if (from === undefined || from === to) return
    await within(PATIENT_MS, rename(this.#at(from), this.#at(to)), `renaming ${from}`)
    const content = this.files.get(from)!
    this.#forget(from)
    this.#promised.delete(to)
    this.#has(to, content)
    this.counts.renamed++
  }

  /** Whoever has the blocks may be away at the moment: then it is EIO, and never anything else. */
  async #read(): Promise<void> {
    const name = this.#any()
    if (name === undefined) return
    try {
      const read = await readIn(this.#device, name, PATIENT_MS)
      if (!read.equals(bytesOf(this.files.get(name)!))) assert.fail(this.#explain(name, read))
      this.counts.read++
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error
      this.counts.refused++
    }
  }

  async #evict(): Promise<void> {
    const { code, stderr } = await this.#device.dfs(['evict', this.#device.folder], { deadlineMs: 2 * PATIENT_MS })
    // 14: not everything was safe.
    assert(code === 0 || code === 14, `evict: ${code} ${stderr}`)
    this.counts.evicted++
  }

  async #noteStates(): Promise<void> {
    const said = await runOk(process.execPath, [STATES, this.#device.folder], { deadlineMs: PATIENT_MS })
    for (const [name, state] of JSON.parse(said) as [string, string][]) {
      assert(this.files.has(name), `${name} is there`)
      if (!this.#safe.includes(state) || this.#promised.has(name)) continue
      this.#promised.add(name)
      this.counts.promised++
    }
  }

  #has(name: string, content: Content): void {
    this.files.set(name, content)
    this.#were.set(name, [...(this.#were.get(name) ?? []), content])
  }

  #explain(name: string, read: Buffer): string {
    const were = this.#were.get(name)!
    const which = were.findLastIndex((content) => bytesOf(content).equals(read))
    const lengths = were.map(({ bytes }) => bytes).join(', ')
    const what = which < 0 ? 'what it never held' : `what it held as number ${which + 1}`
    return `${name} holds ${what}, ${read.length} bytes; it held these lengths: ${lengths}`
  }

  #forget(name: string): void {
    this.files.delete(name)
    this.#promised.delete(name)
  }

  #any(): string | undefined {
    const names = [...this.files.keys()]
    return names[this.#random.below(names.length)]
  }

  #at(name: string): string {
    return path.join(this.#device.folder, name)
  }
}

/** That exactly these files are in the device's folder, and hold what they must. */
export async function assertAll(device: Device, files: ReadonlyMap<string, Content>): Promise<void> {
  const names = await within(PATIENT_MS, readdir(device.folder), 'readdir')
  assert.deepEqual(names.sort(), [...files.keys()].sort())
  await assertThere(device, files)
}

/** That these files are in the device's folder, whatever else is, and hold what they must. */
export async function assertThere(device: Device, files: ReadonlyMap<string, Content>): Promise<void> {
  const wrong: string[] = []
  for (const [name, content] of files) {
    const read = within(PATIENT_MS, readFile(path.join(device.folder, name)), name)
    const isRight = await read.then(
      (bytes) => bytes.equals(bytesOf(content)),
      (error) => void wrong.push(`${name}: ${error.message}`),
    )
    if (isRight === false) wrong.push(`${name}: other bytes`)
  }
  assert.deepEqual(wrong, [])
}
