/** Two devices behind one address: both are reached, and each is told from the other. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { pair } from '../e2e/support/device.ts'
import { carryStubs, connected, mountAll, putFiles, readIn, stopDaemon } from '../e2e/support/sharing.ts'
import { Cluster, longClusterMissing } from './support/cluster.ts'

const MIB = 1024 * 1024

test('two devices behind one address serve and read, both', { skip: longClusterMissing() }, async (t) => {
  const cluster = await Cluster.start(t, ['home', 'away'])
  const [home, away] = [cluster.host('home'), cluster.host('away')]
  const [laptop, desk, phone] = [
    await home.newDevice({ port: 8080 }),
    await home.newDevice({ port: 8081 }),
    await away.newDevice(),
  ]
  await laptop.dfsOk(['init', '--name', 'laptop'])
  await pair(laptop, phone)
  await pair(laptop, desk)
  const files = { film: randomBytes(4 * MIB), song: randomBytes(MIB) }
  await putFiles(laptop, files)
  for (const device of [desk, phone]) carryStubs(laptop, device)
  await mountAll(laptop, desk, phone)
  await connected(phone, 2)
  await connected(desk, 2)
  const { peers } = await phone.json('peers')
  const ids = peers.map(({ device }: { device: string }) => device).sort()
  assert.deepEqual(ids, [(await laptop.json('id')).device, (await desk.json('id')).device].sort())

  assert((await readIn(desk, 'film')).equals(files.film), 'from the neighbour')
  await laptop.dfsOk(['umount', laptop.folder])
  await stopDaemon(laptop)
  assert((await readIn(phone, 'film')).equals(files.film), 'from the other one at that address')
  await assert.rejects(readIn(phone, 'song'), { code: 'EIO' })
})
