/** Making the mount: the kernel's end of the connection comes as a descriptor of /dev/fuse. */

import { closeFd } from '../../posix/files.ts'
import { openFuseDevice } from '../../posix/fuse-device.ts'
import { mountFuse } from '../../posix/mount.ts'
import type { MountOptions } from '../driver.ts'

const TYPE = 'fuse.dfs'
const ROOT_MODE = '40000'

/** A connection that the kernel has mounted; it answers nothing until it is served. */
export interface Connection {
  readonly fd: number
}

export async function connect({ target, fsname, asRoot }: MountOptions & { target: string }): Promise<Connection> {
  return { fd: mountHere(target, fsname, asRoot) }
}

function mountHere(target: string, fsname: string, asRoot: boolean): number {
  const fd = openFuseDevice()
  const options = [
    `fd=${fd}`,
    `rootmode=${ROOT_MODE}`,
    `user_id=${process.geteuid!()}`,
    `group_id=${process.getegid!()}`,
    'default_permissions',
    ...(asRoot ? ['allow_other'] : []),
  ]
  try {
    mountFuse(target, { source: fsname, type: TYPE, options: options.join(',') })
    return fd
  } catch (error) {
    closeFd(fd)
    throw error
  }
}
