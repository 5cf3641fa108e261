/** What shows the files of another machine, for comparison: mounts over SFTP from an SSH server of our own on loopback. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { newPlace, type Place } from '../../e2e/support/place.ts'
import { type Ending, runOk, until } from '../../e2e/support/process.ts'
import { fuse, program, root, skipUnless } from '../requirements.ts'
import { ForegroundDaemon } from './foreground-daemon.ts'
import type { System } from './system.ts'

export interface RemoteKind {
  readonly name: string
  /** Why it cannot run here, or false. */
  missing(): string | false
  /** What shows the directory `source` of `server`; not mounted yet. */
  create(place: Place, server: SshServer, source: string): System
}

export interface SshServer {
  readonly port: number
  /** The file of the key that it lets in, as root. */
  readonly key: string
}

const sshfs: RemoteKind = {
  name: 'sshfs',
  missing: () => skipUnless(root, fuse, program('sshfs'), sshServerMissing),
  create(place, { port, key }, source) {
    const unknownHost = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null']
    const options = [`port=${port}`, `IdentityFile=${key}`, ...unknownHost].flatMap((option) => ['-o', option])
    const args = ['-f', ...options, `root@127.0.0.1:${source}`, place.folder]
    return new ForegroundDaemon(place, { name: 'sshfs', kept: [], command: 'sshfs', args })
  },
}

const rcloneOverSftp: RemoteKind = {
  name: 'rclone sftp',
  missing: () => skipUnless(root, fuse, program('rclone'), sshServerMissing),
  create(place, { port, key }, source) {
    const config = join(place.root, 'rclone.conf')
    writeFileSync(config, `[far]\ntype = sftp\nhost = 127.0.0.1\nport = ${port}\nuser = root\nkey_file = ${key}\n`)
    const args = ['mount', `far:${source}`, place.folder, '--config', config, '--read-only']
    return new ForegroundDaemon(place, { name: 'rclone sftp', kept: [], command: 'rclone', args })
  },
}

export const REMOTE_KINDS: readonly RemoteKind[] = [sshfs, rcloneOverSftp]

function sshServerMissing(): string | false {
  return skipUnless(program('sshd'), program('ssh-keygen'))
}

/** Starts an SSH server on loopback that lets in root with a key of its own; it ends with `t`. */
export async function startSshServer(t: Ending, port: number): Promise<SshServer> {
  const { root: dir } = newPlace(t)
  const [key, hostKey] = [join(dir, 'key'), join(dir, 'host-key')]
  for (const file of [key, hostKey]) await runOk('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file])
  chmodSync(dir, 0o700)
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const config = join(dir, 'sshd_config')
  const settings = {
    ListenAddress: `127.0.0.1:${port}`,
    HostKey: hostKey,
    AuthorizedKeysFile: `${key}.pub`,
    PidFile: join(dir, 'pid'),
    PermitRootLogin: 'prohibit-password',
    StrictModes: 'no',
    UsePAM: 'no',
    Subsystem: 'sftp internal-sftp',
  }
  writeFileSync(
    config,
    Object.entries(settings)
      .map((setting) => setting.join(' '))
      .join('\n'),
  )
  const server: ChildProcess = spawn('/usr/sbin/sshd', ['-D', '-f', config], { stdio: 'ignore' })
  t.after(async () => {
    if (server.exitCode !== null) return
    server.kill('SIGTERM')
    await once(server, 'exit')
  })
  await until('the SSH server listens', () => listens(port))
  return { port, key }
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
