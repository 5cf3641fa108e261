/**
 * Keeps the account of lookups with the file system: each attributes it returns counts one, and all of an inode's
 * are given back when nobody here (a path of the cache, an open handle, a hidden file) holds it any more.
 *
 * Invariant: an inode in the table has at least one holder, and its number is valid.
 */
import type { Ino } from '../../dfs.ts'
import { type FilesystemOperations, ROOT_INO } from '../../vfs/operations.ts'

interface Account {
  lookups: number
  holders: number
}

export class HeldInodes {
  readonly #filesystem: FilesystemOperations
  readonly #accounts = new Map<Ino, Account>()

  constructor(filesystem: FilesystemOperations) {
    this.#filesystem = filesystem
  }

  /** Takes over one lookup that the file system just counted, and holds the inode. */
  adopt(ino: Ino): void {
    const account = this.#accounts.get(ino)
    if (account === undefined) {
      this.#accounts.set(ino, { lookups: 1, holders: 1 })
    } else {
      account.lookups++
      account.holders++
    }
  }

  /** Holds an inode once more that is held already (or the root, which needs no holding). */
  hold(ino: Ino): void {
    const account = this.#accounts.get(ino)
    if (account !== undefined) account.holders++
  }

  letGo(ino: Ino): void {
    const account = this.#accounts.get(ino)
    if (account === undefined || --account.holders > 0) return
    this.#accounts.delete(ino)
    if (ino !== ROOT_INO) this.#filesystem.forget(ino, account.lookups)
  }

  get size(): number {
    return this.#accounts.size
  }
}
