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
import { unmount } from '../../posix/mount.ts'
import { ActiveMount } from '../active-mount.ts'
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
  const mounted = new ActiveMount({
    target,
    mountId: mountAt(target)?.id,
    ended,
    beforeUnmount: async ({ lazy }) => (lazy ? storePages(target) : undefined),
  })
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

/** What programs wrote and the kernel still keeps: a mount that leaves while it is used is not asked for it. */
async function storePages(target: string): Promise<void> {
  try {
    const root = await withinDeadline(open(target, 'r'), target)
    await withinDeadline(syncFilesystem(root.fd), target).finally(() => root.close())
  } catch (error) {
    log('%s: what the kernel keeps could not be stored: %o', target, error)
  }
}
