/** The one device that has the file is not known to the reader, or not reachable at first: others pass the question on. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { type Device, pair } from '../e2e/support/device.ts'
import { carryStubs, connected, mountAll, putFiles, readIn } from '../e2e/support/sharing.ts'
import { Cluster, longClusterMissing } from './support/cluster.ts'

const MIB = 1024 * 1024
const READ_MS = 60_000
const NAMES = ['holder', 'second', 'third', 'fourth', 'reader'] as const

test('a device that only neighbours know is found, and delivers', { skip: longClusterMissing() }, async (t) => {
  const cluster = await Cluster.start(t, NAMES)
  const devices = new Map<string, Device>()
  for (const name of NAMES) devices.set(name, await cluster.host(name).newDevice())
  const [holder, reader] = [devices.get('holder')!, devices.get('reader')!]
  await holder.dfsOk(['init', '--name', 'holder'])
  // Each lets the next one in: the reader has spoken with the fourth alone.
  for (const [i, name] of NAMES.slice(1).entries()) await pair(devices.get(NAMES[i]!)!, devices.get(name)!)
  const film = randomBytes(4 * MIB)
  await putFiles(holder, { film })
  carryStubs(holder, reader)

  // While the members get to know of each other, holder and reader are apart.
  await cluster.cut(['holder', 'reader'])
  await mountAll(...devices.values())
  await connected(reader, 3)
  await connected(holder, 3)
  assert.equal(await cluster.carriedBytes('holder', 'reader'), 0)
  await cluster.heal()
  assert((await readIn(reader, 'film', READ_MS)).equals(film))
  assert((await cluster.carriedBytes('holder', 'reader')) > 4 * MIB, 'it was pulled from the holder itself')
})
