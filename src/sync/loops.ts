/**
 * Directories that were moved into each other, on devices that did not know of each other's move.
 *
 * Every such circle is cut where the latest of its moves was: that directory is shown in the root instead. Which ones these
 * are follows from the entries alone, so all devices cut alike.
 */
import { type ObjectId, ROOT_ID, type SyncEntry } from '../format/sync-entry.ts'
import { compareOrigins } from './entry-merge.ts'

type Get = (id: ObjectId) => Promise<SyncEntry | undefined>

/**
 * The directories that are cut out of a circle, once these were placed anew; `before`: those before that. Costs a read
 * for each directory above those.
 */
export async function findLoops(
  placed: Iterable<ObjectId>,
  before: ReadonlySet<ObjectId>,
  get: Get,
): Promise<ReadonlySet<ObjectId>> {
  const found = new Set<ObjectId>()
  const clear = new Set<ObjectId>()
  for (const id of [...placed, ...before]) {
    const circle = await circleAbove(id, clear, get)
    if (circle.length > 0) found.add(lastMoved(circle).id)
  }
  return found
}

/** The circle that the way up from here ends in; what is on ways that end in the root, or are not known to their end, is added to `clear`. */
async function circleAbove(start: ObjectId, clear: Set<ObjectId>, get: Get): Promise<SyncEntry[]> {
  const way: SyncEntry[] = []
  const at = new Map<ObjectId, number>()
  for (let id = start; id !== ROOT_ID && !clear.has(id); ) {
    const reached = at.get(id)
    if (reached !== undefined) return way.slice(reached)
    const entry = await get(id)
    if (entry === undefined) break
    at.set(id, way.push(entry) - 1)
    id = entry.placement.value.places[0]!.parent
  }
  for (const { id } of way) clear.add(id)
  return []
}

function lastMoved(circle: readonly SyncEntry[]): SyncEntry {
  const order = (a: SyncEntry, b: SyncEntry) => compareOrigins(a.placement, b.placement) || (a.id < b.id ? -1 : 1)
  return circle.reduce((last, entry) => (order(last, entry) < 0 ? entry : last))
}
