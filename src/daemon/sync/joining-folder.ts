/**
 * Whether a directory that is no folder yet is to be one that other devices of one's own have: then it is made that one, and
 * shows what they have.
 */
import path from 'node:path'
import { byteStringOf, textOf } from '../../bytes/byte-string.ts'
import { DfsError } from '../../errors.ts'
import { detachStale } from '../../fuse/mountpoint.ts'
import { logger } from '../../log.ts'
import { closeFd, O, openAt } from '../../posix/files.ts'
import { Folder } from '../../vfs/folder.ts'
import { writeMarker } from '../../vfs/marker.ts'
import { checkDirectory } from '../folder-checks.ts'
import type { Home } from '../home.ts'
import type { NetworkService } from '../network-service.ts'
import type { FolderSyncs } from './folder-syncs.ts'
import type { KnownFolder } from './known-folders.ts'

const log = logger('sync')
const AT_FDCWD = -100
/** To be connected, and told. */
const HEARD_MS = 15_000
/** For a device that is there. */
const TOLD_MS = 5_000

export interface Joining {
  readonly home: Home
  readonly network: NetworkService
  readonly syncs: FolderSyncs
}

/** What the others call it, and who has it. */
export interface JoinedFolder {
  readonly name: string
  readonly devices: readonly string[]
}

/**
 * Makes a directory the folder of the same name that others have, or the only one that they have if there is none here yet;
 * undefined if it is a folder already, or there is none that it could be. Fails with `unreachable` if it might be, and no
 * other device is there to say.
 */
export async function joinFolder(
  directory: string,
  joining: Joining,
  signal: AbortSignal,
): Promise<JoinedFolder | undefined> {
  const { home, network, syncs } = joining
  if (syncs.others.length === 0) return undefined
  // Of a daemon that was killed.
  await detachStale(directory)
  await checkDirectory(directory)
  if ((await Folder.idAt(directory)) !== undefined) return undefined
  if (!syncs.known.isTold) await hear(directory, joining, signal)
  const chosen = choose(directory, syncs.known.list(), home)
  if (chosen === undefined) return undefined
  await markFolder(directory, home, chosen.id)
  log('%s is folder %s', directory, chosen.id)
  const nameOf = (device: string) =>
    network.membership.members().find(({ deviceId }) => deviceId === device)?.name ?? device
  return { name: textOf(chosen.name), devices: chosen.devices.map(nameOf) }
}

/** Has two devices that were paired just now tell each other which folders they have; if they do not, the next time will do. */
export async function tellFolders({ syncs }: Pick<Joining, 'syncs'>, signal: AbortSignal): Promise<void> {
  if (syncs.others.length === 0) return
  await syncs.known.whenHeard(AbortSignal.any([signal, AbortSignal.timeout(TOLD_MS)])).catch(() => undefined)
}

/** Makes a directory the folder of this id, or one with an id of its own, which it gives. */
export async function markFolder(directory: string, home: Home, id?: string): Promise<string> {
  const rootFd = openAt(AT_FDCWD, byteStringOf(directory), O.RDONLY | O.DIRECTORY)
  try {
    return (await writeMarker(rootFd, home.keys.keyId.toString('hex'), id)).id
  } finally {
    closeFd(rootFd)
  }
}

async function hear(directory: string, { network, syncs }: Joining, signal: AbortSignal): Promise<void> {
  try {
    await network.start()
    await syncs.known.whenHeard(AbortSignal.any([signal, AbortSignal.timeout(HEARD_MS)]))
  } catch (cause) {
    throw new DfsError('unreachable', 'no other device of yours is there to say whether it has this folder', {
      op: 'mount',
      subject: directory,
      mend: 'start dfs on one that has it; for a folder that has nothing to do with theirs use "dfs mount --new"',
      cause,
    })
  }
}

function choose(directory: string, known: readonly KnownFolder[], home: Home): KnownFolder | undefined {
  const here = new Set(home.folders.list().map(({ id }) => id))
  const others = known.filter(({ id }) => !here.has(id))
  const namesakes = others.filter(({ name }) => name === byteStringOf(path.basename(directory)))
  if (namesakes.length > 0) return namesakes.length === 1 ? namesakes[0] : undefined
  return others.length === 1 && here.size === 0 ? others[0] : undefined
}
