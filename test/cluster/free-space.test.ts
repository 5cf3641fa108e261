/**
 * Space is freed on a device whose network is in trouble all the time, and nothing that was said to be safe is lost: six
 * computers, of which any is killed, cut off, or loses blocks behind its back, while files are written, evicted and read.
 * In the end the person's own computers burn down, and a new one brings everything back from friends, whichever of them is gone.
 *
 * Three copies are wanted, and the owner's second computer keeps some: with it and one friend, two holders are gone each time.
 *
 * DFS_CLUSTER_SECONDS says how long, DFS_CLUSTER_SEED repeats a run's choices (not its timing).
 */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import { type Device, pair } from '../e2e/support/device.ts'
import { until, within } from '../e2e/support/process.ts'
import { carryStubs, connected, mountAll, stopDaemon } from '../e2e/support/sharing.ts'
import { Random } from '../support/random.ts'
import { Cluster, type Host, longClusterMissing } from './support/cluster.ts'
import { assertAll, assertThere, type Content, FolderWork, PATIENT_MS } from './support/folder-work.ts'
import { killDaemon, mountAgain, Trouble } from './support/trouble.ts'

const SECONDS = Number(process.env.DFS_CLUSTER_SECONDS ?? 600)
const SEED = Number(process.env.DFS_CLUSTER_SEED ?? randomInt(2 ** 32))
const FRIENDS = ['anna', 'ben', 'carl', 'dora']
const LIAR = 'dora'
const OWN = ['laptop', 'desktop']
const REPLICAS = 3
/** One in so many steps ends with the laptop's daemon killed. */
const STEPS_PER_KILL = 150
const ALL_SAFE_S = 300
const DEADLINE_MS = SECONDS * 1000 + 1_800_000

interface Story {
  readonly cluster: Cluster
  readonly devices: ReadonlyMap<string, Device>
  /** The 24 words. */
  readonly kit: string
}

async function begin(cluster: Cluster): Promise<Story> {
  const devices = new Map<string, Device>()
  for (const name of [...OWN, ...FRIENDS]) {
    const config = { offerBytes: name === 'laptop' ? 0 : 2e9, replicas: REPLICAS }
    const device = await cluster.host(name).newDevice({ config })
    const folder = path.join(device.root, name)
    mkdirSync(folder)
    devices.set(name, { ...device, folder })
  }
  const laptop = devices.get('laptop')!
  const { kit } = await laptop.json('init', '--name', 'laptop')
  await pair(laptop, devices.get('desktop')!)
  for (const name of FRIENDS) await pair(laptop, devices.get(name)!, '--member')
  await mountAll(...devices.values())
  await connected(laptop, devices.size - 1)
  return { cluster, devices, kit }
}

/** Brings the laptop's folder back on a new computer while this friend is away, too, and has `look` look at it. */
async function recoverWithout(gone: string, { cluster, devices, kit }: Story, look: (back: Device) => Promise<void>) {
  await stopDaemon(devices.get(gone)!)
  const alive = FRIENDS.filter((name) => name !== gone).map((name) => devices.get(name)!)
  const via = (await alive[0]!.json('peers')).network.addresses[0]
  // It copies nothing by itself: who is away next must not be made up for by this one.
  const fresh = await newComputer(cluster.host('new'))
  const to = path.join(fresh.root, 'back')
  const input = { input: kit, deadlineMs: 3 * PATIENT_MS }
  const said = await fresh.dfsOk(['recover', '--name', `without ${gone}`, '--via', via, '--to', to, '-'], input)
  const back = { ...fresh, folder: path.join(to, 'laptop') }
  assert.match(said, /laptop/)
  await back.dfsOk(['mount', back.folder], { deadlineMs: PATIENT_MS })
  await connected(back, alive.length)
  await look(back)
  await stopDaemon(back)
  await rm(back.home, { recursive: true })
  await mountAgain(devices.get(gone)!)
}

