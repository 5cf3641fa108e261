/**
 * What programs do with a directory of files, in words that have two implementations: a real directory and a model.
 * A path is a list of names, never empty. Failures are errors with `code` as Linux gives it.
 */

export type Path = readonly string[]

export interface Attributes {
  kind: 'file' | 'directory' | 'symlink'
  /** Permission bits; of a symlink always 0o777. */
  mode: number
  /** Of a file; 0 for the rest. */
  size: number
  /** Of a file or symlink; 1 for a directory. */
  links: number
  /** Seconds since 1970; undefined where the model cannot know it. */
  mtime: number | undefined
}

export interface Tree {
  /** O_CREAT | O_EXCL. */
  create(path: Path, bytes: Buffer): void
  /** O_CREAT | O_TRUNC. */
  replaceContent(path: Path, bytes: Buffer): void
  /** O_CREAT | O_APPEND. */
  append(path: Path, bytes: Buffer): void
  /** Writes at an offset of a file that exists. */
  overwrite(path: Path, offset: number, bytes: Buffer): void
  truncate(path: Path, size: number): void
  read(path: Path): Buffer
  /** A file's content under another name, new or not, by the kernel's copy. */
  copy(from: Path, to: Path): void
  rename(from: Path, to: Path): void
  link(from: Path, to: Path): void
  unlink(path: Path): void
  symlink(target: string, path: Path): void
  readlink(path: Path): string
  mkdir(path: Path): void
  rmdir(path: Path): void
  /** Names, sorted. */
  list(path: Path): string[]
  chmod(path: Path, mode: number): void
  /** Sets mtime, in whole seconds since 1970. */
  touch(path: Path, mtime: number): void
  setXattr(path: Path, name: string, value: Buffer): void
  getXattr(path: Path, name: string): Buffer
  removeXattr(path: Path, name: string): void
  /** Names of the user's attributes, sorted. */
  listXattrs(path: Path): string[]
  /** Of the object itself, never of what a symlink points to. */
  stat(path: Path): Attributes
  /** Opens a file that exists for reading and writing; `key` names the handle from now on. */
  open(key: number, path: Path): void
  readAt(key: number, offset: number, length: number): Buffer
  writeAt(key: number, offset: number, bytes: Buffer): void
  truncateOpen(key: number, size: number): void
  sync(key: number): void
  close(key: number): void
}
