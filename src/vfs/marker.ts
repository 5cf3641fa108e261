/**
 * The marker of a folder: `.dfs/folder.json`, with the folder's id and the personal key it belongs to. Where it is
 * missing there is no folder: perhaps a disk that is not mounted.
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { DfsError } from '../errors.ts'
import { RESERVED_NAME } from '../format/stored-name.ts'
import { fromNodeError } from '../posix/errno.ts'
import { closeFd, O, openAt, pwriteFd, syncFd } from '../posix/files.ts'
import { makeDirectoryAt, renameAt } from '../posix/names.ts'
import { statAt } from '../posix/stat.ts'

export const FOLDER_FORMAT = 1
const MARKER = 'folder.json'
const ID = /^[0-9a-f]{32}$/

export interface Marker {
  readonly format: number
  /** 32 hex digits. */
  readonly id: string
  /** Of the personal key that the folder's stubs are sealed with, 16 hex digits. */
  readonly keyId: string
}

/** The marker of a directory; undefined if it has none. Fails with `corrupt`, `newer-version`. */
export async function readMarker(folder: string): Promise<Marker | undefined> {
  const file = path.join(folder, RESERVED_NAME, MARKER)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const failure = fromNodeError(error, 'open folder', folder)
    if (failure.kind === 'not-found' || failure.kind === 'not-a-directory') return undefined
    throw failure
  }
  return parseMarker(text, folder)
}

/** Makes a directory a folder, a new one unless an id is given; `rootFd` is open on it. */
export async function writeMarker(
  rootFd: number,
  keyId: string,
  id = randomBytes(16).toString('hex'),
): Promise<Marker> {
  const marker = { format: FOLDER_FORMAT, id, keyId }
  if (statAt(rootFd, RESERVED_NAME) === undefined) makeDirectoryAt(rootFd, RESERVED_NAME, 0o700)
  const directoryFd = openAt(rootFd, RESERVED_NAME, O.RDONLY | O.DIRECTORY | O.NOFOLLOW)
  try {
    const fd = openAt(directoryFd, `${MARKER}.tmp`, O.CREAT | O.TRUNC | O.WRONLY | O.NOFOLLOW, 0o600)
    pwriteFd(fd, Buffer.from(`${JSON.stringify(marker)}\n`), 0)
    await syncFd(fd)
    closeFd(fd)
    renameAt(directoryFd, `${MARKER}.tmp`, directoryFd, MARKER)
    await syncFd(directoryFd)
    await syncFd(rootFd)
  } finally {
    closeFd(directoryFd)
  }
  return marker
}

/**
 * Fails with `needs-confirmation` if the open directory has no marker any more: what is not found in it may be anywhere,
 * and is not gone.
 */
export function requireMarker(rootFd: number): void {
  if (statAt(rootFd, `${RESERVED_NAME}/${MARKER}`) !== undefined) return
  throw new DfsError('needs-confirmation', `its marker ${RESERVED_NAME}/${MARKER} is missing`, {
    op: 'read folder',
    mend: 'connect the disk that it is on; if the folder is to be given up unmount it, and use "dfs mount --yes"',
  })
}

function parseMarker(text: string, folder: string): Marker {
  let marker: Partial<Marker>
  try {
    marker = JSON.parse(text)
  } catch (cause) {
    throw damaged(folder, cause)
  }
  const { format, id, keyId } = marker
  if (typeof format === 'number' && format > FOLDER_FORMAT) {
    throw new DfsError('newer-version', 'the folder was made by a newer dfs', { subject: folder, mend: 'update dfs' })
  }
  if (format !== FOLDER_FORMAT || typeof id !== 'string' || !ID.test(id) || typeof keyId !== 'string')
    throw damaged(folder)
  return { format, id, keyId }
}

function damaged(folder: string, cause?: unknown): DfsError {
  return new DfsError('corrupt', `its marker ${RESERVED_NAME}/${MARKER} is damaged`, {
    op: 'open folder',
    subject: folder,
    mend: 'restore it from a backup; without one remove it, and the folder becomes a new one with the same stubs',
    cause,
  })
}
