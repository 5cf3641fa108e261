/**
 * A plain file on its way to becoming a stub: open, and watched for changes from the first byte read to the last look
 * before its name goes.
 *
 * The lease that tells whether others have it open is held only within a synchronous step: the daemon itself opens
 * plain files on this thread, and would wait for itself; and nobody else is kept waiting.
 */
import { setTimeout } from 'node:timers/promises'
import type { ByteString } from '../../dfs.ts'
import { closeFd, O, openAt } from '../../posix/files.ts'
import { releaseLease, tryWriteLease } from '../../posix/lease.ts'
import { type Stat, statFd } from '../../posix/stat.ts'
import { nowNs } from '../clock.ts'
import { isRegular } from '../stub-tree.ts'
import { LeftAlone, orLeaveAlone } from './left-alone.ts'

/**
 * Two changes within a tick of the kernel's clock get one time. What changed longer ago than this (ticks are 10 ms at
 * most) gets another time with the next change.
 */
const TICKS_MS = 30

export class PlainFile {
  readonly fd: number
  #stat: Stat

  private constructor(fd: number, stat: Stat) {
    this.fd = fd
    this.#stat = stat
  }

  /** Opens the file that was listed as `listed`. Fails with LeftAlone if it is in use, unreadable, or another by now. */
  static async open(dirFd: number, name: ByteString, listed: Stat): Promise<PlainFile> {
    // Not to wait for whoever may have a lease, or, if it has become a pipe, writes to it.
    const fd = orLeaveAlone(() => openAt(dirFd, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK))
    const plain = new PlainFile(fd, listed)
    try {
      if (!orLeaveAlone(() => tryWriteLease(fd))) throw inUse()
      releaseLease(fd)
      await untilTicksAgo(listed.ctimeNs)
      const stat = statFd(fd)
      if (!isRegular(stat) || !isSame(stat, listed)) throw changed()
      plain.#stat = stat
      return plain
    } catch (error) {
      plain.close()
      throw error
    }
  }

  /** As it was when it was opened, but for what `seize` has done to it since. */
  get stat(): Stat {
    return this.#stat
  }

  /** Whether `stat` is of this file, whatever its state. */
  is(stat: Stat | undefined): boolean {
    return stat !== undefined && isSame(stat, this.#stat)
  }

  /**
   * Runs `work` while nobody else has the file open: whoever opens it, this process too, waits until it is done.
   * Fails with LeftAlone, and does nothing, if it is open elsewhere or has changed since it was opened here.
   */
  seize(work: () => void): void {
    if (!orLeaveAlone(() => tryWriteLease(this.fd))) throw inUse()
    try {
      if (!this.#isUnchanged()) throw changed()
      work()
      // Losing a name changes the time of change, and nothing else can have.
      this.#stat = statFd(this.fd)
    } finally {
      releaseLease(this.fd)
    }
  }

  close(): void {
    closeFd(this.fd)
  }

  #isUnchanged(): boolean {
    const before = this.#stat
    const now = statFd(this.fd)
    // Another name made or removed changes the time of change of all.
    const sameChange = now.ctimeNs === before.ctimeNs || before.nlink > 1
    const sameContent = now.size === before.size && now.mtimeNs === before.mtimeNs
    const sameOwner = now.uid === before.uid && now.gid === before.gid && now.mode === before.mode
    return sameChange && sameContent && sameOwner
  }
}

export function inUse(): LeftAlone {
  return new LeftAlone('busy', 'it is in use')
}

export function changed(): LeftAlone {
  return new LeftAlone('busy', 'it changed meanwhile')
}

function isSame(one: Stat, other: Stat): boolean {
  return one.ino === other.ino && one.dev === other.dev && one.btimeNs === other.btimeNs
}

async function untilTicksAgo(timeNs: bigint): Promise<void> {
  const ageNs = nowNs() - timeNs
  // A time to come (the clock was set back) is no time that the next change can get.
  if (ageNs >= 0n && ageNs < BigInt(TICKS_MS) * 1_000_000n) await setTimeout(TICKS_MS)
}
