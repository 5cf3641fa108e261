/**
 * `npm run bench:space`: a file is copied to another device at the other end of a line (test/bench/line), evicted, and
 * opened again; beside what TCP alone carries there, and what copying costs who reads meanwhile.
 */
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { type Device, pair } from '../e2e/support/device.ts'
import { runOk } from '../e2e/support/process.ts'
import { connected, mountAll, putFiles, readPart } from '../e2e/support/sharing.ts'
import { Scope } from '../support/scope.ts'
import { benchOnLine, DEADLINE_MS, type LineOptions, limitAndMeasure, lineHosts, MIB, took } from './line.ts'
import { median } from './report.ts'

const READ_MEBIBYTES = 128
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

await benchOnLine<Figures>({
  script: 'bench:space',
  fileIs: 'copied and evicted',
  mebibytes: 1024,
  measure,
  report: (median, lineMiB) => ({
    'the line, MiB/s': lineMiB,
    'TCP alone, MiB/s': median('tcp'),
    'copied to another device, MiB/s': median('replicated'),
    'the same, once on its way': median('onItsWay'),
    'the same : the line': median('onItsWay') / lineMiB,
    'read here meanwhile : after': median('readMeanwhile') / median('readAfter'),
    'evict, ms': median('evictMs'),
    'first page of what was evicted, ms': median('firstPageMs'),
    'read back, MiB/s': median('readBack'),
  }),
})

async function measure(mebibytes: number, line: LineOptions): Promise<Figures> {
  await using scope = new Scope()
  const hosts = await lineHosts(scope)
  const { cluster } = hosts
  const laptop = await hosts.laptop.newDevice({ config: { replicas: 1 } })
  const desk = await hosts.desk.newDevice({ config: { offerBytes: 1e12 } })
  await laptop.dfsOk(['init'])
  await pair(laptop, desk)
  await putFiles(laptop, { big: randomBytes(mebibytes * MIB) })
  const tcp = await limitAndMeasure(hosts, line, mebibytes)

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
  const { readMeanwhile, readAfter } = await readsMeanwhile(laptop, mebibytes)
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
async function readsMeanwhile(
  laptop: Device,
  mebibytes: number,
): Promise<Pick<Figures, 'readMeanwhile' | 'readAfter'>> {
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
  return { readMeanwhile: median(meanwhile), readAfter: median(after) }
}

function read({ folder }: Device, name: string): Promise<string> {
  return runOk('dd', [`if=${folder}/${name}`, 'of=/dev/null', 'bs=1M'], { deadlineMs: DEADLINE_MS })
}

function dropCaches(): void {
  writeFileSync('/proc/sys/vm/drop_caches', '3')
}
