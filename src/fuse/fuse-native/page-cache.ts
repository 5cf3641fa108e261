/**
 * Which version of a file the kernel's page cache holds, so that opening it again may keep the pages.
 *
 * Invariant: pages are kept only if nothing but this mount, under this path, changed the file since they were read.
 */
import { RecencyList, type Recent } from '../../concurrency/recency-list.ts'
import type { ByteString } from '../../dfs.ts'
import type { Attributes } from '../../vfs/operations.ts'

/** The least recently noted go first, and are read anew when they are opened. */
const FILES_MAX = 20_000

type Version = Pick<Attributes, 'statIno' | 'size' | 'mtimeNs' | 'ctimeNs'>

interface CachedVersion extends Version, Recent<CachedVersion> {
  readonly path: ByteString
}

/** Files are told apart by `statIno`, for the numbers by which the mount names them end with its own memory of them. */
export class PageCache {
  readonly #filesMax: number
  readonly #versions = new Map<number, CachedVersion>()
  readonly #recency = new RecencyList<CachedVersion>()

  constructor(filesMax = FILES_MAX) {
    this.#filesMax = filesMax
  }

  /** Whether pages the kernel may have of this file are those of its present version. */
  isCurrent(path: ByteString, { statIno, size, mtimeNs, ctimeNs }: Version): boolean {
    const known = this.#versions.get(statIno)
    if (known === undefined) return false
    // Another object may have got the number of one that is gone; the change time tells them apart, too.
    return known.path === path && known.size === size && known.mtimeNs === mtimeNs && known.ctimeNs === ctimeNs
  }

  /** The kernel's pages under this path are, from now on, those of this version. */
  note(path: ByteString, { statIno, size, mtimeNs, ctimeNs }: Version): void {
    this.forget(statIno)
    const version = { path, statIno, size, mtimeNs, ctimeNs, older: undefined, newer: undefined }
    this.#versions.set(statIno, version)
    this.#recency.add(version)
    if (this.#recency.size > this.#filesMax) this.forget(this.#recency.oldest!.statIno)
  }

  forget(statIno: number): void {
    const version = this.#versions.get(statIno)
    if (version === undefined) return
    this.#versions.delete(statIno)
    this.#recency.remove(version)
  }
}
