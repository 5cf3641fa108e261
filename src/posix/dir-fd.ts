/**
 * An open directory that owns its descriptor until it is disposed of.
 */
import { byteStringOf } from '../bytes/byte-string.ts'
import { closeFd, O, openAt } from './files.ts'
import { AT_FDCWD } from './libc.ts'

export class DirFd {
  readonly fd: number
  #open = true

  private constructor(fd: number) {
    this.fd = fd
  }

  /** Opens a directory by its path as text, following symbolic links. Fails with `not-found`, `not-a-directory`, ... */
  static open(path: string): DirFd {
    return new DirFd(openAt(AT_FDCWD, byteStringOf(path), O.RDONLY | O.DIRECTORY))
  }

  /** Closes the descriptor, once. */
  [Symbol.dispose](): void {
    if (!this.#open) return
    this.#open = false
    closeFd(this.fd)
  }
}
