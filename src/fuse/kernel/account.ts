/**
 * What the kernel holds of ours: lookups by inode, and open handles. When a mount ends it gives nothing back itself.
 *
 * Invariant: an inode is forgotten exactly as often as the kernel was given it, whatever the kernel says.
 */
import type { Ino } from '../../dfs.ts'
import type { FilesystemOperations } from '../../vfs/operations.ts'

export class Account {
  readonly #filesystem: FilesystemOperations
  readonly #onKnown: (known: number) => void
  readonly #lookups = new Map<Ino, number>()
  /** Open files, and of those that were opened for writing the inode. */
  readonly #files = new Map<number, Ino | undefined>()
  readonly #writers = new Map<Ino, number>()
  readonly #directories = new Set<number>()

  /** `onKnown` hears how many inodes the kernel knows, when that changes. */
  constructor(filesystem: FilesystemOperations, onKnown: (known: number) => void = () => {}) {
    this.#filesystem = filesystem
    this.#onKnown = onKnown
  }

  /** The file system has counted a lookup of this inode. */
  lookedUp(ino: Ino): void {
    const known = this.#lookups.get(ino) ?? 0
    this.#lookups.set(ino, known + 1)
    if (known === 0) this.#onKnown(this.#lookups.size)
  }

  /** Gives lookups back, but never more than there were. */
  forget(ino: Ino, count: number): void {
    const known = this.#lookups.get(ino)
    if (known === undefined || count <= 0) return
    const forgotten = Math.min(known, count)
    if (forgotten === known) this.#lookups.delete(ino)
    else this.#lookups.set(ino, known - forgotten)
    this.#filesystem.forget(ino, forgotten)
    if (forgotten === known) this.#onKnown(this.#lookups.size)
  }

  /** `writes`: the inode, if the handle may write: the kernel may then have pages of it that nobody else has. */
  opened(handle: number, writes: Ino | undefined): number {
    this.#files.set(handle, writes)
    if (writes !== undefined) this.#writers.set(writes, (this.#writers.get(writes) ?? 0) + 1)
    return handle
  }

  /** Whether a handle that may write is open. */
  isWritten(ino: Ino): boolean {
    return this.#writers.has(ino)
  }

  openedDirectory(handle: number): number {
    this.#directories.add(handle)
    return handle
  }

  /** Closes a file's handle; nothing happens if it is not open. */
  release(handle: number): void | Promise<void> {
    const writes = this.#files.get(handle)
    if (!this.#files.delete(handle)) return
    if (writes !== undefined) this.#closedWriter(writes)
    return this.#filesystem.release(handle)
  }

  releaseDirectory(handle: number): void | Promise<void> {
    if (this.#directories.delete(handle)) return this.#filesystem.releasedir(handle)
  }

  /** The kernel is gone: takes back all that it had. */
  async settle(): Promise<void> {
    for (const handle of [...this.#files.keys()]) await this.release(handle)
    for (const handle of [...this.#directories]) await this.releaseDirectory(handle)
    for (const [ino, count] of [...this.#lookups]) this.forget(ino, count)
  }

  #closedWriter(ino: Ino): void {
    const left = this.#writers.get(ino)! - 1
    if (left > 0) this.#writers.set(ino, left)
    else this.#writers.delete(ino)
  }
}
