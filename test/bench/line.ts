/**
 * What the benches over a line have in common: two hosts at its ends, what TCP alone carries on it, rounds, medians.
 * The line (default: 1 Gbit/s, 20 ms there and back) is the cluster tests' wire, with packets of 64 KiB, for it is in
 * user space. Needs root.
 */
import { parseArgs } from 'node:util'
import { Cluster, clusterMissing, type Host } from '../cluster/support/cluster.ts'
import type { Scope } from '../support/scope.ts'
import { median } from './report.ts'

export const MIB = 1024 * 1024
/** Of any one command. */
export const DEADLINE_MS = 600_000
const MTU = 65_000
const PORT = 7000

export interface LineBench<Figures> {
  /** The word after `npm run`. */
  script: string
  /** What happens to the file whose size is an option. */
  fileIs: string
  mebibytes: number
  measure(mebibytes: number, line: LineOptions): Promise<Figures>
  report(median: (key: keyof Figures) => number, lineMiB: number): Record<string, number>
}

export interface LineOptions {
  mbitPerSecond: number
  /** There and back. */
  milliseconds: number
}

export interface LineHosts {
  cluster: Cluster
  laptop: Host
  desk: Host
}

/** Runs a bench as the command line asks, and prints the medians of its rounds. */
export async function benchOnLine<Figures extends object>(bench: LineBench<Figures>): Promise<void> {
  const { values: options } = parseArgs({
    options: {
      mbit: { type: 'string', default: '1000' },
      milliseconds: { type: 'string', default: '20' },
      mebibytes: { type: 'string', default: String(bench.mebibytes) },
      rounds: { type: 'string', default: '3' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (options.help) return console.log(usage(bench))
  if (clusterMissing() !== false) return console.error(`the bench ${clusterMissing()}`)
  const line = { mbitPerSecond: Number(options.mbit), milliseconds: Number(options.milliseconds) }
  const rounds: Figures[] = []
  for (let round = 1; round <= Number(options.rounds); round++) {
    console.error(`round ${round}`)
    rounds.push(await bench.measure(Number(options.mebibytes), line))
    console.error(rounds.at(-1))
  }
  console.table(
    bench.report((key) => median(rounds.map((figures) => Number(figures[key]))), (line.mbitPerSecond * 1e6) / 8 / MIB),
  )
}

function usage({ script, fileIs, mebibytes }: Pick<LineBench<object>, 'script' | 'fileIs' | 'mebibytes'>): string {
  return `Usage: npm run ${script} -- [--mbit N] [--milliseconds N] [--mebibytes N] [--rounds N]

  --mbit          what the line carries, in Mbit/s; 1000 unless told
  --milliseconds  there and back; 20 unless told
  --mebibytes     size of the file that is ${fileIs}; ${mebibytes} unless told
  --rounds        how many rounds; 3 unless told`
}

/** Two hosts on a network that has no limits yet. */
export async function lineHosts(scope: Scope): Promise<LineHosts> {
  const cluster = await Cluster.start(scope.context, ['laptop', 'desk'], { mtu: MTU })
  return { cluster, laptop: cluster.host('laptop'), desk: cluster.host('desk') }
}

/** Makes the network the line, and gives what TCP alone carries on it from the laptop to the desk, in MiB/s. */
export async function limitAndMeasure(hosts: LineHosts, line: LineOptions, mebibytes: number): Promise<number> {
  const { cluster, laptop, desk } = hosts
  // Each packet passes two lines, there and back.
  await cluster.setLine({ delayMs: line.milliseconds / 4, mbitPerSecond: line.mbitPerSecond })
  await laptop.startProgram('bare-tcp.ts', ['serve', String(PORT)])
  const fetching = ['fetch', laptop.address, String(PORT), String(mebibytes)]
  return Number(await desk.program('bare-tcp.ts', fetching, { deadlineMs: DEADLINE_MS }))
}

/** In ms. */
export async function took(work: Promise<unknown>): Promise<number> {
  const since = performance.now()
  await work
  return performance.now() - since
}
