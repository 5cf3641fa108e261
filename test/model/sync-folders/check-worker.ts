/** Runs random folders with a fault in the sources, or none, and tells what it found. */
import { registerHooks } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import type { Check } from './checks.ts'
import { MUTANTS } from './mutants.ts'

const { name, seeds, steps, ignoresOneIn } = workerData as Check
const mutant = MUTANTS.find((one) => one.name === name)

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    if (mutant === undefined || !url.endsWith(`/src/sync/${mutant.file}`)) return loaded
    const source = `${loaded.source}`
    if (source.split(mutant.line).length !== 2) throw new Error(`${mutant.file} has not this once: ${mutant.line}`)
    return { ...loaded, source: source.replace(mutant.line, () => mutant.instead) }
  },
})

const { faultOf } = await import('./folders.ts')
let found: string | undefined
for (const seed of seeds) {
  for (const count of steps) found ??= await faultOf(seed, count, ignoresOneIn)
  if (found !== undefined) break
}
parentPort!.postMessage(found)
