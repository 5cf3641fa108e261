/**
 * `.dfs/restoring`: the mark of a directory that a head is being brought back into. It is there before anything else is, and
 * goes when all is durable, so that a crash leaves either an empty directory or one that says what it is to become.
 */
import assert from 'node:assert/strict'
import { DfsError } from '../errors.ts'
import { requireRule, requireVersion } from '../format/refuse.ts'
import { RESERVED_NAME } from '../format/stored-name.ts'
import { closeFd, O, openAt, preadFd, pwriteFd, syncFd, syncFilesystem, tryOpenAt } from '../posix/files.ts'
import { readDirectory } from '../posix/listing.ts'
import { makeDirectoryAt, renameAt, unlinkAt } from '../posix/names.ts'
import { statAt } from '../posix/stat.ts'

const MARK = 'restoring'
const UNFINISHED_MARK = 'restoring.tmp'
const VERSION = 1
const MARK_BYTES_MAX = 4096
const NAME_LENGTH_MAX = 1024
const MARK_TEXT = /^dfs restoring ([1-9][0-9]{0,4})\n(?:([ -~]*)\n$)?/

/** Whether a directory bears the mark: it is not whole, and not to be taken for a folder. */
export function isBeingRestored(rootFd: number): boolean {
  return statAt(rootFd, `${RESERVED_NAME}/${MARK}`) !== undefined
}

/** What a directory that bears the mark is to become; undefined if it bears none. Fails with `corrupt`, `newer-version`. */
export function restoringAs(rootFd: number): string | undefined {
  const reservedFd = tryOpenAt(rootFd, RESERVED_NAME, O.RDONLY | O.DIRECTORY | O.NOFOLLOW)
  if (reservedFd === undefined) return undefined
  try {
    return readMark(reservedFd)
  } finally {
    closeFd(reservedFd)
  }
}

export class Restoring implements Disposable {
  /** Something of it may be there already. */
  readonly isContinued: boolean
  readonly #reservedFd: number

  private constructor(reservedFd: number, isContinued: boolean) {
    this.#reservedFd = reservedFd
    this.isContinued = isContinued
  }

  /**
   * Marks an empty directory, or finds that it is marked already. `what` names what it is to become, in printable ASCII.
   * Fails with `not-empty` if anything is in it and it does not bear this mark, and with `corrupt` or `newer-version` by the
   * mark that is there; then nothing is changed.
   */
  static async begin(rootFd: number, what: string): Promise<Restoring> {
    assert(/^[ -~]+$/.test(what) && what.length < NAME_LENGTH_MAX, 'a name of printable ASCII')
    const names = listed(rootFd)
    if (names.some((name) => name !== RESERVED_NAME) && !names.includes(RESERVED_NAME)) throw notEmpty()
    if (names.length === 0) makeDirectoryAt(rootFd, RESERVED_NAME, 0o700)
    const reservedFd = openAt(rootFd, RESERVED_NAME, O.RDONLY | O.DIRECTORY | O.NOFOLLOW)
    try {
      const found = readMark(reservedFd)
      if (found === undefined) await writeMark(rootFd, reservedFd, what, names)
      else if (found !== what) throw notEmpty('another head is being brought back into the directory')
      return new Restoring(reservedFd, found !== undefined)
    } catch (error) {
      closeFd(reservedFd)
      throw error
    }
  }

  /** Makes all of it durable, and then takes the mark away. */
  async end(): Promise<void> {
    await syncFilesystem(this.#reservedFd)
    unlinkAt(this.#reservedFd, MARK)
    await syncFd(this.#reservedFd)
  }

  [Symbol.dispose](): void {
    closeFd(this.#reservedFd)
  }
}

/** Undefined if there is none. */
function readMark(reservedFd: number): string | undefined {
  const fd = tryOpenAt(reservedFd, MARK, O.RDONLY | O.NOFOLLOW | O.NONBLOCK)
  if (fd === undefined) return undefined
  try {
    const bytes = Buffer.alloc(MARK_BYTES_MAX)
    const text = bytes.toString('latin1', 0, preadFd(fd, bytes, 0, bytes.length, 0))
    const [, version, what] = MARK_TEXT.exec(text) ?? []
    requireRule(version !== undefined, `${RESERVED_NAME}/${MARK} is damaged`)
    requireVersion(`${RESERVED_NAME}/${MARK}`, Number(version), VERSION)
    requireRule(what !== undefined, `${RESERVED_NAME}/${MARK} is damaged`)
    return what
  } finally {
    closeFd(fd)
  }
}

async function writeMark(rootFd: number, reservedFd: number, what: string, names: readonly string[]): Promise<void> {
  const isEmpty = names.length <= 1 && listed(reservedFd).every((name) => name === UNFINISHED_MARK)
  if (!isEmpty) throw notEmpty()
  const fd = openAt(reservedFd, UNFINISHED_MARK, O.CREAT | O.TRUNC | O.WRONLY | O.NOFOLLOW, 0o600)
  try {
    pwriteFd(fd, Buffer.from(`dfs restoring ${VERSION}\n${what}\n`, 'latin1'), 0)
    await syncFd(fd)
  } finally {
    closeFd(fd)
  }
  renameAt(reservedFd, UNFINISHED_MARK, reservedFd, MARK)
  await syncFd(reservedFd)
  const listableFd = openAt(rootFd, '.', O.RDONLY | O.DIRECTORY)
  try {
    await syncFd(listableFd)
  } finally {
    closeFd(listableFd)
  }
}

/** `fd` may be O_PATH. */
function listed(fd: number): string[] {
  const listableFd = openAt(fd, '.', O.RDONLY | O.DIRECTORY)
  try {
    return readDirectory(listableFd).map(({ name }) => name)
  } finally {
    closeFd(listableFd)
  }
}

function notEmpty(message = 'the directory is not empty'): DfsError {
  return new DfsError('not-empty', message, { op: 'bring back', mend: 'give an empty directory' })
}
