/**
 * What a directory of files has to be: the simplest thing that behaves as Linux says, all in memory.
 * It knows no permissions (tests own what they make). Every symlink in it dangles.
 */
import type { Attributes, Path, Tree } from './tree.ts'

interface File {
  kind: 'file'
  mode: number
  bytes: Buffer
  links: number
  mtime: number | undefined
  xattrs: Map<string, Buffer>
}
interface Directory {
  kind: 'directory'
  mode: number
  entries: Map<string, Node>
  mtime: number | undefined
  xattrs: Map<string, Buffer>
}
interface Symlink {
  kind: 'symlink'
  target: string
  links: number
}
type Node = File | Directory | Symlink

const FILE_MODE = 0o644
const DIRECTORY_MODE = 0o755

export class ModelTree implements Tree {
  readonly #root: Directory = newDirectory()
  readonly #handles = new Map<number, File>()

  create(path: Path, bytes: Buffer): void {
    const { entries, name } = this.#parent(path)
    if (entries.has(name)) fail('EEXIST')
    entries.set(name, newFile(bytes))
  }

  replaceContent(path: Path, bytes: Buffer): void {
    const file = this.#openToWrite(path)
    file.bytes = bytes
    file.mtime = undefined
  }

  append(path: Path, bytes: Buffer): void {
    const file = this.#openToWrite(path)
    writeAt(file, file.bytes.length, bytes)
  }

