/**
 * The lock of a home: at most one daemon works in it. Held by the kernel for the open file, so a killed daemon's is free at once;
 * the file also says who holds it and where it listens (see `address.ts`).
 */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { DfsError } from '../errors.ts'
import { tryLockFile } from '../posix/lock.ts'
import { type DaemonAddress, lockPath, readAddress } from './address.ts'

export class HomeLock {
  readonly #fd: number

  /** Fails with `locked` if another daemon holds it. */
  static take(home: string): HomeLock {
    const fd = openSync(lockPath(home), 'a+', 0o600)
    try {
      if (tryLockFile(fd)) return new HomeLock(fd)
    } catch (error) {
      closeSync(fd)
      throw error
    }
    closeSync(fd)
    const holder = readAddress(home)
    throw new DfsError('locked', 'a daemon works in this home already', {
      op: 'lock',
      subject: home,
      mend: holder === undefined ? 'wait until it has ended' : `it is process ${holder.pid}`,
    })
  }

  private constructor(fd: number) {
    this.#fd = fd
  }

  /** Tells clients where this daemon listens. */
  announce(address: DaemonAddress): void {
    ftruncateSync(this.#fd, 0)
    writeSync(this.#fd, JSON.stringify(address))
  }

  /** The file stays: removing it would let two daemons lock two files of one name. */
  [Symbol.dispose](): void {
    ftruncateSync(this.#fd, 0)
    closeSync(this.#fd)
  }
}
