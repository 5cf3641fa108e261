/**
 * Which records of a journal belong together, and the stubs they are about.
 *
 * A stub is known by its object (inode number and birth time) wherever it was renamed to since; by its path only where
 * the object is gone.
 */
import type { ByteString } from '../dfs.ts'
import type { CommitRecord, JournalRecord, NameRecord, ObjectId } from '../format/journal-record.ts'
import { visiblePathOfStub } from '../format/stored-name.ts'
import { STUB_LINE_BYTES } from '../format/stub-line.ts'
import { closeFd, O, openAt, preadFd, truncateFd } from '../posix/files.ts'
import { statAt } from '../posix/stat.ts'
import type { Inode } from './inode-table.ts'
import type { Namespace } from './namespace.ts'
import type { Services } from './services.ts'
import { type StoredPlace, withParent } from './stored-path.ts'
import { isRegular } from './stub-tree.ts'
import { storedPathsByIno } from './stub-walk.ts'

/** All records of one file, by the object its stub was. */
export interface JournaledFile {
  readonly ino: number
  readonly btimeNs: bigint
  /** Where the stub was last, as far as the journal knows. */
  path: ByteString
  /** Where it ever was: what happened to names since may not have reached the disk. */
  readonly paths: Set<ByteString>
  removed: boolean
  readonly commits: CommitRecord[]
}

/** The files that have commits in the journal, in the order in which they first come up. */
export function gatherFiles(records: Iterable<JournalRecord>): JournaledFile[] {
  const files = new Map<string, JournaledFile>()
  for (const record of records) {
    const key = placeKey(record.place)
    if (record.kind !== 'commit' && record.kind !== 'remove') {
      renameAll(files, record)
      continue
    }
    const { ino, btimeNs, path } = record.place
    const known = files.get(key)
    const isNew = known === undefined || isAnother(known, record)
    const file = isNew ? { ino, btimeNs, path, paths: new Set<ByteString>(), removed: false, commits: [] } : known
    files.set(key, file)
    moveTo(file, path)
    // What is written to after its removal was noted was not removed.
    file.removed = record.kind === 'remove'
    if (record.kind === 'commit') file.commits.push(record)
  }
  return [...files.values()].filter((file) => file.commits.length > 0)
}

/** Whether a file was removed, and what is written to now was born with its number within the same tick. */
function isAnother({ removed, commits }: JournaledFile, record: JournalRecord): boolean {
  const last = commits.at(-1)
  return removed && record.kind === 'commit' && last !== undefined && !last.fileId.equals(record.fileId)
}

function renameAll(files: ReadonlyMap<string, JournaledFile>, record: Exclude<NameRecord, { kind: 'remove' }>): void {
  const { path } = record.place
  const own = files.get(placeKey(record.place))
  if (record.kind === 'link' && own !== undefined) moveTo(own, record.to)
  if (record.kind === 'unlink' && own?.path === path) own.path = [...own.paths].findLast((one) => one !== path) ?? path
  if (record.kind === 'link' || record.kind === 'unlink') return
  const [to, back] = record.kind === 'exchange' ? [record.other.path, path] : [record.to, record.to]
  for (const file of files.values()) {
    // Another has the name of a file that was removed.
    if (file.removed) continue
    const moved = renamed(file.path, path, to)
    moveTo(file, moved === file.path ? renamed(file.path, to, back) : moved)
  }
}

function placeKey({ ino, btimeNs }: ObjectId): string {
  return `${ino}.${btimeNs}`
}

function moveTo(file: JournaledFile, path: ByteString): void {
  file.path = path
  file.paths.add(path)
}

function renamed(path: ByteString, from: ByteString, to: ByteString): ByteString {
  if (path === from) return to
  return path.startsWith(`${from}/`) ? to + path.slice(from.length) : path
}

export class StubSearch {
  readonly #services: Services
  readonly #namespace: Namespace
  /** The objects that the journal speaks of. */
  readonly #journaled: ReadonlySet<string>
  #byIno: Map<number, ByteString[]> | undefined

