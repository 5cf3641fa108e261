/**
 * What is to be done for some objects so that the disk shows what the index does: a group of objects that have to do with
 * each other's names, and for it the steps from the paths that they have to those that they get.
 */
import type { ByteString } from '../dfs.ts'
import { joinPath } from '../format/head-path.ts'
import { type ObjectId, type Place, ROOT_ID, type SyncEntry } from '../format/sync-entry.ts'
import { isAlive } from './entry-merge.ts'
import { isSameObject, pathOfWay, shownIn } from './find-shown.ts'
import type { Directory, Shown, ShownTree, TreeSource } from './shown-tree.ts'

/** Names by path. */
export type Names = ReadonlyMap<ByteString, Shown>

export interface Group {
  readonly ids: ReadonlySet<ObjectId>
  /** What of it is shown where, now and then. */
  readonly before: Names
  readonly after: Names
  /** Something of it cannot be shown before something else has come. */
  readonly isWaiting: boolean
}

export interface Step {
  readonly path: ByteString
  readonly shown: Shown
}

export interface Move {
  readonly from: ByteString
  readonly to: ByteString
  readonly before: Shown
  readonly after: Shown
}

export interface Plan {
  readonly moves: readonly Move[]
  readonly links: readonly { readonly from: ByteString; readonly to: ByteString; readonly shown: Shown }[]
  readonly makes: readonly Step[]
  /** What keeps its path, from what it is to what it is to be. */
  readonly stays: readonly { readonly path: ByteString; readonly before: Shown; readonly after: Shown }[]
  readonly removals: readonly Step[]
}

export interface Sides {
  readonly before: Side
  readonly after: Side
  /** Whether the disk shows another state of an object than it is to. */
  isBehind(id: ObjectId): boolean
}

/** One of the two sides of a group. */
interface Side {
  readonly source: TreeSource
  readonly tree: ShownTree
}

/**
 * The object, what has or is to have one of its names, directories that it is to be in and that are not on the disk as they
 * are to be, and so on. Costs as much as there is in the group.
 */
export async function groupOf(id: ObjectId, sides: Sides): Promise<Group> {
  const gathering = new Gathering(sides)
  await gathering.add(id)
  return gathering
}

class Gathering implements Group {
  readonly #sides: Sides
  readonly ids = new Set<ObjectId>()
  readonly before = new Map<ByteString, Shown>()
  readonly after = new Map<ByteString, Shown>()
  isWaiting = false
  #left: ObjectId[] = []
  /** Directories that something of it is in now. */
  readonly #former = new Set<ObjectId>()

  constructor(sides: Sides) {
    this.#sides = sides
  }

