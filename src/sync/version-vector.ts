/**
 * Version vectors: which changes a state includes. One state is newer than another if it includes more; if each has
 * something that the other has not, they are concurrent (Parker et al., Detection of Mutual Inconsistency, 1983).
 */
import type { Dot, VersionVector } from '../format/version-vector.ts'

export type Ordering = 'equal' | 'before' | 'after' | 'concurrent'

export const NO_CHANGES: VersionVector = new Map()

/** How `a` stands to `b`. */
export function compareVectors(a: VersionVector, b: VersionVector): Ordering {
  const [aCovers, bCovers] = [covers(a, b), covers(b, a)]
  if (aCovers) return bCovers ? 'equal' : 'after'
  return bCovers ? 'before' : 'concurrent'
}

/** Whether all changes that are in `other` are in `vector`. */
export function covers(vector: VersionVector, other: VersionVector): boolean {
  if (vector === other) return true
  for (const [writer, counter] of other) if ((vector.get(writer) ?? 0) < counter) return false
  return true
}

/** Whether this change is included. */
export function includes(vector: VersionVector, { writer, counter }: Dot): boolean {
  return (vector.get(writer) ?? 0) >= counter
}

/** Includes what either of them does, and nothing else. */
export function mergeVectors(a: VersionVector, b: VersionVector): VersionVector {
  if (covers(a, b)) return a
  if (covers(b, a)) return b
  const merged = new Map(a)
  for (const [writer, counter] of b) if ((merged.get(writer) ?? 0) < counter) merged.set(writer, counter)
  return merged
}

/** Includes this change, too. */
export function advance(vector: VersionVector, { writer, counter }: Dot): VersionVector {
  return mergeVectors(vector, new Map([[writer, counter]]))
}
