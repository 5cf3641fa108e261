/** Two computers are cut from each other and find each other again: errors in time meanwhile, never a wait without end. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, stat, statfs } from 'node:fs/promises'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { type Device, pair } from '../e2e/support/device.ts'
import { until, within } from '../e2e/support/process.ts'
import { carryStubs, connected, mountAll, putFiles, readIn } from '../e2e/support/sharing.ts'
import { Cluster, clusterMissing, longClusterMissing } from './support/cluster.ts'

const MIB = 1024 * 1024
const TIMEOUT_SECONDS = 3
/** What is answered from this device alone is here by then, on a busy machine too. */
const LOCAL_MS = 1_000

test('a partition costs errors in time, and heals', { skip: clusterMissing() }, async (t) => {
  const { cluster, desk, files } = await laptopAndDesk(t, {
    before: randomBytes(MIB),
    during: randomBytes(MIB),
    half: randomBytes(64 * MIB),
  })
  assert((await readIn(desk, 'before')).equals(files.before))

  await cluster.setLine({ mbitPerSecond: 100 })
  const halfRead = readIn(desk, 'half')
  halfRead.catch(() => {})
  await until('half is on its way', async () => (await cluster.carriedBytes('laptop', 'desk')) > 6 * MIB)
  await cluster.partition(['laptop'], ['desk'])
  const bothMs = 1000 * (2 * TIMEOUT_SECONDS + 5)
  const failing = [halfRead, readIn(desk, 'during', bothMs)]
  const fail = failing.map((read) => assert.rejects(within(bothMs, read, 'the error'), { code: 'EIO' }))
  for (let round = 0; round < 3; round++) {
    assert.equal((await within(LOCAL_MS, stat(path.join(desk.folder, 'during')), 'stat')).size, MIB)
    assert.deepEqual((await within(LOCAL_MS, readdir(desk.folder), 'readdir')).sort(), ['before', 'during', 'half'])
    await within(LOCAL_MS, statfs(desk.folder), 'statfs')
  }
  assert((await readIn(desk, 'before', LOCAL_MS)).equals(files.before), 'what is here can be read')
  await Promise.all(fail)

  await cluster.heal()
  await cluster.setLine({})
  await until('what could not be read can be', () => canRead(desk, 'during', files.during), 30_000)
  assert((await readIn(desk, 'half')).equals(files.half))
})

test('after a minute apart they find each other in seconds', { skip: longClusterMissing() }, async (t) => {
  const { cluster, desk, files } = await laptopAndDesk(t, { before: randomBytes(MIB), after: randomBytes(MIB) })
  assert((await readIn(desk, 'before')).equals(files.before))
  await cluster.partition(['laptop'], ['desk'])
  await assert.rejects(readIn(desk, 'after'), { code: 'EIO' })
  await setTimeout(60_000)
  await cluster.heal()
  const began = performance.now()
  await until('what could not be read can be', () => canRead(desk, 'after', files.after), 60_000)
  const healedMs = performance.now() - began
  t.diagnostic(`readable ${Math.round(healedMs)} ms after the healing`)
  assert(healedMs < 20_000, `${healedMs} ms`)
})

/** Two devices of one person, mounted and connected; the laptop has the files, the desk their stubs. */
async function laptopAndDesk<F extends Record<string, Buffer>>(t: TestContext, files: F) {
  const cluster = await Cluster.start(t, ['laptop', 'desk'])
  const config = { fetchTimeoutSeconds: TIMEOUT_SECONDS }
  const laptop = await cluster.host('laptop').newDevice({ config })
  const desk = await cluster.host('desk').newDevice({ config })
  await laptop.dfsOk(['init'])
  await pair(laptop, desk)
  await putFiles(laptop, files)
  carryStubs(laptop, desk)
  await mountAll(laptop, desk)
  await connected(desk)
  return { cluster, desk, files }
}

function canRead(device: Device, name: string, content: Buffer): Promise<boolean> {
  return readIn(device, name).then(
    (bytes) => bytes.equals(content),
    () => false,
  )
}
