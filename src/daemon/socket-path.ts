/**
 * Where the daemon of a home listens: the path of its Unix socket, in a directory that is its user's alone.
 */
import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DfsError } from '../errors.ts'

/** `sun_path` holds 108 bytes with its terminating zero. */
const SOCKET_PATH_BYTES_MAX = 107

/**
 * Chooses the socket's path, and makes its directory (0700): `$XDG_RUNTIME_DIR/dfs`, else the home, else the
 * temporary directory where the home's path is too long. Fails with `no-permission` if somebody else owns the directory.
 */
export function chooseSocketPath(home: string, env: NodeJS.ProcessEnv): string {
  const name = `${createHash('sha256').update(home).digest('hex').slice(0, 16)}.sock`
  const runtime = env.XDG_RUNTIME_DIR
  const uid = process.getuid?.() ?? 0
  const candidates = [
    ...(runtime !== undefined && isOwnDirectory(runtime) ? [path.join(runtime, 'dfs', name)] : []),
    path.join(home, 'control.sock'),
    path.join(tmpdir(), `dfs-${uid}`, name),
    path.join('/tmp', `dfs-${uid}`, name),
  ]
  const chosen = candidates.find((candidate) => Buffer.byteLength(candidate) <= SOCKET_PATH_BYTES_MAX)!
  makePrivateDirectory(path.dirname(chosen))
  return chosen
}

function makePrivateDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  if (!isOwnDirectory(directory)) {
    throw new DfsError('no-permission', 'the directory for the control socket belongs to somebody else', {
      op: 'listen',
      subject: directory,
      mend: 'set XDG_RUNTIME_DIR to a directory of your own',
    })
  }
  chmodSync(directory, 0o700)
}

function isOwnDirectory(directory: string): boolean {
  const stat = lstatSync(directory, { throwIfNoEntry: false })
  return stat?.isDirectory() === true && (process.getuid === undefined || stat.uid === process.getuid())
}
