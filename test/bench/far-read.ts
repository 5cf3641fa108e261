/**
 * `npm run bench:far`: a file of one device, read through the mount of another at the other end of a line (test/bench/line),
 * beside what TCP alone carries on it.
 */
import { randomBytes } from 'node:crypto'
import { pair } from '../e2e/support/device.ts'
import { runOk } from '../e2e/support/process.ts'
import { carryStubs, connected, mountAll, putFiles, readPart } from '../e2e/support/sharing.ts'
import { Scope } from '../support/scope.ts'
import { benchOnLine, DEADLINE_MS, type LineOptions, limitAndMeasure, lineHosts, MIB, took } from './line.ts'

interface Figures {
  /** MiB/s of TCP alone. */
  tcp: number
  /** From asking for a page of a file nobody has read to having it, in ms. */
  firstPageMs: number
  /** MiB/s of reading a file from start to end. */
  read: number
}

await benchOnLine<Figures>({
  script: 'bench:far',
  fileIs: 'read',
  mebibytes: 256,
  measure,
  report: (median, lineMiB) => ({
    'the line, MiB/s': lineMiB,
    'TCP alone, MiB/s': median('tcp'),
    'dfs, MiB/s': median('read'),
    'dfs : TCP': median('read') / median('tcp'),
    'first page, ms': median('firstPageMs'),
  }),
})

async function measure(mebibytes: number, line: LineOptions): Promise<Figures> {
  await using scope = new Scope()
  const hosts = await lineHosts(scope)
  const [holder, reader] = [await hosts.laptop.newDevice(), await hosts.desk.newDevice()]
  await holder.dfsOk(['init'])
  await pair(holder, reader)
  await putFiles(holder, { small: randomBytes(3 * MIB), big: randomBytes(mebibytes * MIB) })
  carryStubs(holder, reader)
  const tcp = await limitAndMeasure(hosts, line, mebibytes)
  await mountAll(holder, reader)
  await connected(reader)
  const firstPageMs = await took(readPart(reader, 'small', { at: 2 * MIB, bytes: 4096 }))
  const readMs = await took(
    runOk('dd', [`if=${reader.folder}/big`, 'of=/dev/null', 'bs=1M'], { deadlineMs: DEADLINE_MS }),
  )
  return { tcp, firstPageMs, read: (mebibytes * 1000) / readMs }
}
