/** Who is no member gets nothing, whatever else it has: neither a thief of a home's files, nor a device that was removed. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { KeyFiles } from '../../src/daemon/key-files.ts'
import { BLOCKS_PROTOCOL } from '../../src/net/exchange/node-exchange.ts'
import { type Device, pair } from '../e2e/support/device.ts'
import { until } from '../e2e/support/process.ts'
import { carryStubs, connected, mountAll, putFiles, readIn, stopDaemon } from '../e2e/support/sharing.ts'
import { Cluster, clusterMissing, type Host } from './support/cluster.ts'

const MIB = 1024 * 1024

/** How many bytes a device answers to the home's identity, with a program that keeps no rules; by protocol. */
async function answersTo(at: Host, home: string, target: { host: Host; device: Device }) {
  const { device } = await target.device.json('id')
  const names = (await target.device.sh(`find "${target.device.home}/blocks" -type f -printf '%f\n' | head -20`)).trim()
  const address = `/ip4/${target.host.address}/tcp/8080/p2p/${device}`
  return JSON.parse(await at.program('outsider.ts', [home, at.address, address, ...names.split('\n')]))
}

test('a stranger and a removed device get nothing', { skip: clusterMissing() }, async (t) => {
  const cluster = await Cluster.start(t, ['laptop', 'lost', 'stranger'])
  const [laptopHost, lostHost, strangerHost] = [cluster.host('laptop'), cluster.host('lost'), cluster.host('stranger')]
  const [laptop, lost] = [await laptopHost.newDevice(), await lostHost.newDevice()]
  const target = { host: laptopHost, device: laptop }
  await laptop.dfsOk(['init', '--name', 'laptop'])
  await pair(laptop, lost)
  const files = { before: randomBytes(MIB), after: randomBytes(4 * MIB) }
  await putFiles(laptop, files)
  carryStubs(laptop, lost)
  await mountAll(laptop)
  await stopDaemon(lost)
  const toMember = await answersTo(lostHost, lost.home, target)
  assert(toMember[BLOCKS_PROTOCOL] > MIB, JSON.stringify(toMember))

  // All that a member has, but for its identity.
  const stolen = path.join(lost.root, 'stolen')
  await lost.sh(`cp -r "${lost.home}" "${stolen}"`)
  rmSync(path.join(stolen, 'identity.key'))
  await KeyFiles.open(stolen).makeIdentity()
  assertNothing(await answersTo(strangerHost, stolen, target))

  await mountAll(lost)
  await connected(lost)
  assert((await readIn(lost, 'before')).equals(files.before))
  await laptop.dfsOk(['devices', 'remove', (await lost.json('id')).device])
  await until('the lost device knows', async () => (await lost.json('devices')).network.removed)
  const carriedBytes = await cluster.carriedBytes('laptop', 'lost')
  await assert.rejects(readIn(lost, 'after'), { code: 'EIO' })
  await lost.dfsOk(['umount', lost.folder])
  await stopDaemon(lost)
  assertNothing(await answersTo(lostHost, lost.home, target))
  assert((await cluster.carriedBytes('laptop', 'lost')) - carriedBytes < 100_000)
})

function assertNothing(answers: Record<string, number>): void {
  assert(Object.keys(answers).length > 3)
  assert(
    Object.values(answers).every((bytes) => bytes === 0),
    JSON.stringify(answers),
  )
}
