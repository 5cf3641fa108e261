/**
 * `npm run bench:folders`: one folder on two devices, of dfs and, where it is installed, of Syncthing, all on this
 * machine with a wire of its own between the two (folders/wire). How long after a copy into the folder the other device
 * shows it, how long until all of it was read there, how long an edit and a removal take, what went over the wire,
 * and memory. Every round begins with new devices; the report has the medians. Needs root.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { newPlace } from '../e2e/support/place.ts'
import { type Ending, runOk } from '../e2e/support/process.ts'
import { Random } from '../support/random.ts'
import { fuse, program, root, skipUnless } from '../support/requirements.ts'
import { Scope } from '../support/scope.ts'
import { newDfsPair } from './folders/dfs-pair.ts'
import type { FolderPair } from './folders/folder-pair.ts'
import { type Figures, measure, type Sources } from './folders/measure.ts'
import { newSyncthingPair, syncthingMissing } from './folders/syncthing-pair.ts'
import { median } from './report.ts'

const USAGE = `Usage: npm run bench:folders -- [--files N] [--mebibytes N] [--rounds N] [--json]

  --files      how many small files, of up to 16 KiB; 10000 unless told
  --mebibytes  size of the big file; 1024 unless told
  --rounds     how many rounds; 3 unless told
  --json       prints the figures of all rounds as JSON`

const MIB = 1024 * 1024
const SMALL_BYTES_MAX = 16 * 1024
const DEADLINE_MS = 600_000

const { values: options } = parseArgs({
  options: {
    files: { type: 'string', default: '10000' },
    mebibytes: { type: 'string', default: '1024' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const missing = skipUnless(root, fuse, program('ip'), program('unshare'), program('nsenter'))
if (options.help) console.log(USAGE)
else if (missing !== false) console.error(`the bench ${missing}`)
else await bench()

async function bench(): Promise<void> {
  const systems: Record<string, (t: Ending) => Promise<FolderPair>> = { dfs: newDfsPair }
  if (syncthingMissing() === false) systems.syncthing = newSyncthingPair
  else console.error(`dfs alone: the comparison ${syncthingMissing()}`)
  await using scope = new Scope()
  const sources = await makeSources(newPlace(scope.context).root)
  const figures: Record<string, Figures[]> = {}
  for (let round = 1; round <= Number(options.rounds); round++) {
    for (const [name, newPair] of Object.entries(systems)) {
      console.error(`round ${round}: ${name}`)
      const measured = await measureOnce(newPair, sources)
      figures[name] = [...(figures[name] ?? []), measured]
    }
  }
  if (options.json) console.log(JSON.stringify({ ...options, figures }, undefined, 2))
  else console.table(transposed(figures))
}

async function measureOnce(newPair: (t: Ending) => Promise<FolderPair>, sources: Sources): Promise<Figures> {
  await using scope = new Scope()
  return await measure(await newPair(scope.context), sources)
}

/** Nothing in it can be compressed, and no two files are alike. */
async function makeSources(directory: string): Promise<Sources> {
  const [files, mebibytes] = [Number(options.files), Number(options.mebibytes)]
  const random = new Random(1)
  mkdirSync(path.join(directory, 'many'))
  for (let i = 0; i < files; i++) {
    writeFileSync(path.join(directory, 'many', `file ${i}`), random.bytes(1 + random.below(SMALL_BYTES_MAX)))
  }
  await runOk('sh', ['-c', `head -c ${mebibytes}M /dev/urandom > '${path.join(directory, 'big')}'`], {
    deadlineMs: DEADLINE_MS,
  })
  return { directory, files, bigBytes: mebibytes * MIB }
}

/** One line for each figure, one column for each system: medians. */
function transposed(figures: Record<string, Figures[]>): Record<string, Record<string, number>> {
  const names = Object.keys(Object.values(figures)[0]![0]!) as (keyof Figures)[]
  const row = (name: keyof Figures) =>
    Object.fromEntries(Object.entries(figures).map(([system, rounds]) => [system, rounded(rounds, name)]))
  return Object.fromEntries(names.map((name) => [name, row(name)]))
}

function rounded(rounds: readonly Figures[], name: keyof Figures): number {
  return Number(median(rounds.map((one) => one[name])).toFixed(2))
}
