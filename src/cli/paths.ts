/**
 * Paths as a person types them, made absolute and free of symbolic links here, in the client: the daemon must not
 * look at paths below its own mounts.
 */
import { realpath } from 'node:fs/promises'
import path from 'node:path'
import { DfsError } from '../errors.ts'

/** A mount that does not answer in this time hangs. */
const DEADLINE_MS = 5_000

/**
 * The absolute path. What is not there (yet, or behind a mount whose server died) is taken by its name, below what is.
 * Fails with `timeout` if a file system on the way does not answer.
 */
export async function resolvePath(typed: string): Promise<string> {
  const { promise: expired, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(hangs(typed)), DEADLINE_MS)
  try {
    return await Promise.race([resolveExisting(path.resolve(typed)), expired])
  } finally {
    clearTimeout(timer)
  }
}

async function resolveExisting(absolute: string): Promise<string> {
  try {
    return await realpath(absolute)
  } catch {
    const parent = path.dirname(absolute)
    return parent === absolute ? absolute : path.join(await resolveExisting(parent), path.basename(absolute))
  }
}

function hangs(typed: string): DfsError {
  return new DfsError('timeout', 'a file system on the way does not answer', {
    subject: typed,
    mend: 'see "dfs doctor"',
  })
}
