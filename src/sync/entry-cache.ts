/**
 * Entries of an index that were read, while a whole folder is gone through: the same directories and names are asked for
 * again with each object. What it gives is what the store has; who writes to the store says so.
 *
 * A directory whose names are asked for one by one is read whole once it is small beside the number of questions.
 */
import type { ByteString } from '../dfs.ts'
import type { ObjectId, SyncEntry } from '../format/sync-entry.ts'
import type { ChangedEntry } from '../format/sync-record.ts'
import { isAlive } from './entry-merge.ts'
import type { SyncStore } from './sync-store.ts'

type Children = Map<ByteString, SyncEntry[]>

/** Entries that are held at most; then it begins anew. */
const ENTRIES_MAX = 100_000
/** So many entries are read for each question about a directory. */
const READ_PER_QUESTION = 32

export class EntryCache {
  readonly #store: SyncStore
  readonly #entries = new Map<ObjectId, SyncEntry | undefined>()
  readonly #children = new Map<ObjectId, Children>()
  readonly #questions = new Map<ObjectId, number>()
  /** Directories that are not read whole: most of what is held would be of one. */
  readonly #large = new Set<ObjectId>()
  readonly #entriesMax: number
  #users = 0
  #size = 0
  #writes = 0

  constructor(store: SyncStore, entriesMax = ENTRIES_MAX) {
    this.#store = store
    this.#entriesMax = entriesMax
  }

  /** Remembers what is read until it is disposed of. */
  remember(): Disposable {
    this.#users++
    return {
      [Symbol.dispose]: () => {
        this.#users--
        if (this.#users > 0) return
        this.#clear()
        this.#large.clear()
      },
    }
  }

  /** In the order of the ids. */
  async get(ids: readonly ObjectId[]): Promise<(SyncEntry | undefined)[]> {
    const missing = ids.filter((id) => !this.#entries.has(id))
    if (missing.length === 0) return ids.map((id) => this.#entries.get(id))
    const writes = this.#writes
    const read = new Map<ObjectId, SyncEntry | undefined>()
    const stored = await this.#store.readEntries(missing)
    missing.forEach((id, at) => {
      read.set(id, stored[at]?.entry)
    })
    const found = ids.map((id) => (read.has(id) ? read.get(id) : this.#entries.get(id)))
    if (this.#users > 0 && writes === this.#writes) for (const [id, entry] of read) this.#add(id, entry)
    return found
  }

  /** As `SyncStore.readChildren`. */
  async *readChildren(parent: ObjectId, name?: ByteString): AsyncGenerator<SyncEntry> {
    const children = await this.#childrenOf(parent, name === undefined)
    if (children === undefined) yield* this.#store.readChildren(parent, name)
    else if (name !== undefined) yield* children.get(name)?.toSorted(aliveFirst) ?? []
    else yield* [...children.values()].flat().sort(aliveFirst)
  }

  /** These were written, durably or not. */
  note(changed: readonly ChangedEntry[]): void {
    this.#writes++
    for (const { before, after } of changed) {
      if (this.#entries.has(after.entry.id)) this.#entries.set(after.entry.id, after.entry)
      for (const { parent, name } of before?.entry.placement.value.places ?? []) {
        const names = this.#children.get(parent)
        const left = names?.get(name)?.filter(({ id }) => id !== after.entry.id)
        if (left !== undefined) names!.set(name, left)
      }
      if (isAlive(after.entry) || after.entry.kind === 'directory') this.#addChild(after.entry)
    }
  }

  #addChild(entry: SyncEntry): void {
    for (const { parent, name } of entry.placement.value.places) {
      const names = this.#children.get(parent)
      if (names !== undefined) names.set(name, [...(names.get(name) ?? []), entry])
    }
  }

  /** Undefined if it is not worth reading all of them. */
  async #childrenOf(parent: ObjectId, isForAll: boolean): Promise<Children | undefined> {
    const known = this.#children.get(parent)
    if (known !== undefined || this.#users === 0 || this.#large.has(parent)) return known
    const questions = (this.#questions.get(parent) ?? 0) + 1
    this.#questions.set(parent, questions)
    // Powers of two: so that what was given up is not begun again too often.
    if (!isForAll && (questions & (questions - 1)) !== 0) return undefined
    const limitMax = this.#entriesMax / 2
    const limit = isForAll ? limitMax : Math.min(limitMax, questions * READ_PER_QUESTION)
    const children: Children = new Map()
    const writes = this.#writes
    let count = 0
    for await (const entry of this.#store.readChildren(parent)) {
      if (++count > limit) {
        if (limit === limitMax) this.#large.add(parent)
        return undefined
      }
      for (const place of entry.placement.value.places) {
        if (place.parent !== parent) continue
        const sharing = children.get(place.name) ?? []
        if (!sharing.some(({ id }) => id === entry.id)) children.set(place.name, [...sharing, entry])
      }
    }
    if (writes !== this.#writes) return undefined
    for (const entries of children.values()) for (const entry of entries) this.#add(entry.id, entry)
    this.#children.set(parent, children)
    return children
  }

  #add(id: ObjectId, entry: SyncEntry | undefined): void {
    if (this.#size >= this.#entriesMax) this.#clear()
    if (!this.#entries.has(id)) this.#size++
    this.#entries.set(id, entry)
  }

  #clear(): void {
    this.#entries.clear()
    this.#children.clear()
    this.#questions.clear()
    this.#size = 0
  }
}

function aliveFirst(a: SyncEntry, b: SyncEntry): number {
  return Number(isAlive(b)) - Number(isAlive(a))
}
