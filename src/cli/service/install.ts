/**
 * Puts dfs into the hands of systemd, and takes it out again. What stands already is changed only where it differs, and a
 * file that dfs did not write is left alone.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DfsError, kindOf } from '../../errors.ts'
import { fromNodeError } from '../../posix/errno.ts'
import { connectRunning } from '../start-daemon.ts'
import { formatDefinition, MARK, type ServiceDefinition } from './definition.ts'
import type { Systemd } from './systemd.ts'

const END_MS = 60_000

export interface Installed {
  name: string
  file: string
  /** False if all was so already. */
  changed: boolean
  folders: string[]
}

/**
 * Writes the definition, and has systemd start it now and always. A daemon that runs is ended first, and what it mounted is
 * mounted by the service. Fails with `busy` if a mount is in use, and changes nothing then; with `exists` where the file is not ours.
 */
export async function install(systemd: Systemd, name: string, definition: ServiceDefinition): Promise<Installed> {
  const file = systemd.fileOf(name)
  const text = formatDefinition('systemd', definition)
  const present = readOurs(file)
  const installed = { name, file, changed: true, folders: definition.folders.map(({ folder }) => folder) }
  if (present !== undefined && homeOf(present) !== homeOf(text)) throw otherHome(file)
  if (present === text && (await systemd.isActive(name)) && (await systemd.isEnabled(name))) {
    return { ...installed, changed: false }
  }
  await unmountAll(definition.home)
  if (await systemd.isActive(name)) await systemd.control('stop', name)
  await stopDaemon(definition.home)
  write(file, text)
  await systemd.control('daemon-reload')
  await systemd.control('enable', '--now', name)
  return installed
}

/**
 * Ends the service of a home, which stores everything first, and removes its definition. Fails with `not-found` if there is
 * none, with `busy` if a mount is in use, and changes nothing then.
 */
export async function uninstall(systemd: Systemd, name: string, home: string): Promise<{ name: string; file: string }> {
  const file = systemd.fileOf(name)
  if (readOurs(file) === undefined) {
    throw new DfsError('not-found', 'there is no such service', {
      op: 'service',
      subject: file,
      mend: 'see "dfs service install --help"',
    })
  }
  await unmountAll(home)
  await systemd.control('disable', '--now', name)
  rmSync(file, { force: true })
  await systemd.control('daemon-reload')
  return { name, file }
}

/** What is in the file; undefined if there is none. Fails with `exists` if somebody else wrote it. */
function readOurs(file: string): string | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const failure = fromNodeError(error, 'read', file)
    if (failure.kind === 'not-found') return undefined
    throw failure
  }
  if (text.startsWith(MARK)) return text
  throw new DfsError('exists', 'was not written by dfs, and is left alone', {
    op: 'service',
    subject: file,
    mend: 'choose another name with "dfs service install --name", or remove it',
  })
}

function write(file: string, text: string): void {
  try {
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, text)
  } catch (error) {
    throw fromNodeError(error, 'write', file)
  }
}

function homeOf(text: string): string | undefined {
  return /^Environment=(.*)$/m.exec(text)?.[1]
}

function otherHome(file: string): DfsError {
  return new DfsError('exists', 'is the service of another home', {
    op: 'service',
    subject: file,
    mend: 'choose another name with "dfs service install --name"',
  })
}

/** Unmounts all that the running daemon has mounted; if one is in use, mounts the others again and fails with `busy`, saying by whom. */
async function unmountAll(home: string): Promise<void> {
  const client = await connectRunning(home)
  if (client === undefined) return
  const unmounted: { folder: string; mountpoint: string }[] = []
  try {
    const { folders } = await client.call('status', {})
    for (const { folder, mountpoint } of folders) {
      if (mountpoint === undefined) continue
      await client.call('umount', { folder })
      unmounted.push({ folder, mountpoint })
    }
  } catch (error) {
    for (const mount of unmounted) await client.call('mount', mount).catch(() => undefined) // The first failure is told.
    throw error
  } finally {
    client.close()
  }
}

async function stopDaemon(home: string): Promise<void> {
  const client = await connectRunning(home)
  if (client === undefined) return
  try {
    await client.call('stop', {})
    await client.awaitEnd(END_MS)
  } catch (error) {
    if (kindOf(error) !== 'not-running') throw error
  }
}