  constructor(services: Services, namespace: Namespace, files: readonly JournaledFile[]) {
    this.#services = services
    this.#namespace = namespace
    this.#journaled = new Set(files.map(placeKey))
  }

  /** The stub where it was last, under another name, or made anew; undefined if it is gone for good. */
  find(file: JournaledFile): Inode | undefined {
    const here = this.#findAt(file, [file.path, ...file.paths])
    if (here !== undefined) return here
    if (file.removed) return undefined
    this.#byIno ??= storedPathsByIno(this.#services)
    return this.#findAt(file, this.#byIno.get(file.ino) ?? []) ?? this.#replacement(file)
  }

  #findAt(wanted: JournaledFile, paths: Iterable<ByteString>): Inode | undefined {
    for (const path of paths) {
      const inode = this.#resolve(path, wanted)
      if (inode?.statIno === wanted.ino && inode.btimeNs === wanted.btimeNs) return inode
      if (inode !== undefined) this.#services.table.release(inode)
    }
    return undefined
  }

  /** The stub's inode at a path of stored names; `wanted`: what may stand there in need of mending. */
  #resolve(path: ByteString, wanted?: JournaledFile): Inode | undefined {
    const { table, tree } = this.#services
    const stored = path.slice(path.lastIndexOf('/') + 1)
    const names = visiblePathOfStub(path).split('/')
    let inode = table.root
    for (const [i, name] of names.entries()) {
      const isParent = i === names.length - 1 && inode.kind === 'directory'
      if (isParent && wanted !== undefined) mendTorn(tree.directoryFd(inode), stored, wanted)
      const next = inode.kind === 'directory' ? this.#namespace.find(inode, name)?.inode : undefined
      if (next === undefined) table.release(inode)
      if (next === undefined) return undefined
      inode = next
    }
    if (inode.kind === 'stub') return inode
    table.release(inode)
    return undefined
  }

  /**
   * The stub that stands for the object now: its copy, where the whole folder was copied; else one made anew, for
   * what was synced into a file survives power loss even if the file's making did not.
   */
  #replacement(file: JournaledFile): Inode | undefined {
    const { table } = this.#services
    const [first] = file.commits
    const there = this.#resolve(file.path)
    if (there?.file === undefined) return first!.baseSequence === 0 ? this.#makeAnew(file.path) : undefined
    // Another file that took the name, and has records of its own, is not ours to change.
    if (this.#journaled.has(placeKey({ ino: there.statIno, btimeNs: there.btimeNs }))) return undefined
    if (there.file.sequence === 0 || there.file.fileId.equals(first!.fileId)) return there
    table.release(there)
    return undefined
  }

  #makeAnew(path: ByteString): Inode | undefined {
    const make = ({ fd, name }: StoredPlace) => {
      if (statAt(fd, name) !== undefined) return false
      closeFd(openAt(fd, name, O.CREAT | O.EXCL | O.RDWR, 0o600))
      return true
    }
    return withParent(this.#services.tree.rootFd, path, make, { make: true }) ? this.#resolve(path) : undefined
  }
}

/**
 * A stub whose very first write did not reach the disk whole may begin with zeroes, and would be taken for a plain
 * file. The journal has all that it is to say: it is emptied, as it was when it was made.
 */
function mendTorn(directoryFd: number, stored: ByteString, { ino, btimeNs, commits }: JournaledFile): void {
  const stat = commits[0]!.baseSequence === 0 ? statAt(directoryFd, stored) : undefined
  if (stat?.ino !== ino || stat.btimeNs !== btimeNs || stat.size === 0 || !isRegular(stat)) return
  const fd = openAt(directoryFd, stored, O.RDWR | O.NOFOLLOW)
  try {
    const head = Buffer.alloc(STUB_LINE_BYTES)
    preadFd(fd, head, 0, head.length, 0)
    if (head.every((byte) => byte === 0)) truncateFd(fd, 0)
  } finally {
    closeFd(fd)
  }
}
