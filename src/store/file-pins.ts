/**
 * Files that are to stay on this device, by their ids: no block of theirs is evicted.
 *
 * A checked file; its body is the ids, 16 bytes each, one after the other.
 */
import { Mutex } from '../concurrency/mutex.ts'
import type { ByteString } from '../dfs.ts'
import { FILE_ID_BYTES } from '../format/stub.ts'
import { type CheckedFileKind, readCheckedFile, writeCheckedFile } from './checked-file.ts'

const KIND: CheckedFileKind = {
  version: 1,
  holds: 'pins',
  ifDamaged: 'no file is pinned any more; pin again what is to stay on this device',
}

export class FilePins {
  readonly #file: string
  readonly #writing = new Mutex()
  #ids: ReadonlySet<ByteString>

  private constructor(file: string, ids: ReadonlySet<ByteString>) {
    this.#file = file
    this.#ids = ids
  }

  /** What `file` holds; nothing if it is not there or damaged. Fails with `newer-version`, `io`. */
  static async open(file: string): Promise<FilePins> {
    const body = (await readCheckedFile(file, KIND)) ?? new Uint8Array()
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1')
    const count = Math.floor(bytes.length / FILE_ID_BYTES)
    const ids = Array.from({ length: count }, (_, index) =>
      bytes.slice(index * FILE_ID_BYTES, (index + 1) * FILE_ID_BYTES),
    )
    return new FilePins(file, new Set(ids))
  }

  get size(): number {
    return this.#ids.size
  }

  has(fileId: Buffer): boolean {
    return this.#ids.has(fileId.toString('latin1'))
  }

  /** Resolves, with how many are new, once they are durable. Fails with `no-space`, `io`; nothing has changed then. */
  add(fileIds: readonly Buffer[]): Promise<number> {
    return this.#change((ids) => {
      for (const id of fileIds) ids.add(id.toString('latin1'))
    })
  }

  /** The same of what stays no longer. */
  remove(fileIds: readonly Buffer[]): Promise<number> {
    return this.#change((ids) => {
      for (const id of fileIds) ids.delete(id.toString('latin1'))
    })
  }

  #change(apply: (ids: Set<ByteString>) => void): Promise<number> {
    return this.#writing.run(async () => {
      const ids = new Set(this.#ids)
      apply(ids)
      const changed = Math.abs(ids.size - this.#ids.size)
      if (changed > 0) await writeCheckedFile(this.#file, KIND, Buffer.from([...ids].join(''), 'latin1'))
      this.#ids = ids
      return changed
    })
  }
}
