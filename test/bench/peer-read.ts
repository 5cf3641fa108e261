/**
 * `npm run bench:peers`: files of one device, read through the mount of another on the same machine that has only their
 * stubs; beside sshfs and rclone over SFTP where they are installed, and blocks of 1 MiB from one Helia node to another by
 * bitswap where `npm run test:interop` has installed Helia: from memory to memory, without a file system. Every round reads
 * new files: nothing of them is on the reading side, and all of them in memory on the other, so that no disk is measured.
 * The report has the medians. Needs root.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { freePort, newDevice, pair } from '../e2e/support/device.ts'
import { newPlace } from '../e2e/support/place.ts'
import { runOk } from '../e2e/support/process.ts'
import { carryStubs, connected, mountAll } from '../e2e/support/sharing.ts'
import { DaemonProcess } from '../support/daemon-process.ts'
import { root } from '../support/requirements.ts'
import { Scope } from '../support/scope.ts'
import { REMOTE_KINDS, type RemoteKind, startSshServer } from '../support/systems/remote.ts'
import { median } from './report.ts'

const USAGE = `Usage: npm run bench:peers -- [--mebibytes N] [--rounds N] [--json]

  --mebibytes  size of the file that is read from start to end; 1024 unless told
  --rounds     how many rounds; 3 unless told
  --json       prints the figures of all rounds as JSON`

const MIB = 1024 * 1024
const DEADLINE_MS = 600_000
const WORKLOAD = join(import.meta.dirname, 'workload.ts')
const INTEROP = join(import.meta.dirname, '..', 'interop')
const HELIA = join(INTEROP, 'helia-transfer.mjs')

interface Figures {
  /** From opening a file nobody has read to the first page of it, in ms. */
  firstPageMs: number
  /** MiB/s of reading a file from start to end. */
  read: number
  /** Memory of the reading daemon afterwards, in MiB. */
  residentMiB?: number
}

const { values: options } = parseArgs({
  options: {
    mebibytes: { type: 'string', default: '1024' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
const mebibytes = Number(options.mebibytes)

if (options.help) console.log(USAGE)
else if (root() !== false) console.error(`the bench ${root()}`)
else await bench()

async function bench(): Promise<void> {
  const figures: Record<string, Figures[]> = { dfs: [] }
  const others = REMOTE_KINDS.filter((kind) => kind.missing() === false)
  const hasHelia = existsSync(join(INTEROP, 'node_modules'))
  for (const { name } of others) figures[name] = []
  if (hasHelia) figures['helia bitswap'] = []
  for (let round = 1; round <= Number(options.rounds); round++) {
    console.error(`round ${round}: dfs`)
    figures.dfs!.push(await measureDfs())
    for (const kind of others) {
      console.error(`round ${round}: ${kind.name}`)
      figures[kind.name]!.push(await measureOther(kind))
    }
    if (!hasHelia) continue
    console.error(`round ${round}: helia bitswap`)
    figures['helia bitswap']!.push(await measureHelia())
  }
  if (options.json) console.log(JSON.stringify({ mebibytes, figures }, undefined, 2))
  else console.table(Object.fromEntries(Object.entries(figures).map(([name, rounds]) => [name, medians(rounds)])))
}

async function measureDfs(): Promise<Figures> {
  await using scope = new Scope()
  const [holder, reader] = [await newDevice(scope.context), await newDevice(scope.context)]
  await holder.dfsOk(['init'])
  await pair(holder, reader)
  await holder.dfsOk(['mount', holder.folder])
  await makeFiles(holder.folder)
  await holder.dfsOk(['umount', holder.folder], { deadlineMs: DEADLINE_MS })
  carryStubs(holder, reader)
  await mountAll(holder, reader)
  await connected(reader)
  const figures = await measure(reader.folder)
  return { ...figures, residentMiB: new DaemonProcess(reader).residentMiB }
}

async function measureOther(kind: RemoteKind): Promise<Figures> {
  await using scope = new Scope()
  const source = join(newPlace(scope.context).root, 'source')
  mkdirSync(source)
  await makeFiles(source)
  const server = await startSshServer(scope.context, await freePort())
  const system = kind.create(newPlace(scope.context), server, source)
  await system.mount()
  const figures = await measure(system.root)
  await system.unmount()
  return figures
}

async function measureHelia(): Promise<Figures> {
  const holder = spawn(process.execPath, [HELIA, 'hold', String(mebibytes)], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [held] = (await once(createInterface({ input: holder.stdout }), 'line')) as [string]
    return JSON.parse(await runOk(process.execPath, [HELIA, 'fetch'], { input: held, deadlineMs: DEADLINE_MS }))
  } finally {
    holder.kill('SIGKILL')
  }
}

async function makeFiles(directory: string): Promise<void> {
  for (const [name, size] of Object.entries({ small: 3, big: mebibytes })) {
    await runOk('sh', ['-c', `head -c ${size}M /dev/urandom > '${join(directory, name)}'`], { deadlineMs: DEADLINE_MS })
  }
}

async function measure(directory: string): Promise<Figures> {
  await runOk('sync', [], { deadlineMs: DEADLINE_MS })
  const readsPerSecond = Number(await workload('preads', [join(directory, 'small'), 3 * MIB, 1]))
  const { cold } = JSON.parse(await workload('readTwice', [join(directory, 'big')]))
  return { firstPageMs: 1000 / readsPerSecond, read: cold }
}

function workload(name: string, args: readonly unknown[]): Promise<string> {
  return runOk(process.execPath, [WORKLOAD, name, JSON.stringify(args)], { deadlineMs: DEADLINE_MS })
}

function medians(rounds: readonly Figures[]): Record<string, number> {
  const keys = Object.keys(rounds[0]!) as (keyof Figures)[]
  return Object.fromEntries(
    keys.map((key) => [key, Math.round(median(rounds.map((figures) => figures[key]!)) * 10) / 10]),
  )
}
