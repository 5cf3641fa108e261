/**
 * `recover`: makes the home with the personal keys of a recovery kit, and brings the owner's folders back where members keep
 * heads of them. A home that has another key is left alone.
 */
import { timingSafeEqual } from 'node:crypto'
import { encodeBase32 } from '../../bytes/base32.ts'
import { DfsError, describeError } from '../../errors.ts'
import { PUBLIC_NETWORK, publicNetworkOf } from '../../net/public-network.ts'
import { parseKit } from '../../seal/recovery-kit.ts'
import { isHome } from '../address.ts'
import type { HomeResult, Params, Results } from '../control-api.ts'
import type { Call } from '../control-server.ts'
import type { NetworkService } from '../network-service.ts'
import type { Context } from './context.ts'
import { describeHome, protect } from './init.ts'
import { recoverFolders } from './recover-folders.ts'

export async function recover(context: Context, params: Params<'recover'>, call: Call): Promise<Results['recover']> {
  const kit = parseKit(params.kit)
  const result = await makeHome(context, kit, params)
  const addresses = [...(params.via === undefined ? [] : [params.via]), ...kit.addresses]
  const service = await context.network()
  if (addresses.length === 0 && !(service.isUseful && service.hasOthers)) return result
  // That nobody is there does not undo the home; the command may be given again.
  const notReached = await introduce(service, addresses).catch(describeError)
  const members = service.membership.members().length
  if (notReached !== undefined) return { ...result, members, notReached }
  const found = params.to === undefined ? undefined : await recoverFolders(context, params.to, call)
  return { ...result, members: service.membership.members().length, ...(found !== undefined && { found }) }
}

/** Shows a device of the network, if one is named, that this one belongs to the same owner: then it is let in, and hears of the others. */
async function introduce(service: NetworkService, addresses: readonly string[]): Promise<undefined> {
  await service.start()
  if (addresses.length > 0) await service.network.call('members.introduce', [...addresses])
}

async function makeHome(
  context: Context,
  { personalKey, older, networkId }: ReturnType<typeof parseKit>,
  { name, passphrase }: Params<'recover'>,
): Promise<HomeResult> {
  const present = context.keyFiles.readPersonal()?.personalKey
  if (present !== undefined && !timingSafeEqual(present, personalKey)) {
    throw new DfsError('exists', 'this home has another personal key already', {
      op: 'recover',
      subject: context.homeDir,
      mend: 'set DFS_HOME to a new directory, and recover there',
    })
  }
  if (present !== undefined && isHome(context.homeDir)) return describeHome(context.home(), false)
  await protect(context, passphrase)
  const isPublic = networkId?.toLowerCase() === encodeBase32(PUBLIC_NETWORK)
  // A private network is one's own: into a friend's one is invited anew.
  const network = isPublic ? publicNetworkOf(older[0]?.personalKey ?? personalKey) : undefined
  const newHome = { personalKey, epoch: older.length, older, deviceName: name, network }
  return describeHome(await context.createHome(newHome), true)
}
