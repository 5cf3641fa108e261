/**
 * The outside as the store sees it: every call by which block files and the journal touch the disk.
 *
 * Production code uses `realFiles`; a fault test passes a copy with single calls replaced, to fail as a bad
 * or full disk does. All of them throw Node's own errors (`code`, `errno`).
 */
import fs from 'node:fs'
import { promisify } from 'node:util'
import { syncFilesystem } from '../posix/files.ts'

export const realFiles = {
  openSync: fs.openSync,
  closeSync: fs.closeSync,
  statSync: (path: string): fs.Stats | undefined => fs.statSync(path, { throwIfNoEntry: false }),
  fstatSync: (fd: number): fs.Stats => fs.fstatSync(fd),
  readSync: (fd: number, into: Buffer, length: number, position: number): number =>
    fs.readSync(fd, into, 0, length, position),
  /** From `offset` of the bytes on; to where the descriptor stands unless a position is given. */
  writeSync: (fd: number, bytes: Buffer, offset: number, position?: number): number =>
    fs.writeSync(fd, bytes, offset, bytes.length - offset, position),
  /** Both in ms since 1970. */
  touchSync: (fd: number, accessedMs: number, modifiedMs: number): void =>
    fs.futimesSync(fd, accessedMs / 1000, modifiedMs / 1000),
  truncateSync: (fd: number, size: number): void => fs.ftruncateSync(fd, size),
  renameSync: fs.renameSync,
  unlinkSync: fs.unlinkSync,
  linkSync: fs.linkSync,
  copyFileSync: fs.copyFileSync,
  makeDirectorySync: (path: string): void => void fs.mkdirSync(path, { recursive: true, mode: 0o700 }),
  readDirectorySync: (path: string): string[] => fs.readdirSync(path),
  readFileSync: (path: string): Buffer => fs.readFileSync(path),

  open: promisify(fs.open),
  close: promisify(fs.close),
  write: async (fd: number, bytes: Buffer, offset: number): Promise<number> =>
    (await writeOnce(fd, bytes, offset)).bytesWritten,
  rename: promisify(fs.rename),
  readFile: (path: string): Promise<Buffer> => fs.promises.readFile(path),
  readDirectory: (path: string): Promise<string[]> => fs.promises.readdir(path),
  sync: promisify(fs.fsync),
  dataSync: promisify(fs.fdatasync),
  syncFilesystem,
}

export type Files = typeof realFiles

const writeOnce = promisify(fs.write) as (
  fd: number,
  bytes: Buffer,
  offset: number,
) => Promise<{ bytesWritten: number }>

/** The `code` of a Node error (`ENOENT`), undefined for anything else. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code
}

/** Makes the names in a directory durable. */
export async function syncDirectory(directory: string, files: Files = realFiles): Promise<void> {
  const fd = files.openSync(directory, 'r')
  try {
    await files.sync(fd)
  } finally {
    files.closeSync(fd)
  }
}
