/** `init`: makes the home with a new personal key, and gives the recovery kit that one time. */
import { newPersonalKey } from '../../seal/keys.ts'
import { formatKit } from '../../seal/recovery-kit.ts'
import { isHome } from '../address.ts'
import type { HomeResult, Params } from '../control-api.ts'
import { Home } from '../home.ts'
import type { Context } from './context.ts'

export async function init(context: Context, { name }: Params<'init'>): Promise<HomeResult> {
  if (isHome(context.homeDir)) return describeHome(context.home(), false)
  // A home that was half made has its key already; its kit was never shown.
  const personalKey = Home.personalKeyAt(context.homeDir) ?? newPersonalKey()
  const home = await context.createHome({ personalKey, deviceName: name })
  return { ...describeHome(home, true), kit: formatKit({ personalKey }) }
}

export function describeHome(home: Home, created: boolean): HomeResult {
  return { home: home.dir, device: home.deviceId, owner: home.ownerId, created }
}
