/**
 * Which version of a file the kernel's page cache holds, so that opening it again may keep the pages.
 *
 * Invariant: pages are kept only if nothing but this mount, under this path, changed the file since they were read.
 */
import type { ByteString, Ino } from '../../dfs.ts'
import type { Attributes } from '../../vfs/operations.ts'

const FILES_MAX = 100_000

interface CachedVersion {
  readonly path: ByteString
  readonly size: number
  readonly mtimeNs: bigint
}

export class PageCache {
  /** In the order of their last note. */
  readonly #versions = new Map<Ino, CachedVersion>()

  /** Whether pages the kernel may have of this file are those of its present version. */
  isCurrent(path: ByteString, { ino, size, mtimeNs }: Attributes): boolean {
    const version = this.#versions.get(ino)
    return version?.path === path && version.size === size && version.mtimeNs === mtimeNs
  }

  /** The kernel's pages under this path are, from now on, those of this version. */
  note(path: ByteString, { ino, size, mtimeNs }: Attributes): void {
    this.#versions.delete(ino)
    this.#versions.set(ino, { path, size, mtimeNs })
    if (this.#versions.size <= FILES_MAX) return
    const [oldest] = this.#versions.keys()
    if (oldest !== undefined) this.#versions.delete(oldest)
  }

  forget(ino: Ino): void {
    this.#versions.delete(ino)
  }
}
