/** Files that two devices changed at once, with all their versions: which of them is to stay is chosen on the overview. */
import type { ConflictInfo } from '../../daemon/control-api.ts'
import { kindOf } from '../../errors.ts'
import { formatBytes, formatCount } from '../output.ts'
import type { Ask } from './ask.ts'
import { type Html, html } from './html.ts'
import { icon } from './icons.ts'
import type { Work } from './jobs.ts'
import { addressOf, shownName } from './names.ts'
import { shownTime } from './times.ts'

/** More stand in the page when these are settled. */
const SHOWN_MAX = 20

/** What there is under one of the names. */
export interface ConflictVersion {
  readonly path: string
  readonly size: number
  /** In ms since 1970. */
  readonly mtimeMs: number
}

/** A file, and what was made of it: the one that has its name first, then the copies beside it. */
export interface Conflict {
  readonly original: string
  readonly versions: readonly ConflictVersion[]
}

export interface Conflicts {
  readonly shown: readonly Conflict[]
  /** How many there are. */
  readonly total: number
}

/** All that are known in folders that are open. */
export async function findConflicts(ask: Ask): Promise<Conflicts> {
  const { conflicts } = await ask('conflicts', {})
  const byOriginal = Map.groupBy(conflicts, ({ original }: ConflictInfo) => original)
  const first = [...byOriginal].slice(0, SHOWN_MAX)
  const shown = await Promise.all(
    first.map(async ([original, copies]) => {
      const paths = [original, ...copies.map(({ path }) => path)]
      const versions = await Promise.all(paths.map((path) => versionAt(ask, path)))
      return { original, versions: versions.filter((version) => version !== undefined) }
    }),
  )
  return { shown, total: byOriginal.size }
}

/** Keeps the version at this path, under the name that all of them want. */
export function keeping(ask: Ask, path: string): Work {
  return async (options) => {
    const kept = await ask('conflictsKeep', { path }, options)
    return { said: `Kept; ${formatCount(kept.removed, 'other version')} gone to the earlier versions`, details: [] }
  }
}

/** Hidden while there are none. */
export function conflictSection(conflicts: Conflicts | undefined): Html {
  const { shown, total } = conflicts ?? { shown: [], total: 0 }
  if (total === 0) return html`<section id="conflicts" data-live aria-label="Conflicts" hidden></section>`
  return html`<section id="conflicts" data-live aria-label="Conflicts">
<h2>Changed on two devices at once</h2>
<p class="quiet">Both versions are kept, on all your devices, until you choose. What you do not keep is among the earlier versions.</p>
<ul class="conflicts">${shown.map(conflictCard)}</ul>
${total > shown.length && html`<p class="quiet">And ${formatCount(total - shown.length, 'more file')}: <code>dfs conflicts</code></p>`}
</section>`
}

function conflictCard({ original, versions }: Conflict): Html {
  return html`<li class="card"><h3>${icon('bad')} <bdi>${shownName(lastOf(original))}</bdi></h3>
<p class="quiet path"><bdi>${shownName(original.slice(0, original.lastIndexOf('/')))}</bdi></p>
<ul class="choices">${versions.map(choice)}</ul></li>`
}

function choice({ path, size, mtimeMs }: ConflictVersion): Html {
  const name = shownName(lastOf(path))
  return html`<li><a class="bare path" href="${addressOf(path)}"><bdi>${name}</bdi></a>
<span class="quiet">${shownTime(mtimeMs)}, ${formatBytes(size)}</span>
<form method="post" action="${addressOf(path)}"><input type="hidden" name="back" value="/"><button class="small" name="do" value="keep" aria-label="Keep this: ${name}" title="dfs conflicts keep: the others become earlier versions">Keep this</button></form></li>`
}

/** Undefined if nothing is there any more. */
async function versionAt(ask: Ask, path: string): Promise<ConflictVersion | undefined> {
  const listed = await ask('list', { path, limit: 0 }).catch((error) => {
    if (kindOf(error) !== 'not-found') throw error
  })
  return listed?.self && { path, size: listed.self.size, mtimeMs: listed.self.mtimeMs }
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
