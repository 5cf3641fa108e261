/**
 * What a file costs as there are more of them, and a read as its file is longer:
 *
 *     node test/scale/many-files.ts [FILES...]        (1,000, 10,000, 100,000 unless told)
 *     TMPDIR=/dev/shm node test/scale/many-files.ts 1000000
 *
 * Prints a row of JSON for each count, then one for each length. Times are in µs a file (or read); the memory of the
 * daemon is in MiB: mounted, after a walk over all files, and after the kernel has forgotten them. As root, for the
 * kernel must forget.
 */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { newPlace, type Place } from '../e2e/support/place.ts'
import { until } from '../e2e/support/process.ts'
import { DaemonProcess } from '../support/daemon-process.ts'
import { makeManyStubs } from '../support/many-stubs.ts'
import { Scope } from '../support/scope.ts'

const MIB = 2 ** 20
const SAMPLE = 900
const LENGTHS = [MIB, 1024 * MIB, 10 * 1024 * MIB, 100 * 1024 * MIB]
const DEADLINE_MS = 30 * 60_000
const SETTLE_MS = 20_000
const TOUCH = fileURLToPath(new URL('support/touch-files.ts', import.meta.url))

const counts = process.argv.slice(2).map(Number)
for (const count of counts.length > 0 ? counts : [1000, 10_000, 100_000])
  await withPlace((place) => manyFiles(place, count))
await withPlace(async (place) => {
  for (const length of LENGTHS) await longFile(place, length)
})

async function withPlace(work: (place: Place) => Promise<void>): Promise<void> {
  await using scope = new Scope()
  await work(newPlace(scope.context))
}

async function manyFiles(place: Place, files: number): Promise<void> {
  await makeManyStubs(place, { large: 0, spread: files })
  forget()
  const mount = await timed(() => place.dfsOk(['mount', place.folder]))
  const daemon = new DaemonProcess(place)
  const mounted = daemon.residentMiB
  const walk = () => place.sh('find folder -type f -size +1000000', { deadlineMs: DEADLINE_MS })
  const cold = await timed(walk)
  const walked = daemon.residentMiB
  const warm = await timed(walk)
  forget()
  await sleep(SETTLE_MS)
  const forgotten = daemon.residentMiB
  const { open, unlink } = await touch(place, 'folder', SAMPLE)
  await unmount(place)
  const each = (ms: number) => Math.round((ms * 10_000) / files) / 10
  report({
    files,
    mountMs: Math.round(mount),
    coldWalk: each(cold),
    warmWalk: each(warm),
    open,
    unlink,
    mountedMiB: mounted,
    walkedMiB: walked,
    forgottenMiB: forgotten,
  })
}

/** A file of holes with a MiB of data in a hundred places. */
async function longFile(place: Place, bytes: number): Promise<void> {
  await place.dfsOk(['mount', place.folder])
  const data = Math.min(100, bytes / MIB)
  const file = path.join(place.folder, 'long')
  await place.sh(
    `for i in $(seq 0 ${data - 1}); do dd if=/dev/urandom of='${file}' bs=1M count=1 conv=notrunc status=none seek=$((i * ${Math.floor(bytes / MIB / data)})); done; truncate -s ${bytes} '${file}'`,
    { deadlineMs: DEADLINE_MS },
  )
  await unmount(place)
  forget()
  await place.dfsOk(['mount', place.folder])
  const { open, read } = await touch(place, 'folder/long', SAMPLE)
  await place.sh(`rm '${file}'`)
  await unmount(place)
  report({ bytes, open, read })
}

/** What a program other than this one, which never waits for the mount, finds: see there. */
async function touch(place: Place, what: string, count: number): Promise<Record<'open' | 'read' | 'unlink', number>> {
  const command = `'${process.execPath}' '${TOUCH}' '${path.join(place.root, what)}' ${count}`
  return JSON.parse(await place.sh(command, { deadlineMs: DEADLINE_MS }))
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

async function unmount(place: Place): Promise<void> {
  await place.dfsOk(['umount', place.folder], { deadlineMs: DEADLINE_MS })
  await until('the daemon has ended', () => place.pids().length === 0, DEADLINE_MS)
}

function forget(): void {
  execFileSync('sync')
  fs.writeFileSync('/proc/sys/vm/drop_caches', '3')
}

function report(row: Record<string, number>): void {
  for (const [name, value] of Object.entries(row)) row[name] = Math.round(value * 10) / 10
  console.log(JSON.stringify(row))
}
