/**
 * Does again what the journal says became of names and the disk did not keep.
 *
 * Without it a file could have, under a name it had before, what was written to it since. In the journal's order, each change where
 * the object is still the one meant, under the name it had, and not changed on the disk since: whoever changed the folder
 * meanwhile is right. Nothing goes but what the journal says was replaced, or removed before, or has other names.
 */
import { textOf } from '../bytes/byte-string.ts'
import type { ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import type {
  ExchangeRecord,
  JournalRecord,
  LinkRecord,
  ObjectId,
  RenameRecord,
  UnlinkRecord,
} from '../format/journal-record.ts'
import { STORED_BYTES_MAX, storedNameBeside, visiblePathOfStub } from '../format/stored-name.ts'
import { logger, warn } from '../log.ts'
import { closeFd, O, openAt } from '../posix/files.ts'
import { linkAt, RENAME, renameAt, unlinkAt } from '../posix/names.ts'
import { type Stat, statAt, statFd } from '../posix/stat.ts'
import type { Keys } from '../seal/keys.ts'
import { type StoredPlace, withParent } from './stored-path.ts'
import { isRegular } from './stub-tree.ts'
import { isPathOfVersion, noteFormerPath } from './versions.ts'

const log = logger('replay')

/** An object, from where to where. */
interface Moving {
  readonly from: StoredPlace
  readonly to: StoredPlace
  readonly stat: Stat
}

type Redone = RenameRecord | ExchangeRecord | LinkRecord | UnlinkRecord

export interface RedoOptions {
  /** Of the folder; nothing may be known yet of what is below. */
  rootFd: number
  keys: Keys
}

export function redoNames(options: RedoOptions, records: Iterable<JournalRecord>): void {
  const redo = new Redo(options)
  for (const record of records) {
    if (record.kind === 'commit' || record.kind === 'remove') redo.noteRemoved(record.place, record.kind === 'remove')
    else redo.tryAgain(record)
  }
  log('%d changes of names done again', redo.count)
}

class Redo {
  readonly #rootFd: number
  readonly #keys: Keys
  /** Objects that were changed here: their change times say nothing any more. */
  readonly #changed = new Set<string>()
  readonly #removed = new Set<string>()
  count = 0

  constructor({ rootFd, keys }: RedoOptions) {
    this.#rootFd = rootFd
    this.#keys = keys
  }

  /** What is written to after its removal was noted was not removed. */
  noteRemoved(object: ObjectId, isRemoved: boolean): void {
    if (isRemoved) this.#removed.add(keyOf(object))
    else this.#removed.delete(keyOf(object))
  }

  /** What cannot be done again stays undone: the file has its content all the same. */
  tryAgain(record: Redone): void {
    try {
      if (this.#again(record)) this.count++
    } catch (error) {
      if (!(error instanceof DfsError)) throw error
      warn(`a name cannot be changed again as it was before the crash: ${textOf(record.place.path)}: ${error.message}`)
    }
  }

  #again(record: Redone): boolean {
    return this.#at(record.place.path, (from) => {
      const stat = statAt(from.fd, from.name)
      if (stat === undefined || !this.#isLeft(stat, record)) return false
      if (record.kind === 'unlink') return this.#unlink(from, stat)
      if (record.kind === 'exchange') {
        return this.#at(record.other.path, (to) => this.#exchange({ from, to, stat }, record.other))
      }
      return this.#at(record.to, (to) => this.#give(record, { from, to, stat }), { make: true })
    })
  }

  #give(record: RenameRecord | LinkRecord, moving: Moving): boolean {
    const isDone = record.kind === 'link' ? this.#link(moving) : this.#rename(moving, record.over)
    if (isDone && isPathOfVersion(record.to)) this.#noteFormerPath(moving.to, visiblePathOfStub(record.place.path))
    return isDone
  }

  /** Whether an object is the one that was changed, as it was before. */
  #isLeft(stat: Stat, { place, ctimeNs }: Redone): boolean {
    // Without a time of birth another object may have its number by now.
    if (!isSame(stat, place) || stat.btimeNs === 0n) return false
    return stat.ctimeNs <= ctimeNs || this.#changed.has(keyOf(stat))
  }

  #rename({ from, to, stat }: Moving, over: ObjectId | undefined): boolean {
    const there = standingAt(to)
    const mayGo = (one: Stat) => isSame(one, over) || this.#removed.has(keyOf(one))
    if (![...there.values()].every(mayGo)) return false
    renameAt(from.fd, from.name, to.fd, to.name, there.has(to.name) ? 0 : RENAME.NOREPLACE)
    for (const name of there.keys()) if (name !== to.name) unlinkAt(to.fd, name)
    this.#noteChanged(stat, ...there.values(), statFd(from.fd), statFd(to.fd))
    return true
  }

  #exchange({ from, to, stat }: Moving, other: ObjectId): boolean {
    const there = statAt(to.fd, to.name)
    if (there === undefined || !isSame(there, other)) return false
    renameAt(from.fd, from.name, to.fd, to.name, RENAME.EXCHANGE)
    this.#noteChanged(stat, there, statFd(from.fd), statFd(to.fd))
    return true
  }

  #link({ from, to, stat }: Moving): boolean {
    if (standingAt(to).size > 0) return false
    linkAt(from.fd, from.name, to.fd, to.name)
    this.#noteChanged(stat, statFd(to.fd))
    return true
  }

  #unlink(from: StoredPlace, stat: Stat): boolean {
    if (!isRegular(stat) || stat.nlink < 2) return false
    unlinkAt(from.fd, from.name)
    this.#noteChanged(stat, statFd(from.fd))
    return true
  }

  #noteFormerPath(version: StoredPlace, path: ByteString): void {
    const fd = openAt(version.fd, version.name, O.RDWR | O.NOFOLLOW)
    try {
      noteFormerPath(fd, path, this.#keys)
    } finally {
      closeFd(fd)
    }
  }

  #noteChanged(...objects: ObjectId[]): void {
    for (const object of objects) this.#changed.add(keyOf(object))
  }

  #at(path: ByteString, work: (place: StoredPlace) => boolean, options?: { make: boolean }): boolean {
    return withParent(this.#rootFd, path, work, options) ?? false
  }
}

/** What has the visible name of a place, by stored names. */
function standingAt({ fd, name }: StoredPlace): Map<ByteString, Stat> {
  const found = new Map<ByteString, Stat>()
  for (const stored of [name, storedNameBeside(name)]) {
    const stat = stored.length <= STORED_BYTES_MAX ? statAt(fd, stored) : undefined
    if (stat !== undefined) found.set(stored, stat)
  }
  return found
}

function isSame(stat: Stat, object: ObjectId | undefined): boolean {
  return stat.ino === object?.ino && stat.btimeNs === object.btimeNs
}

function keyOf({ ino, btimeNs }: ObjectId): string {
  return `${ino}.${btimeNs}`
}
