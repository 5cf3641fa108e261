/**
 * What libfuse and fusermount write to the process's standard error, the one way in which they say why they refuse:
 * read back from the file it goes to.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const STDERR = 2
const BYTES_MAX = 4096

/** Gives a function that tells what has been written since; empty where standard error is no file, but a terminal or pipe. */
export function markStderr(): () => string {
  const start = fileLength()
  return () => (start === undefined ? '' : readFrom(start))
}

function fileLength(): number | undefined {
  try {
    const stat = fstatSync(STDERR)
    return stat.isFile() ? stat.size : undefined
  } catch {
    return undefined
  }
}

/** Our own descriptor only writes. */
function readFrom(start: number): string {
  const bytes = Buffer.alloc(BYTES_MAX)
  try {
    const fd = openSync(`/proc/self/fd/${STDERR}`, 'r')
    try {
      return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, start)).trim()
    } finally {
      closeSync(fd)
    }
  } catch {
    return ''
  }
}
