/** `id` and `config`: what this device is called, and its settings. */

import { countsAtOnce, listConfig, setConfig } from '../config.ts'
import type { Params, Results } from '../control-api.ts'
import type { Context } from './context.ts'

export function id(context: Context): Results['id'] {
  const home = context.home()
  return { device: home.deviceId, name: home.config.deviceName, owner: home.ownerId, home: home.dir }
}

export function configGet(context: Context, { key }: Params<'configGet'>): Results['configGet'] {
  return { settings: listConfig(context.home().config, key) }
}

export async function configSet(context: Context, { key, value }: Params<'configSet'>): Promise<Results['configSet']> {
  const setting = await setConfig(context.home().configFile, key, value)
  if (!context.isWorking()) return { setting, restartNeeded: false }
  const { replication } = await context.parts()
  replication.settingsChanged()
  return { setting, restartNeeded: !countsAtOnce(key) }
}
