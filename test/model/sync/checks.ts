/** The properties that the model checks, by name: each a thread of its own, for node:test slows down every promise of its own. */
import { Worker } from 'node:worker_threads'

export interface Check {
  /** `histories`, `one after the other`, or the name of a mutant. */
  readonly name: string
  readonly runs: number
}

/** Undefined if it holds; else how it does not, and how to have that again. */
export function fault(check: Check): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('check-worker.ts', import.meta.url), { workerData: check })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`the worker ended with ${code} and said nothing`)))
  })
}
