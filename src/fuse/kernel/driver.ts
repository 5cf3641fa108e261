/**
 * The driver that speaks the FUSE kernel protocol itself: the default on Linux.
 *
 * Invariant: the main thread, which serves the mount, never waits for it.
 */
import { open } from 'node:fs/promises'
import { DfsError } from '../../errors.ts'
import { logger } from '../../log.ts'
import { tuneBackingDevice } from '../../posix/backing-device.ts'
import { syncFilesystem } from '../../posix/files.ts'
import { mountEntries, unmount } from '../../posix/mount.ts'
import type { Driver, Mounted, MountOptions } from '../driver.ts'
import { answers, mountAt, withinDeadline } from '../mountpoint.ts'
import { prepareTarget } from '../target.ts'
import { connect } from './mount.ts'
import { REQUEST_BYTES_MAX } from './negotiation.ts'
import { Session } from './session.ts'

const log = logger('fuse')

export const kernelDriver: Driver = { name: 'kernel', mount }

async function mount(options: MountOptions): Promise<Mounted> {
  if (process.platform !== 'linux') {
    throw new DfsError('unsupported', 'the kernel driver is for Linux', {
      op: 'mount',
      mend: 'use --driver fuse-native',
    })
  }
  const target = await prepareTarget(options.target)
  const connection = await connect({ ...options, target })
  const session = new Session(connection.fd, options)
  const ended = session.ended.then(() => connection.release())
  const mounted = new KernelMounted(target, mountAt(target)?.id, ended)
  try {
    await session.ready
    await answers(target)
  } catch (error) {
    await unmount(target, { lazy: true })
    await ended
    throw error
  }
  if (options.asRoot) tune(target)
  mounted.watch(options.onGone)
  return mounted
}

/** FUSE mounts start with 128 KiB of read-ahead and 1 % of the memory for dirty pages, which holds writers up. */
function tune(target: string): void {
  try {
    tuneBackingDevice(mountAt(target)!.device, { readAheadBytes: REQUEST_BYTES_MAX, dirtyPercentMax: 20 })
  } catch (error) {
    log('%s: read-ahead stays as it is: %o', target, error)
  }
}

class KernelMounted implements Mounted {
  readonly #target: string
  readonly #mountId: number | undefined
  readonly #ended: Promise<void>
  #unmounting = false

  constructor(target: string, mountId: number | undefined, ended: Promise<void>) {
    this.#target = target
    this.#mountId = mountId
    this.#ended = ended
  }

  /** Reports an end that nobody here asked for. */
  watch(onGone: (why: string) => void): void {
    const report = (): void => {
      if (!this.#unmounting) onGone(`${this.#target} was unmounted by somebody else`)
    }
    this.#ended.then(report, report)
  }

  async unmount({ lazy }: { lazy: boolean }): Promise<void> {
    const mount = mountAt(this.#target)
    // A lazy unmount before this one leaves what was below, or nothing.
    const hidden = mountEntries().some(({ id }) => id === this.#mountId) && mount?.id !== this.#mountId
    if (hidden) {
      throw new DfsError('busy', 'something else is mounted over it', { op: 'umount', subject: this.#target })
    }
    this.#unmounting = true
    if (lazy) await this.#storePages()
    try {
      if (mount?.id === this.#mountId) await unmount(this.#target, { lazy })
    } catch (error) {
      this.#unmounting = false
      throw error
    }
    await this.#ended
  }

  /** What programs wrote and the kernel still keeps: a mount that leaves while it is used is not asked for it. */
  async #storePages(): Promise<void> {
    try {
      const root = await withinDeadline(open(this.#target, 'r'), this.#target)
      await withinDeadline(syncFilesystem(root.fd), this.#target).finally(() => root.close())
    } catch (error) {
      log('%s: what the kernel keeps could not be stored: %o', this.#target, error)
    }
  }
}
