/** The second half of `recover`: asking members for the heads of this owner's devices, and bringing their folders back. */
import path from 'node:path'
import { describeError } from '../../errors.ts'
import { bufferOf } from '../../net/pairing/pairing-calls.ts'
import { Folder } from '../../vfs/folder.ts'
import type { RecoveredFolder, RecoveryResult } from '../control-api.ts'
import type { Call } from '../control-server.ts'
import { checkFolderPath } from '../folder-checks.ts'
import { bringBack } from '../heads/bringing-back.ts'
import { askMembers, type FoundFolder, foldersIn, newestHeads } from '../heads/found-heads.ts'
import type { Context } from './context.ts'

const SHORT_ID = 8
const NS_PER_MS = 1_000_000n

/** Never fails for one folder's sake. `to`: the directory that folders come to be below. */
export async function recoverFolders(context: Context, to: string, call: Call): Promise<RecoveryResult> {
  const { network } = await context.parts()
  const { identity } = network.membership
  const { members, records } = await askMembers({
    connected: () => network.connected,
    ask: async (peerId) => {
      const owner = Uint8Array.from(identity.owner)
      return (await network.network.call('heads.ask', { peerId, owner })).map(bufferOf)
    },
    signal: call.signal,
  })
  const heads = newestHeads(records, { keys: context.home().keys, identity })
  const nameOf = (device: string) =>
    network.membership.members().find((member) => member.deviceId === device)?.name ?? device.slice(-SHORT_ID)
  const folders: RecoveredFolder[] = []
  for (const found of foldersIn(heads)) folders.push(await recoverOne(context, found, { to, nameOf, call }))
  const devices = heads.map(({ device, body }) => ({
    device,
    name: nameOf(device),
    madeAtMs: Number(body.madeAtNs / NS_PER_MS),
  }))
  return { members, devices, folders }
}

interface How {
  readonly to: string
  readonly nameOf: (device: string) => string
  readonly call: Call
}

async function recoverOne(context: Context, found: FoundFolder, { to, nameOf, call }: How): Promise<RecoveredFolder> {
  const { store, network, keys, syncs } = await context.parts()
  const home = context.home()
  const id = found.id.toString('hex')
  const sum = (count: 'plainFiles' | 'leftOut') => found.heads.reduce((all, { folder }) => all + folder[count], 0)
  const told = { name: found.name, plainFiles: sum('plainFiles'), leftOut: sum('leftOut') }
  try {
    const known = home.folders.pathOf(id)
    if (known !== undefined && (await Folder.idAt(known)) === id) return { ...told, folder: known }
    const others = home.folders.list().map((folder) => folder.path)
    checkFolderPath(path.join(to, 'folder'), { home: home.dir, others })
    const { signal, onProgress } = call
    const back = await bringBack(found, {
      store,
      source: network.source,
      keys,
      directory: to,
      openIndex: (folder) => syncs.openIndex(folder),
      nameOfWriter: (writer) => syncs.nameOf(writer),
      nameOf,
      signal,
      onProgress,
    })
    await home.folders.set(id, back.path)
    return { ...told, folder: back.path, ...(back.objects !== undefined && { objects: back.objects }) }
  } catch (error) {
    call.signal.throwIfAborted()
    return { ...told, problem: describeError(error) }
  }
}
