/** Several devices hold what is read, and not all of them do as they should: the reader gets the right bytes, in time. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { type Device, pair } from '../e2e/support/device.ts'
import { until } from '../e2e/support/process.ts'
import { carryStubs, connected, mountAll, putFiles, readIn, stopDaemon } from '../e2e/support/sharing.ts'
import { Cluster, type Host, longClusterMissing } from './support/cluster.ts'

const MIB = 1024 * 1024
const READ_MS = 60_000
const SMALLEST_BLOCK_BYTES = 64 * 1024
const skip = longClusterMissing()

interface Trio {
  readonly cluster: Cluster
  readonly film: Buffer
  /** Both have the film: its stub and its blocks. */
  readonly holders: readonly [Device, Device]
  /** Has its stub. */
  readonly reader: Device
}

/** Three devices of one person; none is mounted. */
async function trio(t: TestContext, filmBytes: number): Promise<Trio> {
  const cluster = await Cluster.start(t, ['one', 'two', 'reader'])
  const [one, two, reader] = [await device('one'), await device('two'), await device('reader')]
  function device(name: string): Promise<Device> {
    return cluster.host(name).newDevice()
  }
  await one.dfsOk(['init', '--name', 'one'])
  await pair(one, two)
  await pair(one, reader)
  const film = randomBytes(filmBytes)
  await putFiles(one, { film })
  carryStubs(one, two)
  carryStubs(one, reader)
  await two.sh(`cp -r "${one.home}/blocks/." "${two.home}/blocks"`)
  return { cluster, film, holders: [one, two], reader }
}

/** Ends the device's daemon and runs a program that misbehaves in its name instead. */
async function goRogue(device: Device, at: Host, behaviour: string, target: { host: Host; device: Device }) {
  await stopDaemon(device)
  const { device: id } = await target.device.json('id')
  const address = `/ip4/${target.host.address}/tcp/8080/p2p/${id}`
  await at.startProgram('rogue.ts', [device.home, at.address, behaviour, address])
}

test('a provider is killed in mid-transfer, and another takes over', { skip }, async (t) => {
  const { cluster, film, holders, reader } = await trio(t, 48 * MIB)
  await cluster.setLine({ mbitPerSecond: 100 })
  await mountAll(...holders, reader)
  await connected(reader, 2)
  const reading = readIn(reader, 'film', READ_MS)
  reading.catch(() => {})
  await until('some has come', async () => (await cluster.carriedBytes('one', 'reader')) > 4 * MIB, READ_MS)
  for (const pid of holders[0].pids()) process.kill(pid, 'SIGKILL')
  assert((await reading).equals(film))
})

for (const [behaviour, title] of [
  ['lying', 'a provider that sends wrong bytes'],
  ['silent', 'a provider that never answers'],
  ['flooding', 'a provider that floods'],
] as const) {
  test(`${title} costs an error in time where it is alone, and nothing where it is not`, { skip }, async (t) => {
    const { cluster, film, holders, reader } = await trio(t, 4 * MIB)
    await stopDaemon(holders[0])
    await mountAll(reader)
    await goRogue(holders[1], cluster.host('two'), behaviour, { host: cluster.host('reader'), device: reader })
    await connected(reader)
    await assert.rejects(readIn(reader, 'film'), { code: 'EIO' })
    if (behaviour !== 'silent') {
      assert((await cluster.carriedBytes('two', 'reader')) > SMALLEST_BLOCK_BYTES, 'it had its chance')
    }
    const file = path.join(reader.folder, 'own')
    const seen = await reader.sh(`echo mine > "${file}"; cat "${file}"; ls "${reader.folder}"`, { deadlineMs: 10_000 })
    assert.equal(seen, 'mine\nfilm\nown\n')

    await mountAll(holders[0])
    await connected(reader, behaviour === 'silent' ? 2 : 1)
    await until('the honest one is there', async () => (await cluster.carriedBytes('one', 'reader')) > 1000, READ_MS)
    assert((await readIn(reader, 'film', READ_MS)).equals(film))
  })
}
