/**
 * What can be a folder and what can be a mount point: each thing that would go wrong later is refused here, in one line.
 * Only to be asked about paths that this daemon does not serve: it looks at them through the kernel.
 */
import { realpathSync } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { DfsError } from '../errors.ts'
import { fromNodeError } from '../posix/errno.ts'
import { isWithin } from './locate.ts'

const OP = 'mount'

/** Where the program's own files are: `src/` or `dist/` and all that lies beside it. */
const PROGRAM = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

/** Fails unless `folder` can be a folder beside the others, going by its name alone. `others`: folders and mount points. */
export function checkFolderPath(folder: string, { home, others }: { home: string; others: readonly string[] }): void {
  if (isWithin(folder, home)) throw refused(folder, 'is inside the home of dfs', 'choose a folder outside it')
  const needed = [
    { what: 'the home of dfs', at: home, mend: 'move it with DFS_HOME' },
    { what: 'the directory for temporary files', at: real(tmpdir()), mend: 'set TMPDIR to another directory' },
    { what: 'the Node that runs dfs', at: real(process.execPath), mend: 'install it elsewhere' },
    { what: 'the program dfs', at: PROGRAM, mend: 'install it elsewhere' },
  ]
  for (const { what, at, mend } of needed) {
    if (isWithin(at, folder)) throw refused(folder, `has ${what} (${at}) inside it`, mend)
  }
  for (const other of others) refuseOverlap(folder, other)
}

/** Fails unless `mountpoint` can be one for `folder`, going by its name alone. */
export function checkMountpointPath(
  mountpoint: string,
  { home, folder, others }: { home: string; folder: string; others: readonly string[] },
): void {
  if (isWithin(home, mountpoint) || isWithin(mountpoint, home)) {
    throw refused(mountpoint, 'and the home of dfs may not hold each other', 'choose another mount point')
  }
  if (isWithin(folder, mountpoint) || isWithin(mountpoint, folder)) {
    throw refused(
      mountpoint,
      'and the folder may not hold each other',
      'leave MOUNTPOINT away to mount over the folder',
    )
  }
  for (const other of others) if (other !== folder) refuseOverlap(mountpoint, other)
}

/** Fails unless `directory` is one. */
export async function checkDirectory(directory: string): Promise<void> {
  let isDirectory: boolean
  try {
    isDirectory = (await lstat(directory)).isDirectory()
  } catch (error) {
    const failure = fromNodeError(error, OP, directory)
    if (failure.kind !== 'not-found') throw failure
    throw new DfsError('not-found', 'is not there', {
      op: OP,
      subject: directory,
      mend: `make it with "mkdir -p ${directory}"`,
    })
  }
  if (isDirectory) return
  throw new DfsError('not-a-directory', 'is not a directory', { op: OP, subject: directory, mend: 'name a directory' })
}

/** Fails unless `directory` is an empty one. */
export async function checkEmptyDirectory(directory: string): Promise<void> {
  await checkDirectory(directory)
  if ((await readdir(directory)).length === 0) return
  throw new DfsError('not-empty', 'is not empty', { op: OP, subject: directory, mend: 'mount at an empty directory' })
}

function refuseOverlap(directory: string, other: string): void {
  if (directory === other) return
  if (isWithin(directory, other)) throw refused(directory, `is inside the folder ${other}`, 'use that one')
  if (isWithin(other, directory)) throw refused(directory, `has the folder ${other} inside it`, 'choose another one')
}

function refused(subject: string, message: string, mend: string): DfsError {
  return new DfsError('invalid', message, { op: OP, subject, mend })
}

function real(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