function newComputer(host: Host): Promise<Device> {
  return host.newDevice({ config: { replicas: 0 } })
}

/** Until the last audit of every block finds each with whoever is to have it, and all files are safe. */
async function assertAllSafe(device: Device): Promise<void> {
  const deadlineMs = ALL_SAFE_S * 1100
  const isProven = async () => {
    await device.dfsOk(['wait', device.folder, '--timeout', String(ALL_SAFE_S)], { deadlineMs })
    const { code, stderr } = await device.dfs(['verify', '--peers'], { deadlineMs })
    assert(code === 0 || code === 13, stderr)
    return code === 0
  }
  await until('everything is proven', isProven, deadlineMs)
}

test('what is said to be safe is, whatever happens', {
  skip: longClusterMissing(),
  timeout: DEADLINE_MS,
}, async (t) => {
  t.diagnostic(`seed ${SEED}, ${SECONDS} s`)
  const cluster = await Cluster.start(t, [...OWN, ...FRIENDS, 'new'])
  const story = await begin(cluster)
  const { devices } = story
  const [laptop, desktop] = OWN.map((name) => devices.get(name)!) as [Device, Device]

  const random = new Random(SEED)
  const work = new FolderWork(laptop, { random, replicas: REPLICAS })
  // The laptop is killed between two steps of the work there.
  const trouble = new Trouble(cluster, { devices, random: new Random(random.next()), spared: 'laptop', liar: LIAR })
  const end = performance.now() + SECONDS * 1000
  const troubled = trouble.go(end)
  troubled.catch(() => {})
  let kills = 0
  while (performance.now() < end) {
    await work.step()
    if (random.below(STEPS_PER_KILL) > 0) continue
    killDaemon(laptop)
    await mountAgain(laptop)
    kills++
  }
  await within(2 * PATIENT_MS, troubled, 'the trouble')
  const { promised, files } = work
  const counts = { ...work.counts, ...trouble.counts, laptopKilled: kills }
  t.diagnostic(JSON.stringify({ ...counts, files: files.size, safeAtTheEnd: promised.size }))
  assert(work.counts.promised > 0, 'something was said to be safe')

  /** The owner's computers are gone, and one friend. */
  const comesBack = (gone: string, expected: ReadonlyMap<string, Content>, isAll: boolean) => {
    return recoverWithout(gone, story, (back) => (isAll ? assertAll(back, expected) : assertThere(back, expected)))
  }

  await t.test(
    'what was said to be safe when all ended comes back without any of it, and without who lied',
    async () => {
      for (const device of [laptop, desktop]) killDaemon(device)
      await comesBack(LIAR, promised, false)
      for (const device of [laptop, desktop]) await mountAgain(device)
    },
  )

  await t.test('all that is there is made safe, and read back where it was written', async () => {
    await connected(laptop, devices.size - 1)
    await assertAllSafe(laptop)
    await laptop.dfs(['evict', laptop.folder], { deadlineMs: 2 * PATIENT_MS })
    await assertAll(laptop, files)
  })

  await t.test('and on the other computer', async () => {
    for (const device of [laptop, desktop]) await device.dfsOk(['umount', device.folder], { deadlineMs: PATIENT_MS })
    const there = { ...desktop, folder: path.join(desktop.root, 'carried') }
    carryStubs(laptop, there)
    await mountAll(there)
    await laptop.dfsOk(['mount', laptop.folder])
    await connected(there, devices.size - 1)
    await assertAll(there, files)
    await there.dfsOk(['umount', there.folder], { deadlineMs: PATIENT_MS })
    await assertAllSafe(laptop)
  })

  await t.test('and from friends alone, whichever of them is gone, when both have burnt down', async (t) => {
    for (const device of [laptop, desktop]) {
      await stopDaemon(device)
      for (const gone of [device.home, device.folder]) await rm(gone, { recursive: true })
    }
    for (const gone of FRIENDS) await t.test(`without ${gone}`, () => comesBack(gone, files, true))
  })
})
