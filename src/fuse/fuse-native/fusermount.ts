/**
 * The fusermount that libfuse 2.9 runs for an ordinary user. It looks for one in PATH, and only the old one takes the
 * option `nonempty`, without which libfuse mounts over nothing but empty directories.
 */
import { execFile } from 'node:child_process'
import { delimiter } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { DfsError } from '../../errors.ts'

/** Holds a `fusermount` that leaves `nonempty` out and runs fusermount3. */
const HELPER_DIRECTORY = fileURLToPath(new URL('../../../bin/helper', import.meta.url))

/** Whether `fusermount` is that of fuse3. Fails with `unsupported` if there is none. */
export async function isFusermount3(): Promise<boolean> {
  try {
    const { stdout } = await promisify(execFile)('fusermount', ['-V'])
    return stdout.includes('fusermount3')
  } catch (cause) {
    throw new DfsError('unsupported', 'fusermount is not there, and only root mounts without it', {
      op: 'mount',
      mend: 'install the package fuse3',
      cause,
    })
  }
}

/** Runs `mount`, during which libfuse finds our helper before anything else. */
export function withHelper<T>(mount: () => T): T {
  const path = process.env.PATH
  process.env.PATH = [HELPER_DIRECTORY, path].filter(Boolean).join(delimiter)
  try {
    return mount()
  } finally {
    if (path === undefined) delete process.env.PATH
    else process.env.PATH = path
  }
}