  overwrite(path: Path, offset: number, bytes: Buffer): void {
    writeAt(this.#file(path), offset, bytes)
  }

  truncate(path: Path, size: number): void {
    truncate(this.#file(path), size)
  }

  read(path: Path): Buffer {
    return this.#file(path).bytes
  }

  copy(from: Path, to: Path): void {
    const source = this.#file(from)
    const target = this.#openToWrite(to)
    if (target === source) return // Node leaves a file alone that is copied onto itself.
    target.bytes = source.bytes
    target.mtime = undefined
    target.mode = source.mode
  }

  rename(from: Path, to: Path): void {
    const source = this.#parent(from)
    const target = this.#parent(to)
    const moved = source.entries.get(source.name) ?? fail('ENOENT')
    if (isPrefix(from, to) && from.length < to.length) fail('EINVAL')
    if (isPrefix(to, from) && to.length < from.length) fail('ENOTEMPTY')
    const replaced = target.entries.get(target.name)
    if (replaced === moved) return
    if (replaced !== undefined) {
      if (moved.kind === 'directory' && replaced.kind !== 'directory') fail('ENOTDIR')
      if (moved.kind !== 'directory' && replaced.kind === 'directory') fail('EISDIR')
      if (replaced.kind === 'directory' && replaced.entries.size > 0) fail('ENOTEMPTY')
      if (replaced.kind !== 'directory') replaced.links--
    }
    source.entries.delete(source.name)
    target.entries.set(target.name, moved)
  }

  link(from: Path, to: Path): void {
    const linked = this.#node(from)
    const { entries, name } = this.#parent(to)
    if (entries.has(name)) fail('EEXIST')
    if (linked.kind === 'directory') fail('EPERM')
    linked.links++
    entries.set(name, linked)
  }

  unlink(path: Path): void {
    const { entries, name } = this.#parent(path)
    const node = entries.get(name) ?? fail('ENOENT')
    if (node.kind === 'directory') fail('EISDIR')
    node.links--
    entries.delete(name)
  }

  symlink(target: string, path: Path): void {
    const { entries, name } = this.#parent(path)
    if (entries.has(name)) fail('EEXIST')
    entries.set(name, { kind: 'symlink', target, links: 1 })
  }

  readlink(path: Path): string {
    const node = this.#node(path)
    return node.kind === 'symlink' ? node.target : fail('EINVAL')
  }

  mkdir(path: Path): void {
    const { entries, name } = this.#parent(path)
    if (entries.has(name)) fail('EEXIST')
    entries.set(name, newDirectory())
  }

  rmdir(path: Path): void {
    const { entries, name } = this.#parent(path)
    const node = entries.get(name) ?? fail('ENOENT')
    if (node.kind !== 'directory') fail('ENOTDIR')
    if (node.entries.size > 0) fail('ENOTEMPTY')
    entries.delete(name)
  }

  list(path: Path): string[] {
    const node = path.length === 0 ? this.#root : this.#followed(path)
    return node.kind === 'directory' ? [...node.entries.keys()].toSorted() : fail('ENOTDIR')
  }

  chmod(path: Path, mode: number): void {
    this.#followed(path).mode = mode
  }

  touch(path: Path, mtime: number): void {
    this.#followed(path).mtime = mtime
  }

  setXattr(path: Path, name: string, value: Buffer): void {
    const node = this.#node(path)
    if (node.kind === 'symlink') fail('EPERM')
    node.xattrs.set(name, value)
  }

  getXattr(path: Path, name: string): Buffer {
    const node = this.#node(path)
    return (node.kind === 'symlink' ? undefined : node.xattrs.get(name)) ?? fail('ENODATA')
  }

  removeXattr(path: Path, name: string): void {
    const node = this.#node(path)
    if (node.kind === 'symlink') fail('EPERM')
    if (!node.xattrs.delete(name)) fail('ENODATA')
  }

  listXattrs(path: Path): string[] {
    const node = this.#node(path)
    return node.kind === 'symlink' ? [] : [...node.xattrs.keys()].toSorted()
  }

  stat(path: Path): Attributes {
    const node = this.#node(path)
    if (node.kind === 'symlink') return { kind: 'symlink', mode: 0o777, size: 0, links: node.links, mtime: undefined }
    if (node.kind === 'directory') return { kind: 'directory', mode: node.mode, size: 0, links: 1, mtime: undefined }
    return { kind: 'file', mode: node.mode, size: node.bytes.length, links: node.links, mtime: node.mtime }
  }

  open(key: number, path: Path): void {
    this.#handles.set(key, this.#file(path))
  }

  readAt(key: number, offset: number, length: number): Buffer {
    return this.#opened(key).bytes.subarray(offset, offset + length)
  }

  writeAt(key: number, offset: number, bytes: Buffer): void {
    writeAt(this.#opened(key), offset, bytes)
  }

  truncateOpen(key: number, size: number): void {
    truncate(this.#opened(key), size)
  }

  sync(key: number): void {
    this.#opened(key)
  }

  close(key: number): void {
    this.#handles.delete(key)
  }

  /** Every path there is, parents before what is in them. */
  paths(kind?: Node['kind']): Path[] {
    const paths: Path[] = []
    const visit = (directory: Directory, path: Path) => {
      for (const [name, node] of directory.entries) {
        if (kind === undefined || kind === node.kind) paths.push([...path, name])
        if (node.kind === 'directory') visit(node, [...path, name])
      }
    }
    visit(this.#root, [])
    return paths
  }

  #parent(path: Path): { entries: Map<string, Node>; name: string } {
    let directory = this.#root
    for (const name of path.slice(0, -1)) {
      const next = directory.entries.get(name)
      if (next === undefined || next.kind === 'symlink') return fail('ENOENT')
      if (next.kind === 'file') return fail('ENOTDIR')
      directory = next
    }
    return { entries: directory.entries, name: path.at(-1)! }
  }

  #node(path: Path): Node {
    const { entries, name } = this.#parent(path)
    return entries.get(name) ?? fail('ENOENT')
  }

  #followed(path: Path): File | Directory {
    const node = this.#node(path)
    return node.kind === 'symlink' ? fail('ENOENT') : node
  }

  #file(path: Path): File {
    const node = this.#followed(path)
    return node.kind === 'file' ? node : fail('EISDIR')
  }

  #openToWrite(path: Path): File {
    const { entries, name } = this.#parent(path)
    if (!entries.has(name)) entries.set(name, newFile(Buffer.alloc(0)))
    return this.#file(path)
  }

  #opened(key: number): File {
    return this.#handles.get(key)!
  }
}

function writeAt(file: File, offset: number, bytes: Buffer): void {
  if (bytes.length === 0) return
  const content = Buffer.alloc(Math.max(file.bytes.length, offset + bytes.length))
  file.bytes.copy(content)
  bytes.copy(content, offset)
  file.bytes = content
  file.mtime = undefined
}

function truncate(file: File, size: number): void {
  const content = Buffer.alloc(size)
  file.bytes.copy(content)
  file.bytes = content
  file.mtime = undefined
}

function newFile(bytes: Buffer): File {
  return { kind: 'file', mode: FILE_MODE, bytes, links: 1, mtime: undefined, xattrs: new Map() }
}

function newDirectory(): Directory {
  return { kind: 'directory', mode: DIRECTORY_MODE, entries: new Map(), mtime: undefined, xattrs: new Map() }
}

function isPrefix(path: Path, of: Path): boolean {
  return path.every((name, index) => of[index] === name)
}

function fail(code: string): never {
  throw Object.assign(new Error(code), { code })
}
