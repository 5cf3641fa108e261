/** `recover`: makes the home with the personal key of a recovery kit. A home that has another key is left alone. */
import { timingSafeEqual } from 'node:crypto'
import { DfsError } from '../../errors.ts'
import { parseKit } from '../../seal/recovery-kit.ts'
import { isHome } from '../address.ts'
import type { HomeResult, Params } from '../control-api.ts'
import { Home } from '../home.ts'
import type { Context } from './context.ts'
import { describeHome } from './init.ts'

export async function recover(context: Context, { kit, name }: Params<'recover'>): Promise<HomeResult> {
  const { personalKey } = parseKit(kit)
  const present = Home.personalKeyAt(context.homeDir)
  if (present !== undefined && !timingSafeEqual(present, personalKey)) {
    throw new DfsError('exists', 'this home has another personal key already', {
      op: 'recover',
      subject: context.homeDir,
      mend: 'set DFS_HOME to a new directory, and recover there',
    })
  }
  if (present !== undefined && isHome(context.homeDir)) return describeHome(context.home(), false)
  return describeHome(await context.createHome({ personalKey, deviceName: name }), true)
}
