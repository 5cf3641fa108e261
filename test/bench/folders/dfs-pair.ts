/** Two devices of dfs that have one folder. */
import { newDevice, pair } from '../../e2e/support/device.ts'
import type { Ending } from '../../e2e/support/process.ts'
import { connected } from '../../e2e/support/sharing.ts'
import type { FolderPair } from './folder-pair.ts'
import { newWire } from './wire.ts'

export async function newDfsPair(t: Ending): Promise<FolderPair> {
  const wire = await newWire(t)
  const [one, other] = wire.hosts
  const here = await newDevice(t, { host: one })
  const there = await newDevice(t, { host: other })
  await here.dfsOk(['init'])
  await here.dfsOk(['mount', here.folder])
  await pair(here, there)
  await there.dfsOk(['mount', there.folder])
  await connected(there)
  return { wire, here, there }
}
