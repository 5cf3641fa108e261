/** `init`: makes the home with a new personal key, and gives the recovery kit that one time. */
import { DfsError } from '../../errors.ts'
import { publicNetworkOf } from '../../net/public-network.ts'
import { privateNetworkOf } from '../../net/vouching.ts'
import { newPersonalKey } from '../../seal/keys.ts'
import { isHome } from '../address.ts'
import type { HomeResult, Params } from '../control-api.ts'
import type { Home } from '../home.ts'
import type { Context } from './context.ts'
import { kitOf } from './recovery-kit.ts'

export async function init(context: Context, params: Params<'init'>): Promise<HomeResult> {
  const { name, public: isPublic = false, passphrase } = params
  if (isHome(context.homeDir)) {
    const home = context.home()
    if (!isPublic || home.network.kind === 'public') return describeHome(home, false)
    throw new DfsError('exists', 'this home is in a private network', {
      op: 'init',
      subject: home.dir,
      mend: 'set DFS_HOME to a new directory for the public one',
    })
  }
  await protect(context, passphrase)
  // A home that was half made has its key already; its kit was never shown.
  const personalKey = context.keyFiles.readPersonal()?.personalKey ?? newPersonalKey()
  const network = isPublic ? publicNetworkOf(personalKey) : privateNetworkOf(personalKey)
  const home = await context.createHome({ personalKey, deviceName: name, network })
  return { ...describeHome(home, true), kit: kitOf(home) }
}

/** Puts the keys of a home that is to be made under a passphrase, if one is wanted, before there is a key. */
export async function protect({ homeDir, keyFiles }: Context, passphrase: string | undefined): Promise<void> {
  if (passphrase === undefined || isHome(homeDir) || keyFiles.hasPassphrase) return
  await keyFiles.setPassphrase(passphrase)
}

export function describeHome(home: Home, created: boolean): HomeResult {
  return { home: home.dir, device: home.deviceId, owner: home.ownerId, created }
}
