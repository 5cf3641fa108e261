/**
 * The index of a synced folder in `level` (FORMAT.md §16).
 *
 * It is not a cache: what it says of versions and deletions stands nowhere else on this device. So writes are synced. One that
 * is damaged is set aside when it is opened, and begun anew: the folder and other devices say most of it again; one that shows
 * its damage later fails with `corrupt` until it is opened again. Entries are sealed, for they hold
 * keys and content; names are as clear as in the folder itself. Many rows at once are sealed and opened in slices, so that
 * others get their turn in between.
 */
import { mkdir } from 'node:fs/promises'
import { Slices } from '../concurrency/slices.ts'
import type { ByteString } from '../dfs.ts'
import { DfsError, kindOf } from '../errors.ts'
import type { ObjectId, SyncEntry } from '../format/sync-entry.ts'
import type { Cursor } from '../format/sync-message.ts'
import {
  BEHIND_PREFIX,
  behindKey,
  bytesOfEntry,
  changeKey,
  childKey,
  childPrefix,
  cursorKey,
  decodeBehindRow,
  decodeCursor,
  decodeEntryRow,
  decodeIndexState,
  encodeBehindRow,
  encodeCursor,
  encodeEntryRow,
  encodeIndexState,
  entryKey,
  type IndexBatch,
  type IndexState,
  idOfBehindKey,
  idOfChildKey,
  type OnDisk,
  type ReadLimits,
  STATE_KEY,
  type StoredEntry,
  sequenceOfChangeKey,
} from '../format/sync-record.ts'
import type { Keys } from '../seal/keys.ts'
import { openRow, sealRow } from '../seal/sync-seal.ts'
import { isDamage, noteDamage, setAsideIfDamaged } from './damaged-index.ts'
import { decodeChecked, encodeChecked } from './index-value.ts'
import { LastingLevel, type Operation } from './lasting-level.ts'

const NO_VALUE = Buffer.alloc(0)
/** Entries that are read at once where there may be many. */
const READ_AT_ONCE = 256

export class SyncIndexDb {
  readonly #dir: string
  readonly #level: LastingLevel
  readonly #keys: Keys
  readonly #slices = new Slices()
  /** The state that was written last. */
  #written: Buffer | undefined

  private constructor(dir: string, level: LastingLevel, keys: Keys) {
    this.#dir = dir
    this.#level = level
    this.#keys = keys
  }

