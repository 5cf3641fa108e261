/**
 * How the daemon of a home is found: it writes the path of its Unix socket into the lock file of its home, so that a
 * client finds it whatever the client's own environment says.
 */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'

export interface DaemonAddress {
  readonly pid: number
  readonly socket: string
}

/** Whether `dir` is a home (of any format): its `format` file is written last. */
export function isHome(dir: string): boolean {
  return existsSync(path.join(dir, 'format'))
}

/** Whether the home's keys are under a passphrase: a daemon does not start without it. */
export function hasPassphrase(home: string): boolean {
  return existsSync(passphrasePath(home))
}

export function passphrasePath(home: string): string {
  return path.join(home, 'passphrase.key')
}

export function lockPath(home: string): string {
  return path.join(home, 'lock')
}

/** What the last daemon of a home wrote of itself; undefined if there was none. It may have died since. */
export function readAddress(home: string): DaemonAddress | undefined {
  try {
    const { pid, socket } = JSON.parse(readFileSync(lockPath(home), 'utf8'))
    return Number.isInteger(pid) && typeof socket === 'string' ? { pid, socket } : undefined
  } catch {
    return undefined
  }
}
