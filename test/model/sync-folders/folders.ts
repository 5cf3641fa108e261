/**
 * Devices that keep one folder, each on a disk of its own in memory, and what happens to them, made up by a seed.
 */
import assert from 'node:assert/strict'
import { decodeSyncEntry } from '../../../src/format/sync-entry.ts'
import { Missing } from '../../../src/sync/missing-files.ts'
import { Device, MISSING_MIN } from './device.ts'
import { Random } from './random.ts'
import { shownOn, textsOn } from './states.ts'

const ALL = { entries: 100_000, bytes: 1_000_000_000 }
const NEVER = new AbortController().signal
const NOW_MS = Date.UTC(2020, 0)
const YEARS_MS = 365 * 86_400_000
const CLOCKS_OFF_YEARS = [0, 0, 12, -30]
/** Of so many reads, a program does something at one. */
const READS_PER_CHANGE = 12
const ROUNDS_MAX = 30

class Crash extends Error {}

async function missingAfter(run: Promise<unknown>): Promise<Missing | undefined> {
  try {
    await run
    return undefined
  } catch (error) {
    if (error instanceof Missing) return error
    throw error
  }
}

/** What is wrong after so many steps, with all that happened; undefined if nothing. */
export async function faultOf(seed: number, steps: number, ignoresOneIn = 0): Promise<string | undefined> {
  const world = new World(seed)
  world.ignoresOneIn = ignoresOneIn
  try {
    await world.start()
    for (let step = 0; step < steps; step++) await world.step()
    await world.settle()
    world.check()
    return undefined
  } catch (error) {
    return `seed ${seed}, ${steps} steps: ${(error as Error).stack}\n${world.log.join('\n')}`
  }
}

export class World {
  readonly #random: Random
  readonly #devices: Device[]
  readonly log: string[] = []
  readonly #written = new Set<string>()
  #ticks = 0

  constructor(seed: number, devices = 2 + (seed % 3)) {
    this.#random = new Random(seed)
    this.#devices = Array.from({ length: devices }, (_, name) => {
      const offMs = this.#random.of(CLOCKS_OFF_YEARS)! * YEARS_MS
      return new Device({
        name,
        random: this.#random,
        nowMs: () => NOW_MS + offMs + ++this.#ticks,
        written: this.#written,
        log: (what) => this.log.push(`${name} ${what}`),
      })
    })
  }

  async start(): Promise<void> {
    for (const device of this.#devices) await device.start()
  }

  async step(): Promise<void> {
    const random = this.#random
    const device = random.of(this.#devices)!
    const choice = random.below(21)
    if (choice < 11) device.programs.act()
    else if (choice < 14) await this.#runBusily(device)
    else if (choice < 18) await this.#hear(device, random.of(this.#devices)!)
    else if (choice < 19) await this.#crash(device)
    else if (choice < 20) await this.#restart(device)
    else await this.#lose(device)
  }

  /** See `Programs`. */
  set ignoresOneIn(count: number) {
    for (const { programs } of this.#devices) programs.ignoresOneIn = count
  }

  /** All talk until nothing is left to be said or done, and again when nothing is ignored any more. */
  async settle(): Promise<void> {
    await this.#rest()
    for (let round = 0; this.#heedNothing(); round++) {
      assert(round < ROUNDS_MAX, 'there is always something that says what is ignored')
      await this.#rest()
    }
  }

  #heedNothing(): boolean {
    return this.#devices.filter(({ programs }) => programs.heedNothing()).length > 0
  }

  async #rest(): Promise<void> {
    let steps = 0
    for (const device of this.#devices) {
      device.programs.closeAll()
      device.onStep(() => steps++)
    }
    for (let round = 0, before = -1; before !== steps; round++) {
      assert(round < ROUNDS_MAX, 'it never comes to rest')
      before = steps
      for (const device of this.#devices) {
        device.sync.note({ path: '', isTree: true })
        await this.#run(device)
      }
      for (const device of this.#devices) for (const other of this.#devices) await this.#hear(device, other)
    }
  }

  /** All disks are equal, and have what was written. */
  check(): void {
    for (const { name, index } of this.#devices) assert.equal(index.behind.size, 0, `${name} is behind`)
    const [first, ...others] = this.#devices.map(({ disk }) => shownOn(disk))
    for (const other of others) assert.deepEqual(other, first)
    const texts = textsOn(this.#devices[0]!.disk)
    for (const text of this.#written) assert(texts.has(text), `${text} is lost`)
  }

  async #run(device: Device): Promise<void> {
    this.#note(device, 'runs')
    for (;;) {
      const missing = await missingAfter(device.sync.run(NEVER))
      if (missing === undefined) return
      // Files that programs removed and nobody told of: they may as well come back.
      const answer = this.#random.below(2) === 0 ? 'removed' : 'restore'
      this.#note(device, `misses ${missing.files}: ${answer}`)
      device.sync.answer(answer)
    }
  }

  /** All that it has is gone, while it does not run; it knows what that was, and brings it back once it is told to. */
  async #lose(device: Device): Promise<void> {
    device.programs.closeAll()
    device.sync.note({ path: '', isTree: true })
    await this.#run(device)
    const files = new Set([...device.disk.walk()].flatMap(([, { kind, id }]) => (kind === 'file' ? [id] : [])))
    // What is ignored is nowhere else.
    if (files.size < MISSING_MIN || device.programs.ignoresOneIn > 0) return
    for (const [path] of [...device.disk.walk()].reverse()) device.disk.remove(path)
    this.#note(device, `loses ${files.size}`)
    await this.#restart(device)
    assert(await missingAfter(device.sync.run(NEVER)), 'it asks what has become of its files')
    device.sync.answer('restore')
    await this.#run(device)
  }

  /** Programs go on meanwhile. */
  async #runBusily(device: Device): Promise<void> {
    device.onRead(() => {
      if (this.#random.below(READS_PER_CHANGE) === 0) device.programs.act()
    })
    await this.#run(device)
    device.onRead(() => {})
  }

  async #hear(device: Device, other: Device): Promise<void> {
    if (device === other) return
    const { entries, upTo } = await other.index.readChanges(device.taken.get(other.name) ?? 0, ALL)
    this.#note(device, `hears ${entries.length} of ${other.name}`)
    await device.index.take(`${other.name}`, entries.map(decodeSyncEntry), undefined)
    device.taken.set(other.name, upTo)
  }

  /** Before any change of the disk or the index: nothing is done from then on. */
  async #crash(device: Device): Promise<void> {
    let left = this.#random.below(10)
    this.#note(device, `crashes after ${left} steps`)
    device.onStep(() => {
      if (left-- <= 0) throw new Crash()
    })
    try {
      await this.#runBusily(device)
    } catch (error) {
      if (!(error instanceof Crash)) throw error
    }
    device.onRead(() => {})
    device.onStep(() => {})
    await this.#restart(device)
  }

  async #restart(device: Device): Promise<void> {
    this.#note(device, 'starts again')
    await device.start()
  }

  #note({ name }: Device, what: string): void {
    this.log.push(`${name} ${what}`)
  }
}