  /**
   * The index in `dir`, empty if there is none, or if it is damaged. Fails with `locked` if another process has it, with
   * `newer-version`, `io`.
   */
  static async open(dir: string, keys: Keys): Promise<SyncIndexDb> {
    await setAsideIfDamaged(dir)
    try {
      return await noteDamage(dir, () => SyncIndexDb.#openAt(dir, keys))
    } catch (error) {
      if (kindOf(error) !== 'corrupt') throw error
      await setAsideIfDamaged(dir)
      return SyncIndexDb.#openAt(dir, keys)
    }
  }

  static async #openAt(dir: string, keys: Keys): Promise<SyncIndexDb> {
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 })
      await using opened = new AsyncDisposableStack()
      const db = opened.use(new SyncIndexDb(dir, await LastingLevel.open(dir), keys))
      await db.readState()
      await db.readBehind()
      opened.move()
      return db
    } catch (error) {
      throw error instanceof DfsError ? error : openError(dir, error)
    }
  }

  readState(): Promise<IndexState | undefined> {
    return noteDamage(this.#dir, async () => {
      const value = await guarded(this.#level.db.get(STATE_KEY))
      return value && decodeIndexState(decodeChecked(STATE_KEY, value))
    })
  }

  async readEntries(ids: readonly ObjectId[]): Promise<(StoredEntry | undefined)[]> {
    const entries: (StoredEntry | undefined)[] = []
    for (const row of await this.#readRows(ids)) {
      await this.#slices.next()
      entries.push(row && decodeEntryRow(row))
    }
    return entries
  }

  async *readChildren(parent: ObjectId, name?: ByteString): AsyncGenerator<SyncEntry> {
    for (const isAlive of [true, false]) {
      const prefix = childPrefix(parent, isAlive, name)
      const keys = this.#level.db.keys({ gte: prefix, lt: keyAfter(prefix) })
      try {
        for (;;) {
          const some = await guarded(keys.nextv(READ_AT_ONCE))
          if (some.length === 0) break
          for (const stored of await this.readEntries(some.map(idOfChildKey)))
            if (stored !== undefined) yield stored.entry
        }
      } finally {
        await keys.close()
      }
    }
  }

  async readChanges(
    after: number,
    limits: ReadLimits,
  ): Promise<{ entries: Buffer[]; numbers: number[]; upTo: number }> {
    const end = Math.min(limits.upTo ?? Number.POSITIVE_INFINITY, (await this.readState())?.own.sequence ?? 0)
    const range = { gt: changeKey(after), lte: changeKey(end), limit: limits.entries }
    const changes = await guarded(this.#level.db.iterator(range).all())
    const rows = await this.#readRows(changes.map(([key, id]) => decodeChecked(key, id).toString('hex')))
    const entries: Buffer[] = []
    const numbers: number[] = []
    let bytes = 0
    for (const [at, [key]] of changes.entries()) {
      const row = rows[at]
      if (row === undefined) throw new DfsError('corrupt', 'the index of the folder lacks an entry that it numbers')
      const entry = bytesOfEntry(row)
      bytes += entry.length
      if (entries.length > 0 && bytes > limits.bytes) return { entries, numbers, upTo: numbers.at(-1)! }
      entries.push(entry)
      numbers.push(sequenceOfChangeKey(key))
      if (entries.length === limits.entries) return { entries, numbers, upTo: numbers.at(-1)! }
    }
    return { entries, numbers, upTo: Math.max(after, end) }
  }

  readCursor(device: string): Promise<Cursor | undefined> {
    return noteDamage(this.#dir, async () => {
      const key = cursorKey(device)
      const value = await guarded(this.#level.db.get(key))
      return value && decodeCursor(decodeChecked(key, value))
    })
  }

  readBehind(): Promise<ReadonlyMap<ObjectId, OnDisk>> {
    return noteDamage(this.#dir, async () => {
      const behind = new Map<ObjectId, OnDisk>()
      const rows = await guarded(this.#level.db.iterator({ gte: BEHIND_PREFIX, lt: keyAfter(BEHIND_PREFIX) }).all())
      for (const [key, sealed] of rows)
        behind.set(idOfBehindKey(key), decodeBehindRow(openRow(key, sealed, this.#keys)))
      return behind
    })
  }

  async write({ state, entries, cursor, behind = new Map() }: IndexBatch): Promise<void> {
    const operations: Operation[] = []
    for (const { before, after } of entries) {
      await this.#slices.next()
      if (before !== undefined) {
        operations.push(remove(changeKey(before.sequence)))
        for (const key of childKeys(before)) operations.push(remove(key))
      }
      for (const key of childKeys(after)) operations.push(put(key, NO_VALUE))
      const [key, change] = [entryKey(after.entry.id), changeKey(after.sequence)]
      operations.push(put(key, sealRow(key, encodeEntryRow(after), this.#keys)))
      operations.push(put(change, encodeChecked(change, Buffer.from(after.entry.id, 'hex'))))
    }
    if (cursor !== undefined) {
      const key = cursorKey(cursor.device)
      operations.push(put(key, encodeChecked(key, encodeCursor(cursor.cursor))))
    }
    for (const [id, onDisk] of behind) {
      const key = behindKey(id)
      operations.push(onDisk === undefined ? remove(key) : put(key, sealRow(key, encodeBehindRow(onDisk), this.#keys)))
    }
    const written = encodeChecked(STATE_KEY, encodeIndexState(state))
    operations.push(put(STATE_KEY, written))
    await this.#mend()
    await guarded(this.#level.write(operations))
    this.#written = written
  }

  close(): Promise<void> {
    return this.#level.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** What was said to have failed, and is there after all, is not what whoever writes goes by: he has to begin with it. */
  async #mend(): Promise<void> {
    if (!(await guarded(this.#level.mend()))) return
    const value = await guarded(this.#level.db.get(STATE_KEY))
    if (this.#written === undefined || value?.equals(this.#written) === true) return
    throw new DfsError(
      'io',
      'the index of the folder is ahead of what is known of it: unmount the folder, and mount it',
    )
  }

  #readRows(ids: readonly ObjectId[]): Promise<(Buffer | undefined)[]> {
    return noteDamage(this.#dir, async () => {
      const keys = ids.map(entryKey)
      const values = await guarded(this.#level.db.getMany(keys))
      const rows: (Buffer | undefined)[] = []
      for (const [at, value] of values.entries()) {
        await this.#slices.next()
        rows.push(value && openRow(keys[at]!, value, this.#keys))
      }
      return rows
    })
  }
}

function childKeys({ entry }: StoredEntry): Buffer[] {
  const isAlive = entry.content.value !== undefined
  if (!isAlive && entry.kind !== 'directory') return []
  return entry.placement.value.places.map(({ parent, name }) => childKey(parent, isAlive, name, entry.id))
}

/** The least key that is greater than all that begin with the prefix, whose last byte is not the highest. */
function keyAfter(prefix: Buffer): Buffer {
  const key = Buffer.from(prefix)
  key[key.length - 1]! += 1
  return key
}

function put(key: Buffer, value: Buffer): Operation {
  return { type: 'put', key, value }
}

function remove(key: Buffer): Operation {
  return { type: 'del', key }
}

/** What the database does; it fails with `io`. */
async function guarded<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    const { message } = ((error as Error).cause as Error | undefined) ?? (error as Error)
    if (!isDamage(message)) {
      throw new DfsError('io', `the index of the folder fails: ${message}`, { op: 'use index', cause: error })
    }
    throw new DfsError('corrupt', `the index of the folder is damaged: ${message}`, {
      op: 'use index',
      mend: 'unmount the folder and mount it again: the index is begun anew then',
      cause: error,
    })
  }
}

function openError(dir: string, error: unknown): DfsError {
  const cause = (error as Error).cause as (Error & { code?: string }) | undefined
  const options = { op: 'open index', subject: dir, cause: error }
  if (cause?.code === 'LEVEL_LOCKED')
    return new DfsError('locked', 'another process uses the index of the folder', options)
  const { message } = cause ?? (error as Error)
  return new DfsError(isDamage(message) ? 'corrupt' : 'io', `the index ${dir} cannot be opened: ${message}`, options)
}
