/** Sorting of what may be long, on a loop that others need: merged from short runs, with turns for the others in between. */
import { Slices } from './slices.ts'

/** As many as are sorted in less than a millisecond or so. */
const RUN = 512

/** A sorted copy; of what compares equal, what came first stays first. */
export async function sortInSlices<T>(items: readonly T[], compare: (one: T, other: T) => number): Promise<T[]> {
  const slices = new Slices()
  let runs: T[][] = []
  for (let at = 0; at < items.length; at += RUN) {
    await slices.next()
    runs.push(items.slice(at, at + RUN).sort(compare))
  }
  while (runs.length > 1) {
    const merged: T[][] = []
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(await merge(runs[at]!, runs[at + 1] ?? [], { compare, slices }))
    }
    runs = merged
  }
  return runs[0] ?? []
}

interface MergeOptions<T> {
  readonly compare: (one: T, other: T) => number
  readonly slices: Slices
}

async function merge<T>(left: readonly T[], right: readonly T[], { compare, slices }: MergeOptions<T>): Promise<T[]> {
  const merged: T[] = []
  let [l, r] = [0, 0]
  while (l < left.length && r < right.length) {
    if (merged.length % RUN === 0) await slices.next()
    merged.push(compare(left[l]!, right[r]!) <= 0 ? left[l++]! : right[r++]!)
  }
  for (; l < left.length; l++) merged.push(left[l]!)
  for (; r < right.length; r++) merged.push(right[r]!)
  return merged
}
