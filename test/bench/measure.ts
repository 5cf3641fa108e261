/** Runs all workloads once on one system, each from the state its column names: cold means unmounted, caches dropped, mounted again. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runOk } from '../e2e/support/process.ts'
import type { System } from '../support/systems/system.ts'
import type { WorkloadArguments, WorkloadName, WorkloadResult } from './workload.ts'

export interface Sizes {
  fileBytes: number
  treeFiles: number
}

/** The columns of DESIGN §12; `better` says which way is good. */
export const COLUMNS = {
  write: { title: 'write 1 MiB, fsync MiB/s', better: 'more' },
  coldRead: { title: 'cold read MiB/s', better: 'more' },
  warmRead: { title: 'warm re-read MiB/s', better: 'more' },
  preads: { title: 'cold 4 KiB preads /s', better: 'more' },
  edit: { title: '4 KiB edit+fsync ms', better: 'less' },
  smallWrites: { title: '4 KiB writes MiB/s', better: 'more' },
  untar: { title: 'untar files/s', better: 'more' },
  walk: { title: 'cold walk+lstat µs/file', better: 'less' },
  readAll: { title: 'cold read all files/s', better: 'more' },
  remove: { title: 'rm -rf files/s', better: 'more' },
} as const satisfies Record<string, { title: string; better: 'more' | 'less' }>

export type Column = keyof typeof COLUMNS
export type Figures = Record<Column, number>

const MIB = 1024 * 1024
const PAGE = 4096
const PREADS = 2000
const EDITS = 200
const DEADLINE_MS = 15 * 60_000
const WORKLOAD = fileURLToPath(new URL('workload.ts', import.meta.url))

/** `system` is mounted before and after. */
export async function measure(system: System, archive: string, { fileBytes, treeFiles }: Sizes): Promise<Figures> {
  const big = join(system.root, 'big')
  const write = await run('write', big, fileBytes, MIB, true)
  await makeCold(system)
  const { cold: coldRead, warm: warmRead } = await run('readTwice', big)
  await makeCold(system)
  const preads = await run('preads', big, fileBytes, PREADS)
  const edit = await run('edits', big, fileBytes, EDITS)
  await settle()
  const smallWrites = await run('write', join(system.root, 'small-writes'), fileBytes / 8, PAGE, false)

  const tree = join(system.root, 'tree')
  mkdirSync(tree)
  await settle()
  const untar = treeFiles / (await seconds('tar', ['-xf', archive, '-C', tree]))
  await makeCold(system)
  const walk = await run('walk', tree)
  await makeCold(system)
  const readAll = await run('readAll', tree)
  await settle()
  const remove = treeFiles / (await seconds('rm', ['-rf', tree]))
  return { write, coldRead, warmRead, preads, edit, smallWrites, untar, walk, readAll, remove }
}

async function makeCold(system: System): Promise<void> {
  await system.unmount()
  await settle()
  writeFileSync('/proc/sys/vm/drop_caches', '3')
  await system.mount()
}

/** What an earlier step left to write must not weigh on the next one. */
async function settle(): Promise<void> {
  await runOk('sync', [], { deadlineMs: DEADLINE_MS })
}

async function run<N extends WorkloadName>(name: N, ...args: WorkloadArguments<N>): Promise<WorkloadResult<N>> {
  const output = await runOk(process.execPath, [WORKLOAD, name, JSON.stringify(args)], { deadlineMs: DEADLINE_MS })
  return JSON.parse(output)
}

async function seconds(command: string, args: readonly string[]): Promise<number> {
  const start = process.hrtime.bigint()
  await runOk(command, args, { deadlineMs: DEADLINE_MS })
  return Number(process.hrtime.bigint() - start) / 1e9
}
