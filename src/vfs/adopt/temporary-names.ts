/**
 * `.dfs/tmp`: where stubs wait to be put in place, and originals to be removed. Everything in it under our names can
 * go at any time: of a stub there the original still stands, of an original its stub.
 */
import type { ByteString } from '../../dfs.ts'
import { closeFd, O, openAt } from '../../posix/files.ts'
import { readDirectory } from '../../posix/listing.ts'
import { makeDirectoryAt, unlinkAt } from '../../posix/names.ts'
import { statAt } from '../../posix/stat.ts'

const DIRECTORY = 'tmp'
const PREFIX = 'adopt-'

export class TemporaryNames implements Disposable {
  readonly fd: number
  #next = 1

  /** `reservedFd`: a descriptor of `.dfs`, needed no longer than this. Removes what a crash has left. */
  constructor(reservedFd: number) {
    if (statAt(reservedFd, DIRECTORY) === undefined) makeDirectoryAt(reservedFd, DIRECTORY, 0o700)
    this.fd = openAt(reservedFd, DIRECTORY, O.RDONLY | O.DIRECTORY | O.NOFOLLOW)
    for (const { name } of readDirectory(this.fd)) if (name.startsWith(PREFIX)) unlinkAt(this.fd, name)
  }

  next(): ByteString {
    return `${PREFIX}${this.#next++}`
  }

  [Symbol.dispose](): void {
    closeFd(this.fd)
  }
}
