/**
 * The directories on the way to the entry that is being made, open from the root down. Each is found through its parent's
 * descriptor and never by a path, so that nothing is made outside of the root, whatever the entries are called.
 *
 * A directory gets its attributes when it is left: it must be writable until then, and its mtime is that of what is made in it.
 */

import { textOf } from '../bytes/byte-string.ts'
import type { ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import type { PlainEntry } from '../format/head-entry.ts'
import { parentPath } from '../format/head-path.ts'
import { closeFd } from '../posix/files.ts'
import { finishDirectory, type Making, makeDirectory } from './head-make.ts'

interface OpenDirectory {
  readonly path: ByteString
  readonly fd: number
  readonly entry: PlainEntry
}

export class OpenDirectories implements Disposable {
  readonly #rootFd: number
  readonly #making: Making
  /** Below the root, each in the one before it. */
  readonly #open: OpenDirectory[] = []

  /** `rootFd` stays the caller's. */
  constructor(rootFd: number, making: Making) {
    this.#rootFd = rootFd
    this.#making = making
  }

  /** A descriptor of the directory that a path is in. Fails with `corrupt` if no entry made it just before. */
  parentOf(path: ByteString): number {
    const parent = parentPath(path)
    while (this.#open.length > 0 && this.#open.at(-1)!.path !== parent) this.#leave()
    if (this.#open.length === 0 && parent !== '') {
      throw new DfsError('corrupt', 'the head has an object without its directory', {
        op: 'bring back',
        subject: textOf(path),
      })
    }
    return this.#open.at(-1)?.fd ?? this.#rootFd
  }

  enter(entry: PlainEntry): void {
    const fd = makeDirectory(this.parentOf(entry.path), entry, this.#making)
    this.#open.push({ path: entry.path, fd, entry })
  }

  /** Leaves all but the root. */
  finish(): void {
    while (this.#open.length > 0) this.#leave()
  }

  /** Closes what is open; nothing is finished. */
  [Symbol.dispose](): void {
    for (const { fd } of this.#open.splice(0)) closeFd(fd)
  }

  #leave(): void {
    const { fd, entry } = this.#open.at(-1)!
    finishDirectory(fd, entry, this.#making)
    this.#open.pop()
    closeFd(fd)
  }
}
