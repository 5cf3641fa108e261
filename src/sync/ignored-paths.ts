/**
 * What is not taken from this device's disk, as the files `.dfsignore` in the folder say: patterns of gitignore(5), for what
 * is in their directory and below it, the nearest first. Patterns and names are compared byte by byte, and so are large and
 * small letters told apart: all devices that have the same files find the same.
 *
 * What is in an ignored directory is ignored, whatever else is said of it. A file `.dfsignore` itself never is by its name.
 */
import ignore, { type Ignore } from 'ignore'
import { textOf } from '../bytes/byte-string.ts'
import type { ByteString } from '../dfs.ts'
import { DfsError, describeError } from '../errors.ts'
import { joinPath, lastName, parentPath } from '../format/head-path.ts'
import { warn } from '../log.ts'
import type { SyncDisk } from './disk.ts'
import type { DirtyPlace } from './head-dirty.ts'

export const IGNORE_FILE = '.dfsignore'

/** The beginning of a file's content, at most so many bytes; from other devices if it is not here. Fails if it cannot be had. */
export type ReadFile = (path: ByteString, bytesMax: number) => Promise<Buffer>

const IGNORE_FILE_BYTES_MAX = 64 * 1024
/** Each costs some hundred bytes. */
const REMEMBERED_MAX = 10_000
const BOM = '\xef\xbb\xbf'

export class IgnoredPaths {
  readonly #disk: Pick<SyncDisk, 'look' | 'list'>
  readonly #read: ReadFile | undefined
  /** By their directory. */
  readonly #patterns = new Map<ByteString, Patterns>()
  readonly #unread = new Set<ByteString>()

  /** Without `read` nothing is ignored. */
  constructor(disk: Pick<SyncDisk, 'look' | 'list'>, read?: ReadFile) {
    this.#disk = disk
    this.#read = read
  }

  /** Directories whose file could not be read, so that nothing in them is taken: they are to be listed again. */
  get unread(): ReadonlySet<ByteString> {
    return this.#unread
  }

  /** All names in a directory. To be asked before something in it is asked for, and whenever its file may be another. */
  async list(directory: ByteString): Promise<ByteString[]> {
    const names = await this.#disk.list(directory)
    if (this.#read !== undefined) await this.#enter(directory, names, this.#read)
    return names
  }

  /** Whether what is of this kind at a path is ignored, as of when its directories were listed. */
  has(path: ByteString, kind: string | undefined): boolean {
    if (this.#patterns.size === 0) return false
    for (let at = parentPath(path); at; at = parentPath(at)) if (this.#isMeant(at, true)) return true
    return this.#isMeant(path, kind === 'directory')
  }

  /** Whether it is to be left where it is and as it is: it is ignored, or nobody can say whether it is. */
  isLeft(path: ByteString, kind: string | undefined): boolean {
    if (this.has(path, kind)) return true
    if (this.#unread.size === 0 || lastName(path) === IGNORE_FILE) return false
    for (let at = parentPath(path); at !== undefined; at = parentPath(at)) if (this.#unread.has(at)) return true
    return false
  }

  /** Whether it is a directory that has something in it, and nothing that is not ignored: it is there for that alone. */
  async isForIgnored(path: ByteString, kind: string | undefined): Promise<boolean> {
    if (kind !== 'directory') return false
    const names = await this.list(path)
    if (this.#patterns.size === 0) return false
    for (const name of names) if (!(await this.#isOrIsFor(joinPath(path, name)))) return false
    return names.length > 0
  }

  /** Whether something that is ignored is in a directory, or such a directory. */
  async isIn(directory: ByteString): Promise<boolean> {
    if (this.#patterns.size === 0) return false
    for (const name of await this.list(directory)) if (await this.#isOrIsFor(joinPath(directory, name))) return true
    return false
  }

  #isOrIsFor(path: ByteString): boolean | Promise<boolean> {
    const found = this.#disk.look(path)
    const kind = typeof found === 'object' ? found.kind : undefined
    return this.has(path, kind) || this.isForIgnored(path, kind)
  }

  async #enter(directory: ByteString, names: readonly ByteString[], read: ReadFile): Promise<void> {
    const path = joinPath(directory, IGNORE_FILE)
    const found = names.includes(IGNORE_FILE) ? this.#disk.look(path) : undefined
    const wasUnread = this.#unread.delete(directory)
    if (found === undefined || (typeof found === 'object' && found.kind !== 'file')) this.#patterns.delete(directory)
    // What somebody is writing may say nothing yet.
    else if (found !== 'busy') await this.#readPatterns(path, { read, isBlamed: wasUnread })
    else if (!this.#patterns.has(directory)) this.#unread.add(directory)
  }

  async #readPatterns(path: ByteString, { read, isBlamed }: { read: ReadFile; isBlamed: boolean }): Promise<void> {
    const directory = parentPath(path)!
    try {
      const bytes = await read(path, IGNORE_FILE_BYTES_MAX + 1)
      if (bytes.length > IGNORE_FILE_BYTES_MAX) throw new DfsError('too-large', 'has more than 64 KiB')
      this.#patterns.set(directory, new Patterns(bytes.toString('latin1')))
    } catch (error) {
      if (!isBlamed) warn(`${textOf(path)} cannot be read, so nothing beside it is taken: ${describeError(error)}`)
      this.#patterns.delete(directory)
      this.#unread.add(directory)
    }
  }

  /** By its own name. */
  #isMeant(path: ByteString, isDirectory: boolean): boolean {
    if (lastName(path) === IGNORE_FILE) return false
    for (let at = parentPath(path); at !== undefined; at = parentPath(at)) {
      const inside = at === '' ? path : path.slice(at.length + 1)
      const said = this.#patterns.get(at)?.test(isDirectory ? `${inside}/` : inside)
      if (said !== undefined && said.ignored !== said.unignored) return said.ignored
    }
    return false
  }
}

/** What is to be looked at if these places may have changed: where a file `.dfsignore` may have, all that is beside it. */
export function withIgnored(places: readonly DirtyPlace[]): DirtyPlace[] {
  return places.map((place) =>
    lastName(place.path) === IGNORE_FILE ? { path: parentPath(place.path)!, isTree: true } : place,
  )
}

/** One file. Its library keeps all that it was ever asked. */
class Patterns {
  readonly #text: string
  #library: Ignore
  #asked = 0

  constructor(text: string) {
    this.#text = text.startsWith(BOM) ? text.slice(BOM.length) : text
    this.#library = this.#compile()
  }

  test(path: string): { ignored: boolean; unignored: boolean } {
    if (++this.#asked > REMEMBERED_MAX) {
      this.#asked = 0
      this.#library = this.#compile()
    }
    return this.#library.test(path)
  }

  #compile(): Ignore {
    return ignore({ ignorecase: false, allowRelativePaths: true }).add(this.#text)
  }
}
