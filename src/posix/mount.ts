/**
 * What is mounted, and unmounting.
 *
 * Nothing here makes this thread wait for a mounted file system, so the process that serves a mount may call it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { byteStringOf, textOf } from '../bytes/byte-string.ts'
import { DfsError, kindOf } from '../errors.ts'
import { fromNodeError } from './errno.ts'
import { unmountThroughFusermount } from './fusermount.ts'
import { callAsync, check, libc } from './libc.ts'

export interface MountEntry {
  /** The kernel's number of the mount. */
  readonly id: number
  /** Major and minor number of the file system's device: `8:1`. */
  readonly device: string
  readonly source: string
  readonly target: string
  /** For instance `ext4`, `fuse.dfs`. */
  readonly type: string
  /** Of the mount, then of the file system. */
  readonly options: readonly string[]
}

/** All mounts this process sees, in the order they were made: of two with one target the later hides the earlier. */
export function mountEntries(): MountEntry[] {
  return parseMountInfo(readFileSync('/proc/self/mountinfo', 'latin1'))
}

/** Reads the text of /proc/PID/mountinfo (as a byte string), see proc_pid_mountinfo(5). */
export function parseMountInfo(text: string): MountEntry[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      // Id, parent, device, root, target, options, optional fields, "-", type, source, options of the file system.
      const [left = '', right = ''] = line.split(' - ')
      const [id, , device = '', , target = '', options = ''] = left.split(' ')
      const [type = '', source = '', more = ''] = right.split(' ')
      return {
        id: Number(id),
        device,
        source: decodeField(source),
        target: decodeField(target),
        type: decodeField(type),
        options: [...options.split(','), ...more.split(',')].filter((option) => option !== '').map(decodeField),
      }
    })
}

/** ASCII without a backslash: most fields of most mounts, of which there may be many. */
const PLAIN = /^[\x20-\x5b\x5d-\x7e]*$/

/** The kernel writes space, tab, line feed and backslash as three octal digits. */
function decodeField(field: string): string {
  if (PLAIN.test(field)) return field
  return textOf(
    field.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))),
  )
}

const MNT_FORCE = 1
const MNT_DETACH = 2
const UMOUNT_NOFOLLOW = 8

export interface UnmountOptions {
  /** At once out of sight, and off when nobody uses it any more. */
  readonly lazy: boolean
  /** Whoever waits for the file system's program is answered with an error (root only). */
  readonly force?: boolean
}

/**
 * Takes the topmost mount off `target`.
 * Those who may not call umount2 go through fusermount, which unmounts what the same user mounted.
 *
 * Fails with `busy` while it is in use, `invalid` where nothing is mounted, `not-permitted`.
 */
export async function unmount(target: string, { lazy, force = false }: UnmountOptions): Promise<void> {
  // A buffer of its own: the scratch ones are good for synchronous calls only.
  const path = Buffer.from(`${target}\0`, 'utf8')
  if (path.indexOf(0) !== path.length - 1)
    throw new DfsError('invalid', 'a path cannot hold a NUL byte', { op: 'umount' })
  try {
    await callAsync(libc.umount2, 'umount2', path, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0) | (force ? MNT_FORCE : 0))
  } catch (error) {
    if (kindOf(error) !== 'not-permitted') throw error
    await unmountThroughFusermount(target, lazy)
  }
}

/**
 * Ends the connection of a FUSE mount: whoever waits for its program, or asks it from now on, is answered with an error.
 * The user who mounted may do that, and root. Fails with `not-permitted`, `no-permission`, `not-found`.
 */
export function abortConnection({ device }: Pick<MountEntry, 'device'>): void {
  const connection = device.split(':')[1]
  try {
    writeFileSync(`/sys/fs/fuse/connections/${connection}/abort`, '1')
  } catch (error) {
    throw fromNodeError(error, 'abort', `connection ${connection}`)
  }
}

const MS_NOSUID = 2
const MS_NODEV = 4

/**
 * Mounts a FUSE file system whose kernel side is `fd`; root only. `options` as the kernel takes them. Returns before
 * the file system answers.
 */
export function mountFuse(
  target: string,
  { source, type, options }: { source: string; type: string; options: string },
): void {
  const path = Buffer.from(`${target}\0`, 'utf8')
  if (path.indexOf(0) !== path.length - 1)
    throw new DfsError('invalid', 'a path cannot hold a NUL byte', { op: 'mount' })
  const data = Buffer.from(`${options}\0`, 'latin1')
  const from = Buffer.from(`${source}\0`, 'utf8')
  check(libc.mount(from, path, Buffer.from(`${type}\0`), MS_NOSUID | MS_NODEV, data), 'mount', byteStringOf(target))
}
