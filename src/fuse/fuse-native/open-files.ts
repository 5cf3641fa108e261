/** Open files: the numbers libfuse carries for them, and the inodes they keep. */
import type { Ino } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import type { HeldInodes } from './held-inodes.ts'

export interface OpenFile {
  readonly ino: Ino
  /** The file system's handle. */
  readonly handle: number
  /** Opened with O_APPEND. */
  readonly append: boolean
  /** Written to since its version was last noted. */
  written: boolean
}

/** The binding carries handles as int32, and takes 0 for none. */
const NUMBER_MAX = 2 ** 31 - 1

export class OpenFiles {
  readonly #inodes: HeldInodes
  readonly #files = new Map<number, OpenFile>()
  readonly #openCounts = new Map<Ino, number>()
  #lastNumber = 0

  constructor(inodes: HeldInodes) {
    this.#inodes = inodes
  }

  /** Holds the file's inode, which is held already. */
  add(file: OpenFile): number {
    const number = this.#freeNumber()
    this.#inodes.hold(file.ino)
    this.#files.set(number, file)
    this.#openCounts.set(file.ino, (this.#openCounts.get(file.ino) ?? 0) + 1)
    return number
  }

  get(number: number): OpenFile {
    const file = this.#files.get(number)
    if (file === undefined) throw new DfsError('bad-handle', `no open file has the number ${number}`)
    return file
  }

  /** Forgets the number; undefined if it is not open. */
  remove(number: number): OpenFile | undefined {
    const file = this.#files.get(number)
    if (file === undefined) return undefined
    this.#files.delete(number)
    const left = this.#openCounts.get(file.ino)! - 1
    if (left > 0) this.#openCounts.set(file.ino, left)
    else this.#openCounts.delete(file.ino)
    this.#inodes.letGo(file.ino)
    return file
  }

  isOpen(ino: Ino): boolean {
    return this.#openCounts.has(ino)
  }

  numbers(): number[] {
    return [...this.#files.keys()]
  }

  #freeNumber(): number {
    do this.#lastNumber = this.#lastNumber === NUMBER_MAX ? 1 : this.#lastNumber + 1
    while (this.#files.has(this.#lastNumber))
    return this.#lastNumber
  }
}
