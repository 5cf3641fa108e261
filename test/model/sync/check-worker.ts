/** Runs one check; says how it failed, or undefined. */
import { parentPort, workerData } from 'node:worker_threads'
import fc from 'fast-check'
import type { Check } from './checks.ts'
import { MUTANTS } from './mutants.ts'
import { requireAsOnOne, requireHolds } from './properties.ts'
import { anyLocalSteps, anyPlan } from './steps.ts'

const { name, runs } = workerData as Check
const seed = process.env.DFS_MODEL_SEED
const path = process.env.DFS_MODEL_PATH
const repeat = { ...(seed && { seed: Number(seed) }), ...(path && { path }) }
parentPort!.postMessage(await faultOf())

async function faultOf(): Promise<string | undefined> {
  if (name === 'histories') return describe(await fc.check(histories(), { numRuns: runs, ...repeat }))
  if (name === 'one after the other') {
    return describe(await fc.check(fc.asyncProperty(anyLocalSteps, requireAsOnOne), { numRuns: runs, ...repeat }))
  }
  return describe(await fc.check(histories(name), { numRuns: runs, endOnFailure: true, seed: 1 }))
}

function histories(mutant?: string) {
  const rules = MUTANTS.find((one) => one.name === mutant)?.rules
  return fc.asyncProperty(anyPlan, (plan) => requireHolds(plan, rules))
}

function describe<T>(details: fc.RunDetails<T>): string | undefined {
  if (!details.failed) return undefined
  return `DFS_MODEL_SEED=${details.seed} DFS_MODEL_PATH=${details.counterexamplePath}: ${fc.defaultReportMessage(details)}`
}
