/**
 * Devices that keep one folder, each on a disk of its own in memory, and what programs do there, made up by a seed.
 */
import assert from 'node:assert/strict'
import { joinPath, parentPath } from '../../../src/format/head-path.ts'
import { decodeSyncEntry } from '../../../src/format/sync-entry.ts'
import type { IndexBatch } from '../../../src/format/sync-record.ts'
import type { ObjectState } from '../../../src/sync/disk.ts'
import { FolderSync } from '../../../src/sync/folder-sync.ts'
import { MemoryDisk } from '../../../src/sync/memory-disk.ts'
import { MemorySyncStore } from '../../../src/sync/memory-sync-store.ts'
import { SyncIndex } from '../../../src/sync/sync-index.ts'

const ALL = { entries: 100_000, bytes: 1_000_000_000 }
const NAMES = ['a', 'b', 'c', 'd']
const NEVER = new AbortController().signal

export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = (seed * 2_654_435_761) >>> 0 || 1
  }

  /** A whole number below `limit`. */
  below(limit: number): number {
    // xorshift32 (Marsaglia, 2003).
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x >>> 0
    return this.#state % limit
  }

  of<T>(items: readonly T[]): T | undefined {
    return items[this.below(Math.max(1, items.length))]
  }
}

class Crash extends Error {}

/** A store whose writes fail from a crash on. */
class MortalStore extends MemorySyncStore {
  onStep: () => void = () => {}

  override async write(batch: IndexBatch): Promise<void> {
    this.onStep()
    await super.write(batch)
  }
}

class Device {
  readonly name: number
  readonly disk = new MemoryDisk()
  readonly store = new MortalStore()
  readonly #random: Random
  #runs = 0
  index!: SyncIndex
  sync!: FolderSync
  /** Up to which number each other device's index was taken. */
  taken = new Map<number, number>()

  constructor(name: number, random: Random) {
    this.name = name
    this.#random = random
  }

  onStep(onStep: () => void): void {
    this.disk.onStep = onStep
    this.store.onStep = onStep
  }

  async start(nowMs: () => number): Promise<void> {
    const indexId = `${this.name}${`${++this.#runs}`.padStart(31, '0')}`
    this.index = await SyncIndex.open(this.store, { indexId, newWriter: indexId, nowMs })
    const newId = () => `${this.name}f${this.#random.below(2 ** 31)}`.padEnd(32, '0').replaceAll(/[^0-9a-f]/g, '0')
    this.sync = new FolderSync({ disk: this.disk, index: this.index, deviceName: (writer) => `D${writer[0]}`, newId })
  }
}

export class World {
  readonly #random: Random
  readonly #devices: Device[]
  readonly log: string[] = []
  /** Content that somebody wrote, and that nobody has knowingly done away with. */
  readonly #written = new Set<string>()
  #ticks = 0
  #texts = 0
  #ids = 0

  constructor(seed: number, devices: number) {
    this.#random = new Random(seed)
    this.#devices = Array.from({ length: devices }, (_, name) => new Device(name, this.#random))
  }

