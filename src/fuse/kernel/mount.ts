/** Making the mount: the connection to the kernel is a descriptor of /dev/fuse. */
import { closeFd } from '../../posix/files.ts'
import { openFuseDevice } from '../../posix/fuse-device.ts'
import { mountThroughFusermount } from '../../posix/fusermount-mount.ts'
import { mountFuse } from '../../posix/mount.ts'
import type { MountOptions } from '../driver.ts'

const TYPE = 'fuse.dfs'
const SUBTYPE = 'dfs'
/** A directory, in octal. */
const ROOT_MODE = '40000'

/** A connection that the kernel has mounted; nobody is answered until it is served. */
export interface Connection {
  readonly fd: number
  /** To be called once the connection has ended. */
  release(): void
}

/** Mounts: root by itself, others through fusermount3. Fails with `not-permitted`, `unsupported`, `busy`. */
export async function connect({ target, fsname, asRoot }: MountOptions): Promise<Connection> {
  if (asRoot) return { fd: mountHere(target, fsname), release: () => {} }
  const options = [`fsname=${escapeOption(fsname)}`, `subtype=${SUBTYPE}`, 'default_permissions']
  return mountThroughFusermount(target, options.join(','))
}

function mountHere(target: string, fsname: string): number {
  const fd = openFuseDevice()
  const user = `user_id=${process.geteuid!()},group_id=${process.getegid!()}`
  const options = `fd=${fd},rootmode=${ROOT_MODE},${user},default_permissions,allow_other`
  try {
    mountFuse(target, { source: fsname, type: TYPE, options })
    return fd
  } catch (error) {
    closeFd(fd)
    throw error
  }
}

/** fusermount3 splits at commas and takes a backslash as the escape of the next character. */
function escapeOption(text: string): string {
  return text.replaceAll(/[\0\n]/g, '?').replaceAll(/[\\,]/g, '\\$&')
}
