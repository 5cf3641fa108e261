/**
 * `npm run bench`: DESIGN §12's workloads on dfs, the bare disk and the encrypting file systems that are installed,
 * side by side in one run, round by round. Needs root, to drop the kernel's caches.
 *
 * The first touch of a machine's memory can cost more than what is measured, so one round goes before those that count.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { newPlace } from '../e2e/support/place.ts'
import { root } from '../support/requirements.ts'
import { Scope } from '../support/scope.ts'
import { SmallDisk } from '../support/small-disk.ts'
import type { SystemKind } from '../support/systems/system.ts'
import { SYSTEMS, systemNamed } from '../support/systems/target.ts'
import { type Figures, measure, type Sizes } from './measure.ts'
import { formatReport, makeReport } from './report.ts'
import { packSourceTree } from './source-tree.ts'

const USAGE = `Usage: npm run bench -- [--systems dfs,disk,...] [--rounds N] [--quick] [--json]

  --systems  which to measure; all that are installed unless told (${SYSTEMS.map(({ name }) => name).join(', ')})
  --rounds   how many rounds count; 3 unless told, after one that does not
  --quick    small sizes, one round, no round before it: shows that the bench works, not how fast anything is
  --json     prints all figures of all rounds as JSON`

const FULL: Sizes = { fileBytes: 512 * 1024 * 1024, treeFiles: 4000 }
/** What a system keeps beside the file itself (what was overwritten, a cache, the tree) fits as often as this. */
const DISK_FILES = 8
const QUICK: Sizes = { fileBytes: 32 * 1024 * 1024, treeFiles: 400 }

const { values: options } = parseArgs({
  options: {
    systems: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

if (options.help) console.log(USAGE)
else if (root() !== false) fail(`the bench ${root()}`)
else await bench()

async function bench(): Promise<void> {
  await using scope = new Scope()
  const systems = installedSystems()
  const rounds: Record<string, Figures[]> = Object.fromEntries(systems.map(({ name }) => [name, []]))
  const archive = join(newPlace(scope.context).root, 'tree.tar')
  const counted = options.quick ? 1 : Number(options.rounds)
  for (let round = options.quick ? 1 : 0; round <= counted; round++) {
    await packSourceTree(archive, sizes().treeFiles)
    for (const kind of systems) {
      say(`round ${round} of ${counted}${round === 0 ? ' (does not count)' : ''}: ${kind.name}`)
      const figures = await measureAlone(kind, archive)
      if (round > 0) rounds[kind.name]!.push(figures)
    }
    if (round > 0 && round < counted) say(`so far:\n${formatReport(makeReport(rounds))}`)
  }
  const report = makeReport(rounds)
  console.log(options.json ? JSON.stringify({ sizes: sizes(), ...report }, undefined, 2) : formatReport(report))
}

/**
 * Each time on a new disk of its own: ext4 passes by the inodes of what was deleted in the last minutes, one by one, so
 * that who comes after another's `rm -rf` would pay for it with every file. Mounted only for its own turn: the others'
 * daemons must not be awake meanwhile.
 */
async function measureAlone(kind: SystemKind, archive: string): Promise<Figures> {
  await using scope = new Scope()
  const mebibytes = DISK_FILES * (sizes().fileBytes >> 20) + 256
  const disk = await SmallDisk.create(newPlace(scope.context), 'disk', { mebibytes })
  const system = await kind.create(newPlace(scope.context, { inside: disk.path }))
  await system.mount()
  const figures = await measure(system, archive, sizes())
  await system.unmount()
  return figures
}

function installedSystems(): SystemKind[] {
  const wanted = options.systems?.split(',').map(systemNamed) ?? SYSTEMS
  return wanted.filter((kind) => {
    const missing = kind.missing()
    if (missing !== false) say(`${kind.name} is left out: ${missing}`)
    return missing === false
  })
}

function sizes(): Sizes {
  return options.quick ? QUICK : FULL
}

/** Progress goes to standard error: standard output is the report alone. */
function say(line: string): void {
  console.error(line)
}

function fail(message: string): void {
  say(message)
  process.exitCode = 1
}
