/**
 * Files that have to be written before a step to the disk brings them: what a plan needs, and beforehand what plans will
 * most likely need, so that many are written at once.
 */
import type { ObjectId } from '../format/sync-entry.ts'
import type { Plan } from './apply-plan.ts'
import type { Incoming, SyncDisk } from './disk.ts'
import { isSameContent } from './entry-merge.ts'
import { pathsOf } from './find-shown.ts'
import { stateOf, stateOfEntry } from './object-state.ts'
import type { ShownTree } from './shown-tree.ts'
import type { SyncIndex } from './sync-index.ts'

/** What these objects most likely need; `before`: what the disk is known to show. */
export async function guessIncoming(
  ids: readonly ObjectId[],
  index: SyncIndex,
  before: ShownTree,
): Promise<Incoming[]> {
  const files: Incoming[] = []
  for (const id of ids) {
    const entry = await index.get(id)
    if (entry?.content.value?.kind !== 'file') continue
    const known = await index.onDisk.get(id)
    if (known?.content.value !== undefined && isSameContent(known.content.value, entry.content.value)) continue
    const [home] = await pathsOf(before, known)
    files.push({ id, state: stateOfEntry(entry), over: home?.path })
  }
  return files
}

/** Files that are made, and those that keep or change their place and are to have another content. */
export function incomingOf({ makes, moves, stays }: Plan, disk: SyncDisk): Incoming[] {
  const kept = [
    ...moves.map(({ from, after }) => ({ path: from, shown: after })),
    ...stays.map(({ path, after }) => ({ path, shown: after })),
  ]
  const changed = kept.filter(({ path, shown }) => {
    const found = disk.look(path)
    return typeof found !== 'object' || !isSameContent(found.content, stateOf(shown).content)
  })
  return [...makes, ...changed]
    .filter(({ shown }) => shown.objects[0].entry.kind === 'file')
    .map(({ path, shown }) => ({ id: shown.objects[0].entry.id, state: stateOf(shown), over: path }))
}