  async start(): Promise<void> {
    for (const device of this.#devices) await device.start(() => ++this.#ticks)
  }

  async step(): Promise<void> {
    const random = this.#random
    const device = random.of(this.#devices)!
    const choice = random.below(20)
    if (choice < 11) this.#change(device)
    else if (choice < 14) await this.#run(device)
    else if (choice < 18) await this.#hear(device, random.of(this.#devices)!)
    else if (choice < 19) await this.#crash(device)
    else await this.#restart(device)
  }

  /** All talk until nothing is left to be said; then all disks are equal, and have what was written. */
  async settle(): Promise<void> {
    for (const device of this.#devices) this.#setAllBusy(device, false)
    let steps = 0
    for (const device of this.#devices) device.onStep(() => steps++)
    for (let round = 0, before = -1; before !== steps; round++) {
      assert(round < 30, 'it never comes to rest')
      before = steps
      for (const device of this.#devices) {
        device.sync.note({ path: '', isTree: true })
        await this.#run(device)
      }
      for (const device of this.#devices) for (const other of this.#devices) await this.#hear(device, other)
    }
    for (const { name, index } of this.#devices) assert.equal(index.behind.size, 0, `${name} is behind`)
    this.#check()
  }

  #check(): void {
    const [first, ...others] = this.#devices.map(({ disk }) => shownOn(disk))
    for (const other of others) assert.deepEqual(other, first)
    const texts = new Set(Object.values(first!))
    for (const text of this.#written) assert(texts.has(text), `${text} is lost`)
  }

  async #run(device: Device): Promise<void> {
    this.#note(device, 'runs')
    await device.sync.run(NEVER)
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
    const onStep = () => {
      if (left-- <= 0) throw new Crash()
    }
    device.onStep(onStep)
    try {
      await device.sync.run(NEVER)
    } catch (error) {
      if (!(error instanceof Crash)) throw error
    }
    device.onStep(() => {})
    await this.#restart(device)
  }

  async #restart(device: Device): Promise<void> {
    this.#note(device, 'starts again')
    await device.start(() => ++this.#ticks)
  }

  #change(device: Device): void {
    const { disk } = device
    const random = this.#random
    const all = [...disk.walk()]
    const [path, object] = random.of(all) ?? []
    const directories = ['', ...all.filter(([, { kind }]) => kind === 'directory').map(([at]) => at)]
    const target = joinPath(random.of(directories)!, random.of(NAMES)!)
    const isFree = disk.look(target) === undefined
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2:
        if (isFree) this.#create(device, target)
        return
      case 3:
      case 4:
        if (!isFree) return
        this.#note(device, `mkdir ${target}`)
        disk.make(target, undefined, directoryState())
        this.#touch(device, target)
        return
      case 5:
      case 6:
        if (object?.kind === 'file') this.#write(device, path!)
        return
      case 7:
        if (path !== undefined) this.#remove(device, path)
        return
      case 8:
      case 9:
        if (path !== undefined && target !== path && !target.startsWith(`${path}/`)) this.#rename(device, path, target)
        return
      case 10:
        if (object?.kind === 'file' && isFree) this.#link(device, path!, target)
        return
      case 11:
        if (object?.kind === 'file' && isFree) this.#copy(device, path!, target)
    }
  }

  #create(device: Device, path: string): void {
    const text = this.#text(device)
    this.#note(device, `create ${path} ${text}`)
    device.disk.make(path, `${device.name}e${`${++this.#ids}`.padStart(30, '0')}`, fileState(text))
    this.#touch(device, path)
  }

  #write(device: Device, path: string): void {
    const object = device.disk.look(path)
    assert(object !== undefined && typeof object === 'object')
    const text = this.#text(device)
    this.#note(device, `write ${path} ${text} over ${textOf(object)}`)
    this.#written.delete(textOf(object))
    device.disk.replace(path, object.id, { ...fileState(text), attributes: object.attributes })
    this.#touch(device, path)
    for (const [at, other] of device.disk.walk()) if (other.identity === object.identity) this.#touch(device, at)
  }

  #remove(device: Device, path: string): void {
    this.#note(device, `remove ${path}`)
    const texts = [...device.disk.walk(path)].map(([, object]) => object)
    const own = device.disk.look(path)
    const gone = [...texts, own].filter((object) => object !== undefined && typeof object === 'object')
    for (const [at] of [...device.disk.walk(path)].reverse()) device.disk.remove(at)
    device.disk.remove(path)
    this.#doAway(device, gone.map(textOf))
    this.#touch(device, path, true)
  }

  #rename(device: Device, from: string, to: string): void {
    const { disk } = device
    const there = disk.look(to)
    const object = disk.look(from)
    assert(object !== undefined && typeof object === 'object')
    if (there !== undefined) {
      if (typeof there !== 'object' || there.kind !== object.kind || there.identity === object.identity) return
      if (from.startsWith(`${to}/`) || [...disk.walk(to)].length > 0) return
      disk.remove(to)
      this.#doAway(device, [textOf(there)])
    }
    this.#note(device, `rename ${from} to ${to}`)
    disk.move(from, to)
    this.#touch(device, from, true)
    this.#touch(device, to, true)
  }

  #link(device: Device, from: string, to: string): void {
    this.#note(device, `link ${from} ${to}`)
    device.disk.link(from, to)
    this.#touch(device, to)
  }

  /** As `cp` copies a stub: it carries the same id; and something is written to it. */
  #copy(device: Device, from: string, to: string): void {
    const object = device.disk.look(from)
    assert(object !== undefined && typeof object === 'object')
    const text = this.#text(device)
    this.#note(device, `copy ${from} ${to} ${text}`)
    device.disk.make(to, object.id, fileState(text))
    this.#touch(device, to)
  }

  /** Unless another name still has it. */
  #doAway(device: Device, texts: readonly string[]): void {
    const left = new Set(Object.values(shownOn(device.disk)))
    for (const text of texts) if (!left.has(text)) this.#written.delete(text)
  }

  /** Now and then nobody tells: only a scan of all finds it. */
  #touch(device: Device, path: string, isTree = false): void {
    if (this.#random.below(4) === 0) return
    device.sync.note({ path: parentPath(path)!, isTree: false })
    device.sync.note({ path, isTree })
  }

  #setAllBusy(device: Device, isBusy: boolean): void {
    for (const [path] of device.disk.walk()) device.disk.setBusy(path, isBusy)
  }

  #text(device: Device): string {
    const text = `${device.name}:${++this.#texts}`
    this.#written.add(text)
    return text
  }

  #note(device: Device, what: string): void {
    this.log.push(`${device.name} ${what}`)
  }
}

function shownOn(disk: MemoryDisk): Record<string, string> {
  return Object.fromEntries(
    [...disk.walk()]
      .sort()
      .map(([path, object]) => (object.kind === 'file' ? [path, textOf(object)] : [`${path}/`, ''])),
  )
}

function textOf(state: ObjectState): string {
  const { content } = state
  return content.kind === 'file' && content.content.kind === 'inline' ? content.content.bytes.toString() : ''
}

function fileState(text: string): ObjectState {
  const bytes = Buffer.from(text)
  return {
    kind: 'file',
    content: { kind: 'file', size: bytes.length, content: { kind: 'inline', bytes } },
    mtimeNs: 1n,
    attributes: { mode: 0o644, uid: 0, gid: 0, xattrs: [] },
  }
}

function directoryState(): ObjectState {
  return {
    kind: 'directory',
    content: { kind: 'nothing' },
    mtimeNs: 1n,
    attributes: { mode: 0o755, uid: 0, gid: 0, xattrs: [] },
  }
}
