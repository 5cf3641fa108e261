/**
 * fusermount, the set-uid program by which those who are not root unmount: `fusermount3` of fuse 3, else `fusermount`.
 */
import { execFile } from 'node:child_process'
import { DfsError, type ErrorKind } from '../errors.ts'

const FUSERMOUNT_TIMEOUT_MS = 20_000

/**
 * Unmounts what the same user mounted; with `lazy` at once out of sight, and off when nobody uses it any more.
 *
 * Fails with `busy`, `invalid` where it knows of no such mount, `not-permitted` (also where it is not installed), `timeout`.
 */
export async function unmountThroughFusermount(target: string, lazy: boolean): Promise<void> {
  const options = lazy ? ['-u', '-z', '--', target] : ['-u', '--', target]
  for (const program of ['fusermount3', 'fusermount']) {
    const failure = await run(program, options)
    if (failure === undefined) return
    if (failure.code !== 'ENOENT') throw fusermountError(failure, target)
  }
  throw new DfsError('not-permitted', 'umount: only root may unmount without fusermount', {
    op: 'umount',
    subject: target,
    mend: 'install the package fuse3',
  })
}

interface Failure {
  /** `ENOENT`: the program is not installed. */
  readonly code: string | number | null | undefined
  readonly timedOut: boolean
  readonly stderr: string
}

/** Undefined when the program succeeds. */
function run(program: string, options: string[]): Promise<Failure | undefined> {
  const settings = { env: { ...process.env, LC_ALL: 'C' }, timeout: FUSERMOUNT_TIMEOUT_MS }
  return new Promise((resolve) => {
    execFile(program, options, settings, (error, _stdout, stderr) => {
      if (error === null) resolve(undefined)
      else resolve({ code: error.code, timedOut: error.killed === true, stderr: stderr.trim() || error.message })
    })
  })
}

function fusermountError({ timedOut, stderr }: Failure, target: string): DfsError {
  return new DfsError(timedOut ? 'timeout' : kindOfMessage(stderr), `umount: ${stderr}`, {
    op: 'umount',
    subject: target,
  })
}

/** fusermount gives one exit code for everything; its words are those of strerror in the C locale. */
function kindOfMessage(stderr: string): ErrorKind {
  if (/busy/i.test(stderr)) return 'busy'
  if (/not found in|not mounted|invalid argument/i.test(stderr)) return 'invalid'
  if (/permitted|permission denied/i.test(stderr)) return 'not-permitted'
  return 'io'
}
