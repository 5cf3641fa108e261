/**
 * A `level` database that is truth and no cache: what was written is there after any start, whatever failed to be written before.
 *
 * LevelDB appends to its log behind what it could not write of a batch (a full disk), and finds nothing behind that
 * when it reads the log again; or it takes no more writes at all. So after a write that failed the database is opened anew before
 * the next one: that takes over what is whole of the log, and begins another. Meanwhile it reads as before.
 */
import { statfs } from 'node:fs/promises'
import { Level } from 'level'
import { Mutex } from '../concurrency/mutex.ts'
import { DfsError } from '../errors.ts'

export type Database = Level<Buffer, Buffer>
export type Operation =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: 'del'; readonly key: Buffer }

/** LevelDB writes out what its log holds when it opens, 4 MiB at most. Begun without room it could not be read until there is. */
const ROOM_BYTES = 8 * 1024 * 1024
/** As the system says it, which is all that LevelDB passes on. */
const NO_SPACE = 'No space left on device'

export class LastingLevel implements AsyncDisposable {
  readonly #dir: string
  readonly #db: Database
  readonly #writing = new Mutex()
  #hasFailed = false

  private constructor(dir: string, db: Database) {
    this.#dir = dir
    this.#db = db
  }

  /** The database in `dir`, empty if there is none. Fails as `level` does. */
  static async open(dir: string): Promise<LastingLevel> {
    const db: Database = new Level(dir, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
    await db.open()
    return new LastingLevel(dir, db)
  }

  /** For reading, at once. Fails with `io` in the moment in which it is opened anew, and after that failed. */
  get db(): Database {
    if (this.#db.status === 'open') return this.#db
    throw new DfsError('io', 'it is being opened anew after a write that failed', { op: 'read', subject: this.#dir })
  }

  /** Resolves once all of it is durable, or fails with `no-space`, `io`; then all of it may be there after the next `mend`, or none. */
  write(operations: readonly Operation[]): Promise<void> {
    return this.#writing.run(async () => {
      await this.#mend()
      try {
        await this.#db.batch([...operations], { sync: true })
      } catch (error) {
        this.#hasFailed = true
        throw this.#failure(error)
      }
    })
  }

  /** Makes it ready to be written to after a write that failed; whether there was one. Fails with `no-space`, `io`. */
  mend(): Promise<boolean> {
    return this.#writing.run(() => this.#mend())
  }

  async close(): Promise<void> {
    await this.#writing.run(() => this.#db.close())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #mend(): Promise<boolean> {
    if (!this.#hasFailed) return false
    try {
      const { bavail, bsize } = await statfs(this.#dir)
      if (bavail * bsize < ROOM_BYTES) throw new Error(NO_SPACE)
      await this.#db.close()
      await this.#db.open()
    } catch (error) {
      throw this.#failure(error)
    }
    this.#hasFailed = false
    return true
  }

  #failure(error: unknown): DfsError {
    const { message } = ((error as Error).cause as Error | undefined) ?? (error as Error)
    const kind = message.endsWith(NO_SPACE) ? 'no-space' : 'io'
    return new DfsError(kind, message, { op: 'write', subject: this.#dir, cause: error })
  }
}
