/**
 * `node test/bench/many-files.ts [STUBS]`: a folder of 100,000 stubs, 20,000 of them in one directory. How long `dfs mount`
 * takes with and without a daemon that runs, how long listings and walks, in milliseconds; and the daemon's memory in
 * MiB after each. With caches cold first, if root runs it.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { newPlace } from '../e2e/support/place.ts'
import { until } from '../e2e/support/process.ts'
import { DaemonProcess } from '../support/daemon-process.ts'
import { holdOpen } from '../support/hold-open.ts'
import { makeManyStubs } from '../support/many-stubs.ts'
import { root } from '../support/requirements.ts'
import { Scope } from '../support/scope.ts'

const STUBS = Number(process.argv[2] ?? 100_000)
const LARGE = STUBS / 5
const HANDLES = STUBS / 10
const DEADLINE_MS = 600_000

await using scope = new Scope()
const place = newPlace(scope.context)
const result: Record<string, number> = { stubs: STUBS }
await makeManyStubs(place, { large: LARGE, spread: STUBS - LARGE })
await place.sh('sync')
if (root() === false) writeFileSync('/proc/sys/vm/drop_caches', '3')

await measure('mountCold', () => place.dfsOk(['mount', place.folder]))
await unmount()
await measure('mount', () => place.dfsOk(['mount', place.folder]))
await unmount()
const other = path.join(place.root, 'other')
mkdirSync(other)
await place.dfsOk(['mount', other])
await measure('mountBesideAnother', () => place.dfsOk(['mount', place.folder]))

const daemon = new DaemonProcess(place)
result.mountedMiB = daemon.residentMiB
await measureInside('list', 'ls folder/large')
await measureInside('listAgain', 'ls folder/large')
await measureInside('listLong', 'ls -l folder/large')
await measureInside('listLongAgain', 'ls -l folder/large')
await measureInside('walk', 'find folder -type f -size +1000000')
await measureInside('walkAgain', 'find folder -type f -size +1000000')
await measureInside('readAll', 'grep -r nothing folder || true')
{
  await using _held = await holdOpen(path.join(place.folder, 'large'), HANDLES)
  result.handlesMiB = daemon.residentMiB
}
result.closedMiB = daemon.residentMiB
result.openFiles = daemon.openFiles
await place.dfsOk(['umount', other])
await unmount()
for (const [name, value] of Object.entries(result)) result[name] = Math.round(value)
console.log(JSON.stringify(result, undefined, 2))

async function measure(name: string, work: () => Promise<unknown>): Promise<void> {
  const start = performance.now()
  await work()
  result[`${name}Ms`] = performance.now() - start
}

async function measureInside(name: string, script: string): Promise<void> {
  await measure(name, () => place.sh(`${script} > /dev/null`, { deadlineMs: DEADLINE_MS }))
  result[`${name}MiB`] = daemon.residentMiB
}

async function unmount(): Promise<void> {
  await place.dfsOk(['umount', place.folder])
  await until('the daemon has ended', () => place.pids().length === 0)
}
