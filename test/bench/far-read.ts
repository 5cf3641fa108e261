/**
 * `npm run bench:far`: a file of one device, read through the mount of another at the other end of a line (default:
 * 1 Gbit/s, 20 ms there and back), beside what TCP alone carries on it. The line is the cluster tests' wire, with packets
 * of 64 KiB, for it is in user space. Needs root.
 */
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Cluster, clusterMissing } from '../cluster/support/cluster.ts'
import { pair } from '../e2e/support/device.ts'
import { runOk } from '../e2e/support/process.ts'
import { carryStubs, connected, mountAll, putFiles, readPart } from '../e2e/support/sharing.ts'
import { Scope } from '../support/scope.ts'

const USAGE = `Usage: npm run bench:far -- [--mbit N] [--milliseconds N] [--mebibytes N] [--rounds N]

  --mbit          what the line carries, in Mbit/s; 1000 unless told
  --milliseconds  there and back; 20 unless told
  --mebibytes     size of the file that is read; 256 unless told
  --rounds        how many rounds; 3 unless told`

const MIB = 1024 * 1024
const MTU = 65_000
const PORT = 7000
const DEADLINE_MS = 600_000

interface Figures {
  /** MiB/s of TCP alone. */
  tcp: number
  /** From asking for a page of a file nobody has read to having it, in ms. */
  firstPageMs: number
  /** MiB/s of reading a file from start to end. */
  read: number
}

const { values: options } = parseArgs({
  options: {
    mbit: { type: 'string', default: '1000' },
    milliseconds: { type: 'string', default: '20' },
    mebibytes: { type: 'string', default: '256' },
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
  }
  const lineMiB = (Number(options.mbit) * 1e6) / 8 / MIB
  const [tcp, read, firstPageMs] = [median(rounds, 'tcp'), median(rounds, 'read'), median(rounds, 'firstPageMs')]
  console.table({
    'the line, MiB/s': lineMiB,
    'TCP alone, MiB/s': tcp,
    'dfs, MiB/s': read,
    'dfs : TCP': read / tcp,
    'first page, ms': firstPageMs,
  })
}

async function measure(): Promise<Figures> {
  await using scope = new Scope()
  const cluster = await Cluster.start(scope.context, ['laptop', 'desk'], { mtu: MTU })
  const [laptop, desk] = [cluster.host('laptop'), cluster.host('desk')]
  const [holder, reader] = [await laptop.newDevice(), await desk.newDevice()]
  await holder.dfsOk(['init'])
  await pair(holder, reader)
  await putFiles(holder, { small: randomBytes(3 * MIB), big: randomBytes(mebibytes * MIB) })
  carryStubs(holder, reader)
  // Each packet passes two lines, there and back.
  await cluster.setLine({ delayMs: Number(options.milliseconds) / 4, mbitPerSecond: Number(options.mbit) })
  await laptop.startProgram('bare-tcp.ts', ['serve', String(PORT)])
  const bare = [laptop.address, String(PORT), String(mebibytes)]
  const tcp = Number(await desk.program('bare-tcp.ts', ['fetch', ...bare], { deadlineMs: DEADLINE_MS }))
  await mountAll(holder, reader)
  await connected(reader)
  const firstPageMs = await took(readPart(reader, 'small', { at: 2 * MIB, bytes: 4096 }))
  const readMs = await took(
    runOk('dd', [`if=${reader.folder}/big`, 'of=/dev/null', 'bs=1M'], { deadlineMs: DEADLINE_MS }),
  )
  return { tcp, firstPageMs, read: (mebibytes * 1000) / readMs }
}

async function took(work: Promise<unknown>): Promise<number> {
  const since = performance.now()
  await work
  return performance.now() - since
}

function median(rounds: readonly Figures[], key: keyof Figures): number {
  return rounds.map((figures) => figures[key]).toSorted((a, b) => a - b)[rounds.length >> 1]!
}
