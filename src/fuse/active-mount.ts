/** A mount that a driver serves, as the daemon holds it: how it is taken away, and who hears when somebody else does that. */
import { DfsError } from '../errors.ts'
import { mountEntries, unmount } from '../posix/mount.ts'
import type { Mounted } from './driver.ts'
import { mountAt } from './mountpoint.ts'

export interface ActiveMountOptions {
  target: string
  /** The kernel's number of the mount. */
  mountId: number | undefined
  /** Settles when the driver has served its last request. */
  ended: Promise<void>
  beforeUnmount?: (options: { lazy: boolean }) => Promise<void>
  afterUnmount?: () => void
}

export class ActiveMount implements Mounted {
  readonly #options: ActiveMountOptions
  #unmounting = false

  constructor(options: ActiveMountOptions) {
    this.#options = options
  }

  /** Reports an end that nobody here asked for. */
  watch(onGone: (why: string) => void): void {
    const { target, ended } = this.#options
    const report = (): void => {
      if (!this.#unmounting) onGone(`${target} was unmounted by somebody else`)
    }
    ended.then(report, report)
  }

  async unmount({ lazy }: { lazy: boolean }): Promise<void> {
    const { target, mountId, ended, beforeUnmount, afterUnmount } = this.#options
    const mount = mountAt(target)
    // A lazy unmount before this one leaves what was below, or nothing.
    const hidden = mountEntries().some(({ id }) => id === mountId) && mount?.id !== mountId
    if (hidden) throw new DfsError('busy', 'something else is mounted over it', { op: 'umount', subject: target })
    this.#unmounting = true
    await beforeUnmount?.({ lazy })
    try {
      if (mount?.id === mountId) await unmount(target, { lazy })
    } catch (error) {
      this.#unmounting = false
      throw error
    }
    afterUnmount?.()
    await ended
  }
}
