/**
 * Objects of which this device's disk shows another state than the index: the index has heard of a change that has not
 * come to the disk. Each with what the disk shows, and found by the directory and name that it has there.
 */
import type { ByteString } from '../dfs.ts'
import type { ObjectId, SyncEntry } from '../format/sync-entry.ts'
import type { OnDisk } from '../format/sync-record.ts'

export class Behind {
  readonly #onDisk = new Map<ObjectId, OnDisk>()
  readonly #children = new Map<ObjectId, Map<ByteString, Set<ObjectId>>>()

  constructor(onDisk: ReadonlyMap<ObjectId, OnDisk>) {
    for (const [id, one] of onDisk) this.set(id, one)
  }

  get size(): number {
    return this.#onDisk.size
  }

  has(id: ObjectId): boolean {
    return this.#onDisk.has(id)
  }

  get(id: ObjectId): OnDisk | undefined {
    return this.#onDisk.get(id)
  }

  /** Those that became so first come first. */
  ids(): IterableIterator<ObjectId> {
    return this.#onDisk.keys()
  }

  /** What the disk shows in a directory, or by this name there; as often as it has names there. What is set meanwhile may come, or not. */
  *in(parent: ObjectId, name?: ByteString): Generator<SyncEntry> {
    const names = this.#children.get(parent)
    if (names === undefined) return
    for (const ids of name === undefined ? names.values() : [names.get(name) ?? []]) {
      for (const id of ids) {
        const entry = this.#onDisk.get(id)?.entry
        if (entry !== undefined) yield entry
      }
    }
  }

  /** Undefined: the disk has caught up. */
  set(id: ObjectId, onDisk: OnDisk | undefined): void {
    for (const { parent, name } of placesOf(this.#onDisk.get(id))) {
      const names = this.#children.get(parent)
      const ids = names?.get(name)
      ids?.delete(id)
      if (ids?.size === 0) names!.delete(name)
      if (names?.size === 0) this.#children.delete(parent)
    }
    if (onDisk === undefined) this.#onDisk.delete(id)
    else this.#onDisk.set(id, onDisk)
    for (const { parent, name } of placesOf(onDisk)) {
      const names = this.#children.get(parent) ?? new Map<ByteString, Set<ObjectId>>()
      this.#children.set(parent, names.set(name, (names.get(name) ?? new Set()).add(id)))
    }
  }
}

function placesOf(onDisk: OnDisk | undefined) {
  return onDisk?.entry?.placement.value.places ?? []
}
