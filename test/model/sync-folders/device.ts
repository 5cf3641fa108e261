/** A device that keeps the folder, on a disk and with an index in memory, with programs that work there. */
import type { ByteString } from '../../../src/dfs.ts'
import { DfsError } from '../../../src/errors.ts'
import type { ObjectId, SyncEntry } from '../../../src/format/sync-entry.ts'
import type { IndexBatch } from '../../../src/format/sync-record.ts'
import { FolderSync } from '../../../src/sync/folder-sync.ts'
import { MemoryDisk } from '../../../src/sync/memory-disk.ts'
import { MemorySyncStore } from '../../../src/sync/memory-sync-store.ts'
import { SyncIndex } from '../../../src/sync/sync-index.ts'
import { preparedDisk } from '../../unit/sync/prepared-disk.ts'
import { Programs } from './programs.ts'
import type { Random } from './random.ts'
import { textOf } from './states.ts'

/** Folders are small here. */
export const MISSING_MIN = 3

/** A store of which each use is told. */
class ToldStore extends MemorySyncStore {
  onStep: () => void = () => {}
  onRead: () => void = () => {}

  override async *readChildren(parent: ObjectId, name?: ByteString): AsyncGenerator<SyncEntry> {
    this.onRead()
    yield* super.readChildren(parent, name)
  }

  override readEntries(ids: readonly ObjectId[]): ReturnType<MemorySyncStore['readEntries']> {
    this.onRead()
    return super.readEntries(ids)
  }

  override async write(batch: IndexBatch): Promise<void> {
    this.onStep()
    await super.write(batch)
  }
}

export interface DeviceOptions {
  readonly name: number
  readonly random: Random
  readonly nowMs: () => number
  readonly written: Set<string>
  readonly log: (what: string) => void
}

export class Device {
  readonly name: number
  readonly disk = new MemoryDisk()
  readonly programs: Programs
  readonly #store = new ToldStore()
  readonly #options: DeviceOptions
  #runs = 0
  #ids = 0
  index!: SyncIndex
  sync!: FolderSync
  /** Up to which number each other device's index was taken. */
  readonly taken = new Map<number, number>()

  constructor(options: DeviceOptions) {
    const { name, random, written, log } = options
    this.name = name
    this.#options = options
    const tell = (path: string, isTree: boolean) => this.sync.note({ path, isTree })
    this.programs = new Programs({ disk: this.disk, random, device: name, written, tell, log })
  }

  /** Before each change of the disk or the index, which is not made if this fails. */
  onStep(onStep: () => void): void {
    this.disk.onStep = onStep
    this.#store.onStep = onStep
  }

  /** Now and then while it runs. */
  onRead(onRead: () => void): void {
    this.#store.onRead = onRead
  }

  async start(): Promise<void> {
    const { name, nowMs } = this.#options
    const indexId = `${name}${`${++this.#runs}`.padStart(31, '0')}`
    this.index = await SyncIndex.open(this.#store, { indexId, newWriter: indexId, nowMs })
    const newId = () => `${name}f${`${++this.#ids}`.padStart(30, '0')}`
    this.sync = new FolderSync({
      disk: preparedDisk(this.disk),
      index: this.index,
      deviceName: (writer) => `D${writer[0]}`,
      newId,
      readFile: async (path) => {
        const found = this.disk.look(path)
        if (typeof found !== 'object') throw new DfsError('busy', 'it cannot be read now')
        return Buffer.from(textOf(found))
      },
      missingMin: MISSING_MIN,
    })
  }
}
