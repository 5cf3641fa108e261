/**
 * Mounting through `fusermount3`, for those who are not root: it mounts, sends the descriptor of /dev/fuse, and ends.
 *
 * Should this process die, a shell that waits for that has the mount taken away. fusermount3's own `auto_unmount` does it only
 * for mounts that root may look into (measured with 3.14: root gets EACCES, and it goes away without unmounting).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { DfsError } from '../errors.ts'
import { warn } from '../log.ts'
import { closeFd } from './files.ts'
import { neverWait } from './fuse-device.ts'
import { receiveFd, socketPair } from './socket-pair.ts'

/** The helper's number of its socket. */
const HELPER_FD = 3
/** Reads a word from who mounted, or the end of him. */
const WATCH = 'read -r word; test "$word" = done || exec fusermount3 -u -z -- "$1"'

export interface HelpedMount {
  readonly fd: number
  /** Nobody waits for the death of this process any more. To be called once the mount is gone: another may come to its place. */
  release(): void
}

/**
 * Mounts at `target`; `options` as fusermount3 takes them after `-o`.
 * Fails with `unsupported` if it is not installed, `not-permitted` with its own words if it refuses.
 */
export async function mountThroughFusermount(target: string, options: string): Promise<HelpedMount> {
  const [socket, theirs] = socketPair()
  try {
    const helper = await start(target, options, theirs).finally(() => closeFd(theirs))
    const said = text(helper.stderr!)
    const fd = await receiveFd(socket)
    if (fd === undefined) throw refused(target, await said)
    neverWait(fd)
    helper.stderr!.destroy()
    said.catch(() => {})
    helper.unref()
    return { fd, release: unmountAtDeath(target) }
  } finally {
    closeFd(socket)
  }
}

async function start(target: string, options: string, socket: number): Promise<ChildProcess> {
  const helper = spawn('fusermount3', ['-o', options, '--', target], {
    cwd: '/',
    env: { ...process.env, LC_ALL: 'C', _FUSE_COMMFD: String(HELPER_FD) },
    stdio: ['ignore', 'ignore', 'pipe', socket],
  })
  try {
    await once(helper, 'spawn')
    return helper
  } catch (cause) {
    throw new DfsError('unsupported', 'fusermount3 is not there, and only root mounts without it', {
      op: 'mount',
      mend: 'install the package fuse3',
      cause,
    })
  }
}

/** Gives what calls that off. */
function unmountAtDeath(target: string): () => void {
  const stdio = ['pipe', 'ignore', 'ignore'] as const
  const shell = spawn('sh', ['-c', WATCH, 'sh', target], { cwd: '/', detached: true, stdio: [...stdio] })
  shell.on('error', (error) => warn(`should dfs be killed, its mount will stay: ${error.message}`))
  shell.stdin!.on('error', () => {})
  shell.unref()
  ;(shell.stdin as Socket).unref()
  return () => void shell.stdin!.end('done\n')
}

function refused(target: string, said: string): DfsError {
  const words = said.trim().replace(/^fusermount3?: /, '') || 'it gave no reason'
  return new DfsError('not-permitted', `fusermount3 refused: ${words}`, { op: 'mount', subject: target })
}
