/** A directory, as programs use it: synchronous system calls. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import * as syscalls from '../support/syscalls.ts'
import type { Attributes, Path, Tree } from './tree.ts'

export class RealTree implements Tree {
  readonly #root: string
  readonly #handles = new Map<number, number>()

  constructor(root: string) {
    this.#root = root
  }

  create(path: Path, bytes: Buffer): void {
    fs.writeFileSync(this.#at(path), bytes, { flag: 'wx' })
  }

  replaceContent(path: Path, bytes: Buffer): void {
    fs.writeFileSync(this.#at(path), bytes)
  }

  append(path: Path, bytes: Buffer): void {
    fs.appendFileSync(this.#at(path), bytes)
  }

  overwrite(path: Path, offset: number, bytes: Buffer): void {
    const fd = fs.openSync(this.#at(path), 'r+')
    try {
      writeWhole(fd, bytes, offset)
    } finally {
      fs.closeSync(fd)
    }
  }

  truncate(path: Path, size: number): void {
    fs.truncateSync(this.#at(path), size)
  }

  read(path: Path): Buffer {
    return fs.readFileSync(this.#at(path))
  }

  copy(from: Path, to: Path): void {
    fs.copyFileSync(this.#at(from), this.#at(to))
  }

  rename(from: Path, to: Path): void {
    fs.renameSync(this.#at(from), this.#at(to))
  }

  link(from: Path, to: Path): void {
    fs.linkSync(this.#at(from), this.#at(to))
  }

  unlink(path: Path): void {
    fs.unlinkSync(this.#at(path))
  }

  symlink(target: string, path: Path): void {
    fs.symlinkSync(target, this.#at(path))
  }

  readlink(path: Path): string {
    return fs.readlinkSync(this.#at(path))
  }

  mkdir(path: Path): void {
    fs.mkdirSync(this.#at(path))
  }

  rmdir(path: Path): void {
    fs.rmdirSync(this.#at(path))
  }

  list(path: Path): string[] {
    return fs.readdirSync(this.#at(path)).toSorted()
  }

  chmod(path: Path, mode: number): void {
    fs.chmodSync(this.#at(path), mode)
  }

  touch(path: Path, mtime: number): void {
    fs.utimesSync(this.#at(path), mtime, mtime)
  }

  setXattr(path: Path, name: string, value: Buffer): void {
    syscalls.setXattr(this.#at(path), name, value)
  }

  getXattr(path: Path, name: string): Buffer {
    return syscalls.getXattr(this.#at(path), name)
  }

  removeXattr(path: Path, name: string): void {
    syscalls.removeXattr(this.#at(path), name)
  }

  listXattrs(path: Path): string[] {
    const names = syscalls.listXattrs(this.#at(path))
    return names.filter((name) => name.startsWith('user.')).toSorted()
  }

  stat(path: Path): Attributes {
    const stats = fs.lstatSync(this.#at(path))
    const kind = stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'symlink' : 'file'
    return {
      kind,
      mode: stats.mode & 0o7777,
      size: kind === 'file' ? stats.size : 0,
      links: kind === 'directory' ? 1 : stats.nlink,
      mtime: stats.mtimeMs / 1000,
    }
  }

  open(key: number, path: Path): void {
    this.#handles.set(key, fs.openSync(this.#at(path), 'r+'))
  }

  readAt(key: number, offset: number, length: number): Buffer {
    const bytes = Buffer.alloc(length)
    let done = 0
    for (let got = -1; got !== 0 && done < length; done += got)
      got = fs.readSync(this.#fd(key), bytes, done, length - done, offset + done)
    return bytes.subarray(0, done)
  }

  writeAt(key: number, offset: number, bytes: Buffer): void {
    writeWhole(this.#fd(key), bytes, offset)
  }

  truncateOpen(key: number, size: number): void {
    fs.ftruncateSync(this.#fd(key), size)
  }

  sync(key: number): void {
    fs.fsyncSync(this.#fd(key))
  }

  close(key: number): void {
    fs.closeSync(this.#fd(key))
    this.#handles.delete(key)
  }

  #at(path: Path): string {
    return join(this.#root, ...path)
  }

  #fd(key: number): number {
    return this.#handles.get(key)!
  }
}

function writeWhole(fd: number, bytes: Buffer, offset: number): void {
  for (let done = 0; done < bytes.length; ) done += fs.writeSync(fd, bytes, done, bytes.length - done, offset + done)
}
