/** `mount`: makes the home if there is none, mounts a folder, and adopts what plain files are in it if asked to. */
import { mkdir } from 'node:fs/promises'
import { DfsError } from '../../errors.ts'
import { isHome } from '../address.ts'
import type { MountResult, Params } from '../control-api.ts'
import type { Call } from '../control-server.ts'
import type { ActiveMount } from '../mounts.ts'
import type { FolderSyncs } from '../sync/folder-syncs.ts'
import { type JoinedFolder, joinFolder } from '../sync/joining-folder.ts'
import type { Context } from './context.ts'
import { later, loadAll } from './later.ts'

export async function mount(context: Context, params: Params<'mount'>, call: Call): Promise<MountResult> {
  const isFirst = !isHome(context.homeDir)
  const kit = isFirst ? await makeHome(context, params.passphrase) : undefined
  const { mounts, folders, pool, syncs } = await context.parts()
  const hasJoined = syncs.others.length > 0 && context.home().folders.list().length === 0
  const isNew = (isFirst || hasJoined) && (await makeFolder(params.folder))
  const present = mounts.find(params.folder)
  const joined = params.offline || params.new || present ? undefined : await join(context, syncs, params.folder, call)
  const settings = { driver: driverOf(context, params), replace: params.replace }
  const active = present ?? (await mounts.mount(params.folder, params.mountpoint ?? params.folder, settings))
  if (present !== undefined) refuseOther(present, params)
  if (!params.offline) (await context.network()).startIfUseful()
  const adopted = params.adopt
    ? await folders.use(active.folder, (folder) => folder.adopt('', { keep: false, ...call }))
    : undefined
  // Once the answer is on its way.
  setImmediate(() => {
    pool.warmUp()
    void loadAll()
  })
  const { id, folder, mountpoint, driver } = active
  return { id, folder, mountpoint, driver, already: present !== undefined, isNew, joined, adopted, kit }
}

async function join(
  context: Context,
  syncs: FolderSyncs,
  directory: string,
  { signal }: Call,
): Promise<JoinedFolder | undefined> {
  const [home, network] = [context.home(), await context.network()]
  return joinFolder(directory, { home, network, syncs }, signal)
}

/** Waits until a mount ends, whoever ends it. */
export async function untilUnmounted(
  context: Context,
  { folder }: Params<'untilUnmounted'>,
  { signal }: Call,
): Promise<{ reason: string }> {
  const { mounts } = await context.parts()
  const active = mounts.find(folder)
  if (active === undefined) return { reason: 'not mounted' }
  const { promise: hungUp, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return { reason: await Promise.race([active.ended, hungUp]) }
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function makeHome(context: Context, passphrase: string | undefined): Promise<string | undefined> {
  const { init } = await later.init()
  return (await init(context, { passphrase })).kit
}

/**
 * Makes the folder, but not where it is to be, if nothing is there; true if it was made. Only for the first mount of all,
 * which sets everything up, and for the first on a device that joined others: later a folder that is not there is a slip, or
 * a disk that is not.
 */
async function makeFolder(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o700 })
    return true
  } catch {
    // What stands there, or in the way, is looked at by whoever mounts.
    return false
  }
}

function driverOf(context: Context, { driver }: Params<'mount'>): string {
  return driver ?? context.home().config.driver
}

function refuseOther(present: ActiveMount, { folder, mountpoint, driver }: Params<'mount'>): void {
  const otherPlace = mountpoint !== undefined && mountpoint !== present.mountpoint
  const otherDriver = driver !== undefined && driver !== 'auto' && driver !== present.driver
  if (!otherPlace && !otherDriver) return
  throw new DfsError('busy', `is mounted already, at ${present.mountpoint} with driver ${present.driver}`, {
    op: 'mount',
    subject: folder,
    mend: `run "dfs umount ${present.folder}" first`,
  })
}
