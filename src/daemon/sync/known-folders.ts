/**
 * What folders the other devices of one's own have, also from one run to the next: so that one can be named while no
 * device that has it is there. In a checked file, whose body is that of FORMAT.md §16.
 */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { Mutex } from '../../concurrency/mutex.ts'
import type { ByteString } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import { decodeKnownFolders, encodeKnownFolders, type SyncFolder } from '../../format/sync-folders.ts'
import { bufferOf } from '../../net/pairing/pairing-calls.ts'
import { type CheckedFileKind, readCheckedFile, writeCheckedFile } from '../../store/checked-file.ts'

export interface KnownFolder {
  /** 32 hex digits. */
  readonly id: string
  /** Where devices call it differently: as the first of them does. */
  readonly name: ByteString
  /** Those that have it, ascending. */
  readonly devices: readonly string[]
}

const KIND: CheckedFileKind = {
  version: 1,
  holds: 'which folders own devices have',
  ifDamaged: 'they tell it again when they connect',
}

export class KnownFolders {
  readonly #file: string
  readonly #known: Map<string, readonly SyncFolder[]>
  readonly #writing = new Mutex()
  readonly #heard = Promise.withResolvers<void>()
  #written: Buffer

  /** Makes the directory of the file. Fails with `newer-version`, `io`. */
  static async open(file: string): Promise<KnownFolders> {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
    const body = await readCheckedFile(file, KIND)
    return new KnownFolders(file, new Map(body && decodeKnownFolders(bufferOf(body))))
  }

  private constructor(file: string, known: Map<string, readonly SyncFolder[]>) {
    this.#file = file
    this.#known = known
    this.#written = encodeKnownFolders(known)
  }

  /** A device says that it has these, and no others; known at once, and durably when this resolves. Fails with `no-space`, `io`. */
  note(deviceId: string, folders: readonly SyncFolder[]): Promise<void> {
    this.#known.set(deviceId, folders)
    this.#heard.resolve()
    return this.#write()
  }

  /** The device is no own one any more. */
  forget(deviceId: string): Promise<void> {
    this.#known.delete(deviceId)
    return this.#write()
  }

  /** Whether any device ever told what it has, be it nothing. */
  get isTold(): boolean {
    return this.#known.size > 0
  }

  /** Each folder once, by its id, ascending. */
  list(): KnownFolder[] {
    const found = new Map<string, { id: string; name: ByteString; devices: string[] }>()
    for (const [device, folders] of [...this.#known].sort(([a], [b]) => (a < b ? -1 : 1))) {
      for (const { id, name } of folders) {
        const folder = found.get(id) ?? { id, name, devices: [] }
        folder.devices.push(device)
        found.set(id, folder)
      }
    }
    return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** Resolves once a device has told what it has, in this run. Fails with `aborted`. */
  async whenHeard(signal: AbortSignal): Promise<void> {
    const given = Promise.withResolvers<never>()
    const onAbort = () =>
      given.reject(new DfsError('aborted', 'no device said which folders it has', { cause: signal.reason }))
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    try {
      await Promise.race([this.#heard.promise, given.promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  #write(): Promise<void> {
    return this.#writing.run(async () => {
      const bytes = encodeKnownFolders(this.#known)
      if (bytes.equals(this.#written)) return
      await writeCheckedFile(this.#file, KIND, bytes)
      this.#written = bytes
    })
  }
}
