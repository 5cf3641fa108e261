/**
 * `npm run bench:space`: a file is copied to another device at the other end of a line (default: 1 Gbit/s, 20 ms there and
 * back), evicted, and opened again; beside what TCP alone carries there, and what copying costs who reads meanwhile. The
 * line is the cluster tests' wire, with packets of 64 KiB, for it is in user space. Needs root.
 */
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Cluster, clusterMissing } from '../cluster/support/cluster.ts'
import { type Device, pair } from '../e2e/support/device.ts'
import { runOk } from '../e2e/support/process.ts'
import { connected, mountAll, putFiles, readPart } from '../e2e/support/sharing.ts'
import { Scope } from '../support/scope.ts'

const USAGE = `Usage: npm run bench:space -- [--mbit N] [--milliseconds N] [--mebibytes N] [--rounds N]

  --mbit          what the line carries, in Mbit/s; 1000 unless told
  --milliseconds  there and back; 20 unless told
  --mebibytes     size of the file that is copied and evicted; 1024 unless told
  --rounds        how many rounds; 3 unless told`

const MIB = 1024 * 1024
const MTU = 65_000
const PORT = 7000
const READ_MEBIBYTES = 128
const DEADLINE_MS = 600_000
const LOOK_MS = 50
/** What is carried before and after says nothing of the rate. */
const [BEGUN, NEARLY_DONE] = [0.05, 0.95]

interface Figures {
  /** MiB/s of TCP alone. */
  tcp: number
  /** MiB/s from when the devices have met until `dfs wait` says that all is safe, and while it is on its way. */
  replicated: number
  onItsWay: number
  /** MiB/s of reading another file from the disk while that goes on, and when it has ended. */
  readMeanwhile: number
  readAfter: number
  /** `dfs evict`, whole command. */
  evictMs: number
  /** From asking for the first page of what was evicted to having it, and MiB/s of reading all of it. */
  firstPageMs: number
  readBack: number
}

const { values: options } = parseArgs({
  options: {
    mbit: { type: 'string', default: '1000' },
    milliseconds: { type: 'string', default: '20' },
    mebibytes: { type: 'string', default: '1024' },
    rounds: { type: 'string', default: '3' },
    help: { type: 'boolean', default: false },
  },
})
const mebibytes = Number(options.mebibytes)

if (options.help) console.log(USAGE)
else if (clusterMissing() !== false) console.error(`the bench ${clusterMissing()}`)
else await bench()

async function bench(): Promise<void> {
  const rounds: Figures[] = []
  for (let round = 1; round <= Number(options.rounds); round++) {
    console.error(`round ${round}`)
    rounds.push(await measure())
    console.error(rounds.at(-1))
  }
  const median = (key: keyof Figures) => rounds.map((one) => one[key]).toSorted((a, b) => a - b)[rounds.length >> 1]!
  const lineMiB = (Number(options.mbit) * 1e6) / 8 / MIB
  console.table({
    'the line, MiB/s': lineMiB,
    'TCP alone, MiB/s': median('tcp'),
    'copied to another device, MiB/s': median('replicated'),
    'the same, once on its way': median('onItsWay'),
    'the same : the line': median('onItsWay') / lineMiB,
    'read here meanwhile : after': median('readMeanwhile') / median('readAfter'),
    'evict, ms': median('evictMs'),
    'first page of what was evicted, ms': median('firstPageMs'),
    'read back, MiB/s': median('readBack'),
  })
}

async function measure(): Promise<Figures> {
  await using scope = new Scope()
  const cluster = await Cluster.start(scope.context, ['laptop', 'desk'], { mtu: MTU })
  const hosts = { laptop: cluster.host('laptop'), desk: cluster.host('desk') }
  const laptop = await hosts.laptop.newDevice({ config: { replicas: 1 } })
  const desk = await hosts.desk.newDevice({ config: { offerBytes: 1e12 } })
  await laptop.dfsOk(['init'])
  await pair(laptop, desk)
  await putFiles(laptop, { big: randomBytes(mebibytes * MIB) })
  await cluster.setLine({ delayMs: Number(options.milliseconds) / 4, mbitPerSecond: Number(options.mbit) })
  await hosts.laptop.startProgram('bare-tcp.ts', ['serve', String(PORT)])
  const bare = [hosts.laptop.address, String(PORT), String(mebibytes)]
  const tcp = Number(await hosts.desk.program('bare-tcp.ts', ['fetch', ...bare], { deadlineMs: DEADLINE_MS }))

  const carried = () => cluster.carriedBytes('laptop', 'desk')
  const before = await carried()
  await mountAll(desk, laptop)
  await connected(laptop)
  const waiting = took(laptop.dfsOk(['wait', `${laptop.folder}/big`], { deadlineMs: DEADLINE_MS }))
  const passed = async (share: number) => {
    while ((await carried()) - before < share * mebibytes * MIB) await delay(LOOK_MS)
  }
  await passed(BEGUN)
  const sinceBegun = took(passed(NEARLY_DONE))
  const waitedMs = await waiting
  const onItsWay = (mebibytes * (NEARLY_DONE - BEGUN) * 1000) / (await sinceBegun)

  const evictMs = await took(laptop.dfsOk(['evict', `${laptop.folder}/big`], { deadlineMs: DEADLINE_MS }))
  dropCaches()
  const firstPageMs = await took(readPart(laptop, 'big', { at: 0, bytes: 4096 }))
  const readBack = (mebibytes * 1000) / (await took(read(laptop, 'big')))
  const { readMeanwhile, readAfter } = await readsMeanwhile(laptop)
  return {
    tcp,
    replicated: (mebibytes * 1000) / waitedMs,
    onItsWay,
    readMeanwhile,
    readAfter,
    evictMs,
    firstPageMs,
    readBack,
  }
}

/** Reads one file from the disk while another one is copied, and when that has ended. */
async function readsMeanwhile(laptop: Device): Promise<Pick<Figures, 'readMeanwhile' | 'readAfter'>> {
  writeFileSync(`${laptop.folder}/read`, randomBytes(READ_MEBIBYTES * MIB))
  await laptop.dfsOk(['wait', `${laptop.folder}/read`], { deadlineMs: DEADLINE_MS })
  await runOk('dd', ['if=/dev/urandom', `of=${laptop.folder}/more`, 'bs=1M', `count=${mebibytes}`], {
    deadlineMs: DEADLINE_MS,
  })
  const isSafe = async () => (await laptop.json('status', `${laptop.folder}/more`)).file.state === 'replicated 1/1'
  const speed = async () => {
    dropCaches()
    return (READ_MEBIBYTES * 1000) / (await took(read(laptop, 'read')))
  }
  const meanwhile: number[] = []
  while (!(await isSafe())) meanwhile.push(await speed())
  const after: number[] = []
  while (after.length < Math.max(meanwhile.length, 3)) after.push(await speed())
  return { readMeanwhile: middle(meanwhile), readAfter: middle(after) }
}

function read({ folder }: Device, name: string): Promise<string> {
  return runOk('dd', [`if=${folder}/${name}`, 'of=/dev/null', 'bs=1M'], { deadlineMs: DEADLINE_MS })
}

function dropCaches(): void {
  writeFileSync('/proc/sys/vm/drop_caches', '3')
}

async function took(work: Promise<unknown>): Promise<number> {
  const since = performance.now()
  await work
  return performance.now() - since
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
