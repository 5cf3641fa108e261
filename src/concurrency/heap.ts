/** This thread's JavaScript heap, which V8 leaves as it is while nothing happens. */
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** `young`: the objects made last; `all`: also those that lived on; `compact`: all, and the pages that gets free are given back. */
const COLLECTIONS = {
  young: { type: 'minor' },
  all: { type: 'major' },
  compact: { type: 'major', flavor: 'last-resort' },
} as const

/**
 * node:crypto and node:fs take new memory for all they give out. V8 lets 64 MiB of that gather, which then is new memory each
 * time: collecting the young after each 4 MiB takes 0.1 ms, and in a worker that seals saved a quarter of its time, and 75 MiB.
 */
const COLLECT_EACH_BYTES = 4 * 1024 * 1024

/** To be told of new memory that dies young: has it collected before much of it gathers. Returns whether it did. */
export function collectorOfBytes(): (taken: number) => boolean {
  const collect = heapCollector()
  let bytes = 0
  return (taken) => {
    bytes += taken
    if (bytes < COLLECT_EACH_BYTES) return false
    bytes = 0
    collect('young')
    return true
  }
}

export interface HeldMemory {
  /** Memory outside of the heap that its objects hold. */
  readonly heldBytes: () => number
  readonly collect: () => void
}

/**
 * Collects all garbage whenever more is held than after the last time, by more than `bytesMax`. What stays then (buffers in use, the
 * runtime's own) is no reason to collect again.
 */
export function collectorOfHeld(bytesMax: number, { heldBytes, collect }: HeldMemory = ofThisThread()): () => void {
  let settledBytes = heldBytes()
  return () => {
    if (heldBytes() <= settledBytes + bytesMax) return
    collect()
    settledBytes = heldBytes()
  }
}

function ofThisThread(): HeldMemory {
  const collect = heapCollector()
  return { heldBytes: () => getHeapStatistics().external_memory, collect: () => collect('all') }
}

/** What collects the garbage of the thread that calls it. */
export function heapCollector(): (which: keyof typeof COLLECTIONS) => void {
  setFlagsFromString('--expose-gc')
  const collect: NodeJS.GCFunction = runInNewContext('gc')
  return (which) => void collect(COLLECTIONS[which])
}