  async add(id: ObjectId): Promise<void> {
    this.#left.push(id)
    while (this.#left.length > 0) {
      for (let next = this.#left.pop(); next !== undefined; next = this.#left.pop()) {
        if (this.ids.has(next)) continue
        this.ids.add(next)
        await this.#visit(next)
      }
      // A directory that nothing but this has kept goes with it.
      for (const directory of this.#former) {
        if (!this.ids.has(directory) && (await this.#isLeaving(directory)) && (await this.#isLeftEmpty(directory))) {
          this.#left.push(directory)
        }
      }
    }
    for (const one of this.ids) {
      if ((await this.#isLeaving(one)) && !(await this.#isLeftEmpty(one))) this.isWaiting = true
    }
  }

  async #visit(id: ObjectId): Promise<void> {
    const { before, after } = this.#sides
    const was = await before.source.get(id)
    const is = await after.source.get(id)
    const wanted = isNamed(is) ? after.tree.placesOf(is) : []
    const known = isNamed(was) ? before.tree.placesOf(was) : []
    for (const place of [...known, ...wanted]) {
      for (const one of (await this.#gather(before, this.before, place)) ?? []) this.#former.add(one)
      const way = await this.#gather(after, this.after, place)
      const isWanted = wanted.includes(place)
      if (way === undefined && isWanted && isAlive(is!)) this.isWaiting = true
      if (isWanted) {
        for (const one of way ?? []) if (!(await this.#isOnDisk(one))) this.#left.push(one)
      }
    }
    // A directory that is deleted is shown while something is in it.
    const isKept = [was, is].some((entry) => entry?.kind === 'directory' && !isAlive(entry))
    if (isKept) this.#left.push(...(await childrenOf(id, before, after)))
    if (was?.kind !== 'directory') return
    const merged = await merging(id, before, after)
    this.#left.push(...merged)
    if (merged.length > 0) this.#left.push(...(await childrenOf(id, before, after)))
  }

  /** What has a name, or would have it; the ids of the directories on the way to it, undefined if it leads nowhere. */
  async #gather(
    { source, tree }: Side,
    names: Map<ByteString, Shown>,
    { parent, name }: Place,
  ): Promise<ObjectId[] | undefined> {
    const way = await tree.wayTo(parent)
    if (way === undefined) return undefined
    const { directory } = way.at(-1)!
    for (const place of directory) for await (const one of source.readChildren(place, name)) this.#left.push(one.id)
    const namesakes = await tree.namesake(directory, name)
    // What is shown by this name may ask for another one.
    const shownSo = await shownIn(tree, directory, name)
    for (const shown of new Set(shownSo === undefined ? namesakes : [...namesakes, shownSo])) {
      names.set(joinPath(pathOfWay(way), shown.name), shown)
      this.#left.push(...shown.objects.map((one) => one.entry.id))
    }
    return way.slice(1).flatMap((one) => one.directory)
  }

  /** Whether a directory is on the disk as it is to be. */
  async #isOnDisk(id: ObjectId): Promise<boolean> {
    const { before, after } = this.#sides
    if (this.#sides.isBehind(id) || before.source.loops.has(id) !== after.source.loops.has(id)) return false
    return (await before.tree.wayTo(id)) !== undefined
  }

  /** Whether it is a directory that is on the disk, and is not to be. */
  async #isLeaving(id: ObjectId): Promise<boolean> {
    const { before, after } = this.#sides
    const was = await before.tree.wayTo(id)
    return id !== ROOT_ID && was !== undefined && (await after.tree.wayTo(id)) === undefined
  }

  /** Whether nothing is left in a directory without what is gathered. */
  async #isLeftEmpty(id: ObjectId): Promise<boolean> {
    const { source, tree } = this.#sides.before
    for (const one of (await tree.wayTo(id))!.at(-1)!.directory) {
      // Of many, most often the first says it.
      for await (const child of source.readChildren(one)) {
        if (!this.ids.has(child.id) && (isAlive(child) || (await tree.wayTo(child.id)) !== undefined)) return false
      }
    }
    return true
  }
}

export function planOf({ before, after }: Group): Plan {
  const plan = { moves: [], links: [], makes: [], stays: [], removals: [] } as {
    -readonly [K in keyof Plan]: Plan[K][number][]
  }
  const left = new Map(before)
  const stays = new Map<ByteString, Shown>()
  for (const [path, shown] of after) {
    const was = before.get(path)
    if (was === undefined || !isSameObject(was, shown)) continue
    plan.stays.push({ path, before: was, after: shown })
    stays.set(path, shown)
    left.delete(path)
  }
  for (const [to, shown] of after) {
    if (stays.has(to)) continue
    const former = [...left].find(([, was]) => isSameObject(was, shown))
    if (former !== undefined) {
      const [from, was] = former
      plan.moves.push({ from, to, before: was, after: shown })
      left.delete(from)
      continue
    }
    const other = [
      ...stays,
      ...plan.moves.map((move) => [move.to, move.after] as const),
      ...plan.makes.map((make) => [make.path, make.shown] as const),
    ]
    const linked = isDirectory(shown) ? undefined : other.find(([, there]) => isSameObject(there, shown))?.[0]
    if (linked === undefined) plan.makes.push({ path: to, shown })
    else plan.links.push({ from: linked, to, shown })
  }
  for (const [path, shown] of left) plan.removals.push({ path, shown })
  return takenOut(plan)
}

/** What keeps its path while the directory that it is in leaves has to be taken out of it. */
function takenOut(plan: Plan): Plan {
  const leaving = [...plan.moves.map(({ from }) => from), ...plan.removals.map(({ path }) => path)]
  const moves = plan.stays.filter(({ path }) => leaving.some((one) => path.startsWith(`${one}/`)))
  if (moves.length === 0) return plan
  return {
    ...plan,
    moves: [...plan.moves, ...moves.map(({ path, before, after }) => ({ from: path, to: path, before, after }))],
    stays: plan.stays.filter((stay) => !moves.includes(stay)),
  }
}

function isDirectory({ objects }: Shown): boolean {
  return objects[0].entry.kind === 'directory'
}

function isNamed(entry: SyncEntry | undefined): entry is SyncEntry {
  return entry !== undefined && (isAlive(entry) || entry.kind === 'directory')
}

/** Directories that are one with this on one side and not on the other, so that what is in them changes its path. */
async function merging(id: ObjectId, before: Side, after: Side): Promise<ObjectId[]> {
  const was = await shownWith(id, before)
  const is = await shownWith(id, after)
  if (was === undefined || (is !== undefined && isEqualSet(was, is))) return []
  if (is === undefined) return was.length > 1 ? [...was] : []
  // What only comes to it brings its own children.
  const others = [...new Set([...was, ...is])].filter((one) => one !== id)
  const known: ObjectId[] = []
  for (const one of others) if ((await shownWith(one, before)) !== undefined) known.push(one)
  return known
}

async function shownWith(id: ObjectId, { tree }: Side): Promise<Directory | undefined> {
  return (await tree.wayTo(id))?.at(-1)?.directory
}

async function childrenOf(id: ObjectId, before: Side, after: Side): Promise<ObjectId[]> {
  const ids: ObjectId[] = []
  for (const { source } of [before, after]) for await (const child of source.readChildren(id)) ids.push(child.id)
  return ids
}

function isEqualSet(a: Directory, b: Directory): boolean {
  return a.length === b.length && a.every((id, at) => b[at] === id)
}

/** Where something is once a directory that it is in was moved. */
export function movedWith(path: ByteString, moves: readonly Move[]): ByteString {
  const around = moves.filter(({ from }) => path.startsWith(`${from}/`))
  const [nearest] = around.sort((a, b) => b.from.length - a.from.length)
  return nearest === undefined ? path : nearest.to + path.slice(nearest.from.length)
}
