/**
 * What the kernel holds of ours: lookups by inode, and open handles. When a mount ends it gives nothing back itself.
 *
 * Invariant: an inode is forgotten exactly as often as the kernel was given it, whatever the kernel says.
 */
import type { Ino } from '../../dfs.ts'
import type { FilesystemOperations } from '../../vfs/operations.ts'

export class Account {
  readonly #filesystem: FilesystemOperations
  readonly #lookups = new Map<Ino, number>()
  readonly #files = new Set<number>()
  readonly #directories = new Set<number>()

  constructor(filesystem: FilesystemOperations) {
    this.#filesystem = filesystem
  }

  /** The file system has counted a lookup of this inode. */
  lookedUp(ino: Ino): void {
    this.#lookups.set(ino, (this.#lookups.get(ino) ?? 0) + 1)
  }

  /** Gives lookups back, but never more than there were. */
  forget(ino: Ino, count: number): void {
    const known = this.#lookups.get(ino)
    if (known === undefined || count <= 0) return
    const forgotten = Math.min(known, count)
    if (forgotten === known) this.#lookups.delete(ino)
    else this.#lookups.set(ino, known - forgotten)
    this.#filesystem.forget(ino, forgotten)
  }

  opened(handle: number): number {
    this.#files.add(handle)
    return handle
  }

  openedDirectory(handle: number): number {
    this.#directories.add(handle)
    return handle
  }

  /** Closes a file's handle; nothing happens if it is not open. */
  release(handle: number): void | Promise<void> {
    if (this.#files.delete(handle)) return this.#filesystem.release(handle)
  }

  releaseDirectory(handle: number): void | Promise<void> {
    if (this.#directories.delete(handle)) return this.#filesystem.releasedir(handle)
  }

  /** The kernel is gone: takes back all that it had. */
  async settle(): Promise<void> {
    for (const handle of [...this.#files]) await this.release(handle)
    for (const handle of [...this.#directories]) await this.releaseDirectory(handle)
    for (const [ino, count] of [...this.#lookups]) this.forget(ino, count)
  }
}
