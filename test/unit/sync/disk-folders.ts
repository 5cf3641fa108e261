/** Devices with folders on disks in memory, for tests: each does what is asked for, and nothing else. */
import assert from 'node:assert/strict'
import { decodeSyncEntry } from '../../../src/format/sync-entry.ts'
import type { DiskObject, ObjectState } from '../../../src/sync/disk.ts'
import { FolderSync, type Round } from '../../../src/sync/folder-sync.ts'
import { MemoryDisk } from '../../../src/sync/memory-disk.ts'
import { MemorySyncStore } from '../../../src/sync/memory-sync-store.ts'
import { SyncIndex } from '../../../src/sync/sync-index.ts'
import { preparedDisk } from './prepared-disk.ts'

const ALL = { entries: 100_000, bytes: 1_000_000_000 }
const NEVER = new AbortController().signal
const NOW_MS = Date.UTC(2025, 6, 1)

class Killed extends Error {}

let ids = 0
let ticks = 0

export class FolderDevice {
  readonly name: string
  readonly disk = new MemoryDisk()
  store = new MemorySyncStore()
  #index!: SyncIndex
  #sync!: FolderSync
  readonly #taken = new Map<FolderDevice, number>()
  #lost = false
  /** From what it is. */
  clockOffMs = 0

  private constructor(name: string) {
    this.name = name
  }

  /** `name`: one character, a digit in hex. */
  static async start(name: string): Promise<FolderDevice> {
    const device = new FolderDevice(name)
    await device.restart()
    return device
  }

  async restart(): Promise<void> {
    const indexId = this.#newId()
    const nowMs = () => NOW_MS + this.clockOffMs + ++ticks
    this.#index = await SyncIndex.open(this.store, { indexId, newWriter: indexId, datesByMtime: this.#lost, nowMs })
    const deviceName = (writer: string) => `device-${writer[0]}`
    this.#sync = new FolderSync({
      disk: preparedDisk(this.disk),
      index: this.#index,
      deviceName,
      newId: () => this.#newId(),
      readFile: (path) => this.readFile(path),
    })
  }

  /** As its folder reads files. */
  async readFile(path: string): Promise<Buffer> {
    return Buffer.from(textOf(this.at(path)))
  }

  get sync(): FolderSync {
    return this.#sync
  }

  /** Begins anew, with nothing but what the disk shows. */
  async loseIndex(...others: readonly FolderDevice[]): Promise<void> {
    this.store = new MemorySyncStore()
    this.#taken.clear()
    for (const other of others) other.#taken.delete(this)
    this.#lost = true
    await this.restart()
  }

  /** Looks at all of the disk, and brings to it what it has heard of. */
  run(): Promise<Round> {
    this.#sync.note({ path: '', isTree: true })
    return this.#sync.run(NEVER)
  }

  /** Brings what it has heard of, and looks at nothing that is not in the way. */
  bring(): Promise<Round> {
    return this.#sync.run(NEVER)
  }

  /** As `run`, but is killed after so many steps on the disk, and starts again; false if there were no more. */
  async runAndDie(steps: number): Promise<boolean> {
    let left = steps
    this.disk.onStep = () => {
      if (left-- <= 0) throw new Killed()
    }
    try {
      await this.run()
      return false
    } catch (error) {
      if (error instanceof Killed) return true
      throw error
    } finally {
      this.disk.onStep = () => {}
      await this.restart()
    }
  }

  async hear(other: FolderDevice): Promise<void> {
    const { entries, upTo } = await other.#index.readChanges(this.#taken.get(other) ?? 0, ALL)
    await this.#index.take(other.name, entries.map(decodeSyncEntry), undefined)
    this.#taken.set(other, upTo)
  }

  /** What a program does. */
  create(path: string, text: string): void {
    this.disk.make(path, this.#newId(), fileState(text))
  }

  makeDirectory(path: string): void {
    this.disk.make(path, undefined, { ...fileState(''), kind: 'directory', content: { kind: 'nothing' } })
  }

  write(path: string, text: string): void {
    this.disk.replace(path, this.at(path).id, fileState(text))
  }

  /** As `cp -a` copies stubs. */
  copy(from: string, to: string): void {
    const object = this.at(from)
    this.disk.make(to, object.id, object)
  }

  removeTree(path: string): void {
    for (const [at] of [...this.disk.walk(path)].reverse()) this.disk.remove(at)
    this.disk.remove(path)
  }

  at(path: string): DiskObject {
    const found = this.disk.look(path)
    assert(typeof found === 'object', `${path} is there`)
    return found
  }

  /** The texts of files by path; of anything else its kind. */
  shown(): Record<string, string> {
    return Object.fromEntries([...this.disk.walk()].map(([path, object]) => [path, textOf(object)] as const).sort())
  }

  #newId(): string {
    return this.name + `${++ids}`.padStart(31, '0')
  }
}

/** Two devices that have this folder, and know that they do. */
export async function sharedFolder(fill: (device: FolderDevice) => void): Promise<[FolderDevice, FolderDevice]> {
  const [a, b] = [await FolderDevice.start('a'), await FolderDevice.start('b')]
  fill(a)
  await a.run()
  await agree(a, b)
  return [a, b]
}

/** They talk until neither has anything to say or to do. */
export async function agree(...devices: readonly FolderDevice[]): Promise<void> {
  for (let round = 0; round < 3; round++) {
    for (const device of devices) for (const other of devices) if (device !== other) await device.hear(other)
    for (const device of devices) assert.equal((await device.run()).waiting, 0)
  }
  for (const device of devices) assert.deepEqual(device.shown(), devices[0]!.shown())
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

function textOf({ kind, content }: ObjectState): string {
  return content.kind === 'file' && content.content.kind === 'inline' ? content.content.bytes.toString() : kind
}
