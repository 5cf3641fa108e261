/**
 * Bytes of the home that are given up when its disk is full: so a daemon still starts there, and what frees space can write down
 * what it does. Nothing stands in them.
 */
import { closeSync, openSync, rmSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import path from 'node:path'
import { describeError } from '../errors.ts'
import { logger } from '../log.ts'
import { allocateFd } from '../posix/holes.ts'

const log = logger('store')

/** What a ledger is opened anew with (`store/lasting-level`), and as much for small files. */
const BALLAST_BYTES = 16 * 1024 * 1024
/** With less than this free, a disk is full. */
const FULL_BYTES = 8 * 1024 * 1024
/** With this much free it is taken. */
const PLENTY_BYTES = 8 * BALLAST_BYTES
const LOOK_MS = 60_000

/** Gives the ballast in `home` up if its disk is full. Never fails. */
export function giveUpBallast(home: string): Promise<void> {
  return look(home, false)
}

/** Does so now and then, and takes the ballast where there is none and the disk has plenty of room. */
export function keepBallast(home: string): Disposable {
  void look(home, true)
  const timer = setInterval(() => void look(home, true), LOOK_MS).unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

async function look(home: string, mayTake: boolean): Promise<void> {
  const file = path.join(home, 'ballast')
  try {
    const { bavail, bsize } = await statfs(home)
    const freeBytes = bavail * bsize
    if (freeBytes < FULL_BYTES) rmSync(file, { force: true })
    else if (mayTake && freeBytes >= PLENTY_BYTES) take(file)
  } catch (error) {
    log('ballast: %s', describeError(error))
  }
}

function take(file: string): void {
  const fd = openSync(file, 'a', 0o600)
  try {
    allocateFd(fd, 0, 0, BALLAST_BYTES)
  } catch (error) {
    rmSync(file)
    throw error
  } finally {
    closeSync(fd)
  }
}
