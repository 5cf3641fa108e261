/**
 * Mounting through `fusermount3`, for those who are not root: it mounts, sends the descriptor of /dev/fuse, and then
 * stays to unmount should this process die.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { DfsError } from '../errors.ts'
import { closeFd } from './files.ts'
import { neverWait } from './fuse-device.ts'
import { receiveFd, socketPair } from './socket-pair.ts'

/** The helper's number of its socket. */
const HELPER_FD = 3
/** How long the helper may take to see that the mount is gone. */
const HELPER_ENDS_MS = 2000

export interface HelpedMount {
  readonly fd: number
  /** Lets the helper go, once the mount is gone; it would take away another one at the same place. */
  release(): Promise<void>
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
    return { fd, release: () => release(socket, helper) }
  } catch (error) {
    closeFd(socket)
    throw error
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

async function release(socket: number, helper: ChildProcess): Promise<void> {
  const ended = helper.exitCode === null && helper.signalCode === null ? once(helper, 'exit') : undefined
  closeFd(socket)
  await Promise.race([ended, delay(HELPER_ENDS_MS, undefined, { ref: false })])
}

function refused(target: string, said: string): DfsError {
  const words = said.trim().replace(/^fusermount3?: /, '') || 'it gave no reason'
  return new DfsError('not-permitted', `fusermount3 refused: ${words}`, { op: 'mount', subject: target })
}
