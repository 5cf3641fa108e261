/**
 * Shows that the index of a folder went on: the folder's directory remembers how far it had come (`.dfs/index`, FORMAT.md
 * §16), as another device would. An index that was never there, or that stands somewhere else now, may be an older state of
 * itself that came back from a backup; so may one that nothing is remembered of.
 */
import { byteStringOf } from '../bytes/byte-string.ts'
import { describeError, kindOf } from '../errors.ts'
import {
  type DiskIdentity,
  decodeIndexWitness,
  encodeIndexWitness,
  INDEX_WITNESS_BYTES,
  type IndexWitness,
} from '../format/index-witness.ts'
import { RESERVED_NAME } from '../format/stored-name.ts'
import type { Cursor } from '../format/sync-message.ts'
import { warn } from '../log.ts'
import { closeFd, O, openAt, preadFd, pwriteFd } from '../posix/files.ts'
import { statFd } from '../posix/stat.ts'

const AT_FDCWD = -100
const NAME = 'index'

export class WitnessFile implements Disposable {
  readonly #fd: number
  readonly #database: DiskIdentity
  readonly #file: DiskIdentity
  #isBlamed = false

  /** `rootFd`: the folder's directory; `database`: that of its index. Fails as opening and making files does. */
  constructor(rootFd: number, database: string) {
    const databaseFd = openAt(AT_FDCWD, byteStringOf(database), O.PATH | O.DIRECTORY)
    try {
      this.#database = identityOf(databaseFd)
    } finally {
      closeFd(databaseFd)
    }
    this.#fd = openAt(rootFd, `${RESERVED_NAME}/${NAME}`, O.CREAT | O.RDWR | O.NOFOLLOW, 0o600)
    this.#file = identityOf(this.#fd)
  }

  /** Whether the index is known to have gone on; `hasBeen`: whether it was ever there. Fails with `newer-version`. */
  confirms(hasBeen: (index: Cursor) => boolean): boolean {
    const known = this.#read()
    if (known === undefined) return false
    return isSame(known.database, this.#database) && isSame(known.file, this.#file) && hasBeen(known.index)
  }

  /**
   * The index is durably there. Nothing is synced: after a power cut an earlier state is remembered, which confirms as
   * well, or none. Never fails: what is not remembered is taken for set back the next time.
   */
  note(index: Cursor): void {
    try {
      pwriteFd(this.#fd, encodeIndexWitness({ index, database: this.#database, file: this.#file }), 0)
    } catch (error) {
      if (!this.#isBlamed) warn(`how far the index of a folder is cannot be remembered: ${describeError(error)}`)
      this.#isBlamed = true
    }
  }

  [Symbol.dispose](): void {
    closeFd(this.#fd)
  }

  #read(): IndexWitness | undefined {
    const bytes = Buffer.alloc(INDEX_WITNESS_BYTES)
    const length = preadFd(this.#fd, bytes, 0, bytes.length, 0)
    try {
      return decodeIndexWitness(bytes.subarray(0, length))
    } catch (error) {
      if (kindOf(error) !== 'corrupt') throw error
      return undefined
    }
  }
}

function identityOf(fd: number): DiskIdentity {
  const { ino, btimeNs } = statFd(fd)
  return { ino, btimeNs }
}

/** Numbers of objects last where times of birth do; elsewhere they may be others after each mount. */
function isSame(a: DiskIdentity, b: DiskIdentity): boolean {
  return a.btimeNs === b.btimeNs && (a.btimeNs === 0n || a.ino === b.ino)
}
