/** This thread's JavaScript heap, which V8 leaves as it is while nothing happens. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** `young`: the objects made last; `all`: also those that lived on; `compact`: all, and the pages that gets free are given back. */
const COLLECTIONS = {
  young: { type: 'minor' },
  all: { type: 'major' },
  compact: { type: 'major', flavor: 'last-resort' },
} as const

/** What collects the garbage of the thread that calls it. */
export function heapCollector(): (which: keyof typeof COLLECTIONS) => void {
  setFlagsFromString('--expose-gc')
  const collect: NodeJS.GCFunction = runInNewContext('gc')
  return (which) => void collect(COLLECTIONS[which])
}
