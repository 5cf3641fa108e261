/** This thread's JavaScript heap, which V8 leaves as it is while nothing happens. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What collects the garbage of the thread that calls it: the young objects, or all. */
export function heapCollector(): (type: 'minor' | 'major') => void {
  setFlagsFromString('--expose-gc')
  const collect: NodeJS.GCFunction = runInNewContext('gc')
  return (type) => void collect({ type })
}
