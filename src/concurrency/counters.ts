/**
 * What this thread has done so far, in numbers that only go up: for those who watch the daemon (`daemon/metrics/`).
 *
 * To count is one addition into memory that is there: no object, no call of anybody, and nothing that a read or write could wait for.
 */

const COUNTERS = [
  'readBytes',
  'writtenBytes',
  'cacheHits',
  'cacheMisses',
  'fetchedBlocks',
  'fetchedBytes',
  'servedBytes',
] as const

export type Counter = (typeof COUNTERS)[number]

/** Where each is counted. */
export const COUNT = Object.fromEntries(COUNTERS.map((name, at) => [name, at])) as Readonly<Record<Counter, number>>

/** Other threads may look at it with `countedIn`: whole numbers of a thread that goes on counting. */
export const countsMemory = new SharedArrayBuffer(COUNTERS.length * Float64Array.BYTES_PER_ELEMENT)
const counts = new Float64Array(countsMemory)

/** `at`: one of `COUNT`. */
export function count(at: number, by: number): void {
  counts[at]! += by
}

export function counted(counter: Counter): number {
  return counts[COUNT[counter]]!
}

/** What another thread has counted, from its `countsMemory`. */
export function countedIn(memory: SharedArrayBuffer, counter: Counter): () => number {
  const theirs = new Float64Array(memory)
  return () => theirs[COUNT[counter]]!
}
