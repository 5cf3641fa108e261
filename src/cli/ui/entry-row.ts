/** One row of a directory's tree. */
import { createHash } from 'node:crypto'
import type { ListedEntry } from '../../daemon/control-api.ts'
import { formatBytes } from '../output.ts'
import { type Html, html } from './html.ts'
import { type Icon, icon } from './icons.ts'
import { addressOf, encodeName, shownName } from './names.ts'
import { stateBadge } from './state-badge.ts'
import { shownTime } from './times.ts'

const ICONS: Readonly<Record<ListedEntry['kind'], Icon>> = {
  folder: 'folder',
  directory: 'folder',
  file: 'file',
  plain: 'file',
  symlink: 'link',
  other: 'other',
}
const DEPTH_MAX = 8

export interface TreeRow {
  readonly entry: ListedEntry
  /** Below the directory that the page is about. */
  readonly inside: string
  /** Among how many directories that are open in place. */
  readonly depth: number
  /** Of a directory: it is open in place. */
  readonly isOpen: boolean
}

export interface RowLinks {
  /** The path that the page is about. */
  readonly directory: string
  /** Where the link leads that opens or closes this directory in place. */
  readonly toggle: string
}

export function entryRow({ entry, inside, depth, isOpen }: TreeRow, { directory, toggle }: RowLinks): Html {
  const { name, kind, size, mtimeMs, state, pinned, problem } = entry
  const shown = shownName(name)
  const id = rowId(inside)
  const canBeChosen = kind === 'file' || kind === 'directory'
  return html`<tr class="${depthClass(depth)}" id="${id}">
<td class="check">${canBeChosen && html`<input type="checkbox" name="name" value="${encodeName(inside)}" aria-label="${shown}">`}</td>
<th scope="row"><span class="name">${
    kind === 'directory'
      ? html`<a class="toggle" href="${toggle}#${id}" aria-expanded="${isOpen ? 'true' : 'false'}" aria-label="${isOpen ? 'Close' : 'Open'} ${shown}">${icon(isOpen ? 'open' : 'closed')}</a>`
      : html`<span class="toggle"></span>`
  }${icon(ICONS[kind])} ${
    kind === 'symlink' || kind === 'other'
      ? html`<bdi>${shown}</bdi>`
      : html`<a class="bare" href="${addressOf(`${directory}/${inside}`)}"><bdi>${shown}</bdi></a>`
  }</span></th>
<td class="state" id="${id}-state" data-live>${state !== undefined ? stateBadge(state) : kind === 'plain' && stateBadge('plain')}${
    pinned === true &&
    html` <span class="badge pinned" title="kept on this device: dfs pin">${icon('pin')} pinned</span>`
  }${problem !== undefined && html` <span class="trouble">${problem}</span>`}</td>
<td class="number">${(kind === 'file' || kind === 'plain') && formatBytes(size)}</td>
<td class="time">${shownTime(mtimeMs)}</td>
</tr>`
}

/** How far a row is moved in; the style sheet knows so many depths. */
export function depthClass(depth: number): string {
  return `depth-${Math.min(depth, DEPTH_MAX)}`
}

/** The same for a path every time, and of letters and digits. */
function rowId(inside: string): string {
  return `e-${createHash('sha256').update(encodeName(inside)).digest('hex').slice(0, 16)}`
}
