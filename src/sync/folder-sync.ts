/**
 * One folder and its index, kept alike: what was done to the folder becomes changes of the index, and what the index has
 * heard of comes to the folder.
 */
import type { ObjectChange } from '../dfs.ts'
import { type Applied, DiskApply } from './disk-apply.ts'
import { DiskScan, type DiskScanOptions } from './disk-scan.ts'
import { DirtyPaths } from './head-dirty.ts'

export interface Round {
  /** The index was changed by what was found on the disk. */
  readonly hasChanged: boolean
  /** So many objects could not be brought to the disk yet. */
  readonly waiting: number
}

/** While somebody changes what is to be brought, faster than it can be looked at. */
const ATTEMPTS_MAX = 5

export class FolderSync {
  readonly #options: DiskScanOptions
  readonly #scan: DiskScan
  readonly #apply: DiskApply
  readonly #dirty = new DirtyPaths()
  #isRecovered = false

  /** All of the folder is to be looked at. */
  constructor(options: DiskScanOptions) {
    this.#options = options
    this.#scan = new DiskScan(options)
    this.#apply = new DiskApply(options)
    this.#dirty.addAll()
  }

  /** Whether there is something to look at, or to bring. */
  get hasWork(): boolean {
    return this.#dirty.size > 0 || this.#options.index.behind.size > 0
  }

  note(change: ObjectChange): void {
    this.#dirty.add(change)
  }

  /**
   * Looks at what may have changed, and brings what can be brought; one at a time. Fails as the disk or the index fails:
   * then the rest is done by the next.
   */
  async run(signal: AbortSignal): Promise<Round> {
    const { disk, index } = this.#options
    using _remembered = index.remember()
    if (!this.#isRecovered) await this.#apply.recover()
    this.#isRecovered = true
    const before = index.own.sequence
    let applied: Applied = { changed: new Set(), waiting: 0 }
    let isStuck = false
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      await disk.settle()
      if (isStuck) this.#dirty.addAll()
      await this.#look(!isStuck)
      signal.throwIfAborted()
      if (index.behind.size === 0) return { hasChanged: index.own.sequence > before, waiting: 0 }
      const { changed } = applied
      applied = await this.#apply.apply(signal)
      // What a crash left half done, and others changed since, looks like nothing that we would have done.
      isStuck = changed.size > 0 && changed.symmetricDifference(applied.changed).size === 0
      for (const path of applied.changed) this.#dirty.add({ path, isTree: true })
      if (this.#dirty.size === 0) break
    }
    return { hasChanged: index.own.sequence > before, waiting: applied.waiting }
  }

  async #look(expectsOwn: boolean): Promise<void> {
    const taken = this.#dirty.take()
    if (taken.size === 0) return
    try {
      for (const place of await this.#scan.scan(taken.places(), { expectsOwn })) this.#dirty.add(place)
    } catch (error) {
      this.#dirty.putBack(taken)
      throw error
    }
  }
}
