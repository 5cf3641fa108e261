/**
 * Whether the disk is as it is known to be where something is to be done, and what of that was done by now: we may have
 * been killed before we could note it, or a person did the same.
 */
import type { ByteString } from '../dfs.ts'
import { parentPath } from '../format/head-path.ts'
import type { Move, Plan, Step } from './apply-plan.ts'
import type { Looked, SyncDisk } from './disk.ts'
import { isSameContent } from './entry-merge.ts'
import { isEqualState, isUnmarked, stateOf } from './object-state.ts'
import type { Shown } from './shown-tree.ts'

/** Not as it was known to be. */
export class Changed extends Error {
  readonly paths: readonly ByteString[]

  constructor(paths: readonly ByteString[]) {
    super('the disk was changed')
    this.paths = paths
  }
}

/** Not to be touched now. */
export class Occupied extends Error {}

/** What is left to be done of a plan. */
export function leftOf(plan: Plan, disk: SyncDisk): Plan {
  const moved = plan.moves.filter((move) => isMoved(move, disk))
  const moves = plan.moves.filter((move) => !moved.includes(move))
  const arrived = new Map([
    ...plan.makes.map(({ path, shown }) => [path, shown] as const),
    ...moved.map(({ to, after }) => [to, after] as const),
  ])
  const removals = plan.removals.filter((removal) => !isReplaced(removal, arrived.get(removal.path), disk))
  const stays = [...plan.stays, ...moved.map(({ to: path, before, after }) => ({ path, before, after }))]
  return { ...plan, moves, removals, stays }
}

/** Fails with `Changed` or `Occupied` if the disk is not as it was known to be, nor as it is to be; `left` of the plan is to be done. */
export function check(left: Plan, disk: SyncDisk): void {
  const { moves, links, makes, stays, removals } = left
  for (const { from, before, after } of moves) requireKnown(from, { before, after }, disk)
  for (const { path, shown } of removals) requireKnown(path, { before: shown, after: undefined }, disk)
  // An object that gets names or loses them must be there by those that it keeps.
  const renamed = new Set([...removals, ...links].map(({ shown }) => shown.objects[0].entry.id))
  for (const { path, before, after } of stays) {
    if (renamed.has(after.objects[0].entry.id)) requireObject(path, { before, after }, disk)
    else if (isOtherState(before, after, disk)) requireKnown(path, { before, after }, disk)
  }
  const arrivals = [...makes.map(({ path }) => path), ...moves.map(({ to }) => to), ...links.map(({ to }) => to)]
  const arriving = new Set(arrivals)
  for (const path of arrivals) {
    const parent = parentPath(path)!
    if (!arriving.has(parent) && !isDirectoryAt(formerOf(parent, moves).path, disk)) throw new Changed([parent])
  }
  const leaving = new Set([...moves.map(({ from }) => from), ...removals.map(({ path }) => path)])
  const isKnown = (identity: string | undefined) =>
    [...leaving, ...stays.map(({ path }) => path)].some((path) => identityAt(path, disk) === identity)
  const requireRoom = (path: ByteString, shown: Shown | undefined) => {
    const former = formerOf(path, moves)
    if (!isIn(former.path, leaving, former.within)) requireFree(former.path, shown, disk)
  }
  for (const { path, shown } of makes) {
    requireRoom(path, shown)
    if (isIn(path, leaving)) continue
    // A name that nobody told of yet, of an object that is another one.
    if (disk.look(path) !== undefined && isKnown(identityAt(path, disk))) throw new Changed([path])
  }
  for (const { to } of moves) requireRoom(to, undefined)
  for (const { to, shown } of links) requireRoom(to, shown)
}

/** Whether an object that keeps its path is to be given another state. */
export function isOtherState(before: Shown, after: Shown, disk: SyncDisk): boolean {
  return !isEqualState(stateOf(before), stateOf(after), disk)
}

export function isDirectoryAt(path: ByteString, disk: SyncDisk): boolean {
  if (path === '') return true
  const found = disk.look(path)
  return typeof found === 'object' && found.kind === 'directory'
}

/** Whether a path is one of these, or below one; those that are not below `within` do not count. */
function isIn(path: ByteString, paths: ReadonlySet<ByteString>, within = ''): boolean {
  for (let at: ByteString | undefined = path; at !== undefined && at.length > within.length; at = parentPath(at)) {
    if (paths.has(at)) return true
  }
  return false
}

/** Where now is what is to be there by being in a directory that is moved, and where that is. */
function formerOf(path: ByteString, moves: readonly Move[]): { path: ByteString; within: ByteString } {
  const around = moves.filter(({ to }) => path.startsWith(`${to}/`))
  const [nearest] = around.sort((a, b) => b.to.length - a.to.length)
  if (nearest === undefined) return { path, within: '' }
  return { path: nearest.from + path.slice(nearest.to.length), within: nearest.from }
}

/** Nothing of a person's would be lost by taking it away, or giving it another state; `after`: none if it is to go. */
function requireKnown(
  path: ByteString,
  { before, after }: Pick<Move, 'before'> & { after: Shown | undefined },
  disk: SyncDisk,
): void {
  const found = disk.look(path)
  if (found === 'busy' || found === 'foreign') throw new Occupied()
  if (found === undefined && after === undefined) return
  if (found === undefined) throw new Changed([path])
  const isDirectory = found.kind === 'directory' && before.objects[0].entry.kind === 'directory'
  if (after === undefined && isDirectory) return
  if (isEqualState(found, stateOf(before), disk)) return
  if (after === undefined || !isEqualState(found, stateOf(after), disk)) throw new Changed([path])
}

/** It is the object that is meant. */
function requireObject(path: ByteString, { before, after }: Pick<Move, 'before' | 'after'>, disk: SyncDisk): void {
  requireKnown(path, { before, after }, disk)
  if (!holds(path, [before, after], disk)) throw new Changed([path])
}

/** Nothing stands there, but what is to. */
function requireFree(path: ByteString, shown: Shown | undefined, disk: SyncDisk): void {
  const found = disk.look(path)
  if (found === undefined || (shown !== undefined && isThere(found, shown))) return
  if (found === 'busy' || found === 'foreign') throw new Occupied()
  throw new Changed([path])
}

function isMoved({ from, to, before, after }: Move, disk: SyncDisk): boolean {
  return holds(to, [before, after], disk) && !holds(from, [before, after], disk)
}

function isReplaced({ path, shown }: Step, arrived: Shown | undefined, disk: SyncDisk): boolean {
  if (arrived === undefined || holds(path, [shown], disk)) return false
  return isThere(disk.look(path), arrived)
}

/** Whether an object stands there, in one of these states. */
function holds(path: ByteString, states: readonly Shown[], disk: SyncDisk): boolean {
  const found = disk.look(path)
  return states.some((shown) => isAlike(found, shown) && typeof found === 'object' && !isUnmarked(found, shown))
}

/** Whether it is what was to be made: any directory is, but no file that a person has made alike. */
function isThere(found: Looked, shown: Shown): boolean {
  if (typeof found !== 'object' || !isAlike(found, shown)) return false
  return found.kind === 'directory' || !isUnmarked(found, shown)
}

/** Whether a person sees the same; of directories but that it is one. */
function isAlike(found: Looked, shown: Shown): boolean {
  const { kind, content } = stateOf(shown)
  if (typeof found !== 'object' || found.kind !== kind) return false
  return kind === 'directory' || isSameContent(found.content, content)
}

function identityAt(path: ByteString, disk: SyncDisk): string | undefined {
  const found = disk.look(path)
  return typeof found === 'object' ? found.identity : undefined
}
