/** Draws operations: mostly on what is there, sometimes on what is not, with names and sizes where dfs could trip. */
import type { Random } from '../support/random.ts'
import type { ModelTree } from './model-tree.ts'
import type { Path, Tree } from './tree.ts'

export type OperationName = keyof Tree

/** A call of a `Tree`: a name and its arguments. */
export interface Operation {
  name: OperationName
  args: unknown[]
}

const WEIGHTS: Readonly<Record<OperationName, number>> = {
  create: 8,
  replaceContent: 6,
  append: 8,
  overwrite: 12,
  truncate: 6,
  read: 8,
  copy: 3,
  rename: 10,
  link: 4,
  unlink: 5,
  symlink: 2,
  readlink: 2,
  mkdir: 4,
  rmdir: 3,
  list: 3,
  chmod: 3,
  touch: 3,
  setXattr: 3,
  getXattr: 2,
  removeXattr: 1,
  listXattrs: 1,
  stat: 6,
  open: 6,
  readAt: 6,
  writeAt: 12,
  truncateOpen: 4,
  sync: 3,
  close: 4,
}

/** Names that are each other's stubs, or look like the tilde form of a directory's name. */
const NAMES = ['a', 'a.f', 'a.f.f', 'b', 'b.f~', 'c.f', 'prog', 'é', 'long'.repeat(50), '.hidden']
const XATTRS = ['user.color', 'user.empty', 'user.long']
const DEPTH_MAX = 3
const HANDLES_MAX = 6

/** Chunks of 64 KiB end here, a file stops fitting its stub, and from 8 MiB on chunks are larger. */
const EDGES = [0, 1, 3600, 4096, 65536, 131072, 200_000]
const FAR_EDGE = 8 * 1024 * 1024

export class Operations {
  readonly #random: Random
  readonly #model: ModelTree
  readonly open = new Set<number>()
  #nextKey = 0

  constructor(random: Random, model: ModelTree) {
    this.#random = random
    this.#model = model
  }

  next(): Operation {
    for (;;) {
      const name = this.#random.weighted(WEIGHTS)
      const args = this.#arguments(name)
      if (args !== undefined) return { name, args }
    }
  }

  #arguments(name: OperationName): unknown[] | undefined {
    switch (name) {
      case 'create':
      case 'append':
      case 'replaceContent':
        return [this.#path('file'), this.#bytes()]
      case 'overwrite':
        return [this.#path('file'), this.#offset(), this.#bytes()]
      case 'truncate':
        return [this.#path('file'), this.#offset()]
      case 'rename':
      case 'link':
        return [this.#path(), this.#path()]
      case 'copy':
        return this.#copyArguments()
      case 'symlink':
        return [`nowhere/${this.#random.below(1000)}`, this.#path()]
      case 'chmod':
        return [this.#path(), this.#random.below(0o1000) | 0o700]
      case 'touch':
        return [this.#path(), this.#random.below(2 ** 31)]
      case 'setXattr':
        return [this.#path(), this.#random.pick(XATTRS), this.#random.bytes(this.#random.pick([0, 5, 900]))]
      case 'getXattr':
      case 'removeXattr':
        return [this.#path(), this.#random.pick(XATTRS)]
      case 'open':
        return this.#openArguments()
      case 'readAt':
        return this.#withHandle((key) => [key, this.#offset(), this.#random.below(150_000)])
      case 'writeAt':
        return this.#withHandle((key) => [key, this.#offset(), this.#bytes()])
      case 'truncateOpen':
        return this.#withHandle((key) => [key, this.#offset()])
      case 'sync':
      case 'close':
        return this.#withHandle((key) => [key])
      default:
        return [this.#path()]
    }
  }

  /** Only of files: of anything else Node's copy makes something of its own. */
  #copyArguments(): unknown[] | undefined {
    const files = this.#model.paths('file')
    return files.length === 0 ? undefined : [this.#random.pick(files), this.#path('file')]
  }

  #openArguments(): unknown[] | undefined {
    return this.open.size < HANDLES_MAX ? [this.#nextKey++, this.#path('file')] : undefined
  }

  #withHandle(make: (key: number) => unknown[]): unknown[] | undefined {
    return this.open.size === 0 ? undefined : make(this.#random.pick([...this.open]))
  }

  /** Half of them exist, of the kind that fits if there is one; else any name in any directory, or below a file. */
  #path(kind?: 'file' | 'directory'): Path {
    const known = this.#model.paths(this.#random.oneIn(8) ? undefined : kind)
    if (known.length > 0 && this.#random.oneIn(2)) return this.#random.pick(known)
    const parents = this.#model.paths(this.#random.oneIn(20) ? undefined : 'directory')
    const parent = parents.length === 0 || this.#random.oneIn(3) ? [] : this.#random.pick(parents)
    return [...parent.slice(0, DEPTH_MAX - 1), this.#random.pick(NAMES)]
  }

  #offset(): number {
    const edge = this.#random.oneIn(60) ? FAR_EDGE : this.#random.pick(EDGES)
    return Math.max(0, edge + (this.#random.oneIn(2) ? 0 : this.#random.below(2001) - 1000))
  }

  #bytes(): Buffer {
    const length = this.#random.oneIn(20) ? 300_000 : this.#random.pick([0, 1, 100, 3500, 5000, 65536, 70_000])
    if (this.#random.oneIn(8)) return Buffer.alloc(length)
    return this.#random.bytes(length)
  }
}
