/**
 * Objects of which this device's disk shows another state than the index: the index has heard of a change that has not
 * come to the disk. Each with what the disk shows, and found by the directory that it is in there.
 */
import type { ObjectId, SyncEntry } from '../format/sync-entry.ts'
import type { OnDisk } from '../format/sync-record.ts'

export class Behind {
  readonly #onDisk = new Map<ObjectId, OnDisk>()
  readonly #children = new Map<ObjectId, Set<ObjectId>>()

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

  /** What the disk shows in a directory. What is set meanwhile may come, or not. */
  *in(parent: ObjectId): Generator<SyncEntry> {
    for (const id of this.#children.get(parent) ?? []) {
      const entry = this.#onDisk.get(id)?.entry
      if (entry !== undefined) yield entry
    }
  }

  /** Undefined: the disk has caught up. */
  set(id: ObjectId, onDisk: OnDisk | undefined): void {
    for (const { parent } of placesOf(this.#onDisk.get(id))) {
      const ids = this.#children.get(parent)
      ids?.delete(id)
      if (ids?.size === 0) this.#children.delete(parent)
    }
    if (onDisk === undefined) this.#onDisk.delete(id)
    else this.#onDisk.set(id, onDisk)
    for (const { parent } of placesOf(onDisk)) {
      const ids = this.#children.get(parent) ?? new Set()
      this.#children.set(parent, ids.add(id))
    }
  }
}

function placesOf(onDisk: OnDisk | undefined) {
  return onDisk?.entry?.placement.value.places ?? []
}
