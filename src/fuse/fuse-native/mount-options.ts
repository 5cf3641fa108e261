/** The option string of a mount, for libfuse 2.9, its iconv module, and fusermount. */
import { DfsError } from '../../errors.ts'

/** How long the kernel may answer from names and attributes it has seen: nothing can be invalidated through libfuse 2.9. */
export const CACHE_SECONDS = 1

/** The binding cuts what is longer, and a NUL ends it. */
const OPTION_BYTES_MAX = 1023

export function mountOptions({ asRoot, fsname }: { asRoot: boolean; fsname: string }): string {
  const options = [
    'big_writes',
    'atomic_o_trunc',
    'use_ino',
    'max_read=131072',
    `entry_timeout=${CACHE_SECONDS}`,
    `attr_timeout=${CACHE_SECONDS}`,
    `negative_timeout=${CACHE_SECONDS}`,
    'default_permissions',
    'subtype=dfs',
    `fsname=${escapeOption(fsname)}`,
    // The kernel's bytes as latin1, one char a byte: JavaScript then sees and gives names exactly.
    'modules=iconv,from_code=UTF-8,to_code=ISO-8859-1',
  ]
  options.push('nonempty')
  if (asRoot) options.push('allow_other')
  const text = `-o${options.join(',')}`
  if (Buffer.byteLength(text) > OPTION_BYTES_MAX) {
    throw new DfsError('invalid', 'the name of the file system is too long for a mount option', {
      op: 'mount',
      subject: fsname,
    })
  }
  return text
}

/** libfuse splits at commas and takes a backslash as the escape of the next character. */
function escapeOption(text: string): string {
  return text.replaceAll(/[\0\n]/g, '?').replaceAll(/[\\,]/g, '\\$&')
}
