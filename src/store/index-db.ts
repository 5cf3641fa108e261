/**
 * The index: what can be read again from stubs, blocks and journal, kept in `level` for speed.
 *
 * Invariants: nothing but speed depends on it, so an index that cannot be read, or is of another format, is dropped
 * and begun anew, never migrated; reads are synchronous; writes never wait for the disk, and reads see them at once.
 */
import { writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { Level } from 'level'
import type { Cid } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { digestOfCid } from '../format/cid.ts'
import {
  type AttributesEntry,
  decodeAttributes,
  decodeReferences,
  encodeAttributes,
  encodeObjectKey,
  encodeReferences,
  type ObjectKey,
  type References,
} from '../format/index-entry.ts'
import { warn } from '../log.ts'
import { decodeChecked, encodeChecked } from './index-value.ts'
import { PendingWrites } from './pending-writes.ts'
import { readFileIfThere } from './small-file.ts'

/** Goes up with every change of what keys or values mean. */
const FORMAT = '1'

type Database = Level<Buffer, Buffer>

// One byte before each key. level's own sublevels cost twice as much a read (4.2 µs against 2.2).
const FORMAT_KEY = Buffer.from('f')
const ATTRIBUTES = Buffer.from('a')
const NODE_CHILDREN = Buffer.from('n')

export class IndexDb {
  /** True if there was no usable index and this one begins empty. */
  readonly rebuilt: boolean
  readonly #dir: string
  readonly #db: Database
  readonly #writes: PendingWrites
  #broken = false

  private constructor(dir: string, db: Database, rebuilt: boolean) {
    this.#dir = dir
    this.#db = db
    this.rebuilt = rebuilt
    this.#writes = new PendingWrites(
      (operations) => db.batch(operations),
      (error) => this.#giveUp(error),
    )
  }

  /** Opens the index in `dir`, begun anew if it must be. Fails with `locked` if another process has it, with `io`. */
  static async open(dir: string): Promise<IndexDb> {
    const usable = await openUsable(dir)
    if (usable !== undefined) return new IndexDb(dir, usable, false)
    try {
      await rm(dir, { recursive: true, force: true })
      await rm(damageMark(dir), { force: true })
      const db = await openLevel(dir)
      await db.put(FORMAT_KEY, Buffer.from(FORMAT))
      return new IndexDb(dir, db, true)
    } catch (error) {
      throw openError(dir, error)
    }
  }

  /** What the stub says, if it was noted while the stub's underlying ctime was `ctimeNs`. */
  attributes(key: ObjectKey, ctimeNs: bigint): AttributesEntry | undefined {
    const entry = this.#get(attributesKey(key), decodeAttributes)
    return entry?.ctimeNs === ctimeNs ? entry : undefined
  }

  setAttributes(key: ObjectKey, entry: AttributesEntry): void {
    this.#set(attributesKey(key), encodeAttributes(entry))
  }

  deleteAttributes(key: ObjectKey): void {
    this.#set(attributesKey(key), undefined)
  }

  /** The blocks that a manifest node refers to, if they were noted: a fact that never changes. */
  nodeChildren(node: Cid): References | undefined {
    return this.#get(childrenKey(node), decodeReferences)
  }

  setNodeChildren(node: Cid, children: References): void {
    this.#set(childrenKey(node), encodeReferences(children))
  }

  /** Resolves once everything noted so far was handed to the disk. */
  flush(): Promise<void> {
    return this.#writes.flush()
  }

  async close(): Promise<void> {
    await this.flush()
    await this.#db.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #get<T>(key: Buffer, decode: (bytes: Buffer) => T): T | undefined {
    if (this.#broken) return undefined
    try {
      const pending = this.#writes.get(key)
      if (pending !== undefined) return pending.value && decode(decodeChecked(key, pending.value))
      const value = this.#db.getSync(key)
      return value && decode(decodeChecked(key, value))
    } catch (error) {
      this.#giveUp(error)
      return undefined
    }
  }

  #set(key: Buffer, value: Buffer | undefined): void {
    if (!this.#broken) this.#writes.set(key, value && encodeChecked(key, value))
  }

  /** From here on everything is a miss; the next open begins anew. */
  #giveUp(error: unknown): void {
    if (this.#broken) return
    this.#broken = true
    this.#writes.clear()
    warn(`the index ${this.#dir} failed and is rebuilt at the next start: ${(error as Error).message}`)
    try {
      writeFileSync(damageMark(this.#dir), '')
    } catch {
      // Then the next open finds the damage itself, or it is gone.
    }
  }
}

/** The index in `dir` if it can be opened and is of our format. Fails with `locked`. */
async function openUsable(dir: string): Promise<Database | undefined> {
  if ((await readFileIfThere(damageMark(dir))) !== undefined) return undefined
  let db: Database
  try {
    db = await openLevel(dir)
  } catch (error) {
    const failure = openError(dir, error)
    if (failure.kind === 'locked') throw failure
    warn(`${failure.message}; it is rebuilt`)
    return undefined
  }
  const format = await db.get(FORMAT_KEY).catch(() => undefined)
  if (format?.toString() === FORMAT) return db
  await db.close()
  return undefined
}

async function openLevel(dir: string): Promise<Database> {
  const db: Database = new Level(dir, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  await db.open()
  return db
}

function openError(dir: string, error: unknown): DfsError {
  const cause = (error as Error).cause as (Error & { code?: string }) | undefined
  const options = { op: 'open index', subject: dir, cause: error }
  if (cause?.code === 'LEVEL_LOCKED') return new DfsError('locked', 'another process uses the index', options)
  return new DfsError('io', `the index ${dir} cannot be opened: ${(cause ?? (error as Error)).message}`, options)
}

function damageMark(dir: string): string {
  return `${dir}.damaged`
}

function attributesKey(key: ObjectKey): Buffer {
  return Buffer.concat([ATTRIBUTES, encodeObjectKey(key)])
}

function childrenKey(node: Cid): Buffer {
  return Buffer.concat([NODE_CHILDREN, digestOfCid(node)])
}
