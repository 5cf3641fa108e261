/** Random folders in a thread of their own: node:test slows down every promise of its own. */
import { Worker } from 'node:worker_threads'

export interface Check {
  /** Of a mutant; undefined for the sources as they are. */
  readonly name: string | undefined
  readonly seeds: readonly number[]
  /** How much happens; each seed with each of them. */
  readonly steps: readonly number[]
  /** See `Programs`. */
  readonly ignoresOneIn?: number | undefined
}

/** What was found wrong first; undefined if nothing. */
export function fault(check: Check): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('check-worker.ts', import.meta.url), { workerData: check })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`the worker ended with ${code} and said nothing`)))
  })
}
