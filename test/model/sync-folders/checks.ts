/** Random folders in a thread of their own, so that several run at once. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

interface Check {
  /** Of a mutant; undefined for the sources as they are. */
  readonly name: string | undefined
  readonly seeds: readonly number[]
  /** How much happens; each seed with each of them. */
  readonly steps: readonly number[]
}

/** What was found wrong first, if anything. */
export async function fault(check: Check): Promise<string | undefined> {
  const worker = new Worker(new URL('./check-worker.ts', import.meta.url), { workerData: check })
  const [found] = (await once(worker, 'message')) as [string | undefined]
  await worker.terminate()
  return found
}
