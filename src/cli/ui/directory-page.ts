/**
 * The page of a directory: its entries with the state of each file, a hundred at a time, and what can be done with those that
 * are chosen. Directories open in place, as a tree, by links.
 */
import type { ListResult } from '../../daemon/control-api.ts'
import { ACTIONS, type Action } from './actions.ts'
import { crumbs } from './crumbs.ts'
import { depthClass, entryRow } from './entry-row.ts'
import { type Html, html } from './html.ts'
import { addressOf, encodeName, shownName } from './names.ts'
import type { Page } from './page.ts'

export const PAGE_ENTRIES = 100
/** Of a directory that is opened in place, so many are shown there. */
export const BRANCH_ENTRIES = 100
export const BRANCHES_MAX = 20

/** A directory, and those below it that are open in place. */
export interface DirectoryView {
  readonly path: string
  readonly root: string
  readonly listing: ListResult
  /** From 1 on. */
  readonly page: number
  /** By the path below the directory. */
  readonly branches: ReadonlyMap<string, ListResult>
}

export function directoryPage(view: DirectoryView): Page {
  const { path, root, listing } = view
  const name = shownName(path.slice(path.lastIndexOf('/') + 1))
  return {
    title: name,
    address: addressWith(view),
    body: html`${crumbs(path, root)}
<h1><bdi>${name}</bdi></h1>
<form method="post" action="${addressOf(path)}">
<input type="hidden" name="back" value="${addressWith(view)}">
<div class="toolbar" role="group" aria-label="With what is chosen">${Object.entries(ACTIONS).map(actionButton)}</div>
<p class="all"><label><input type="checkbox" name="name" value="."> Everything in here, directories and other pages too</label></p>
${
  listing.total === 0
    ? html`<p class="empty">Nothing is in here.</p>`
    : html`<table class="tree"><caption class="sr">What is in ${name}</caption>
<thead><tr><th scope="col" class="check"><span class="sr">Chosen</span></th><th scope="col">Name</th><th scope="col">State</th><th scope="col" class="number">Size</th><th scope="col" class="time">Changed</th></tr></thead>
<tbody id="entries" data-live>${rowsOf(view, listing, '', 0)}</tbody></table>`
}
</form>
${pager(view)}
<form class="find" method="get" action="${addressOf(path)}"><label for="find">Go to a file by its name, also one that was deleted</label>
<span><input id="find" name="name" type="text" required autocomplete="off" spellcheck="false"> <button>Go</button></span></form>`,
  }
}

export function actionButton([name, { label, about }]: [string, Action]): Html {
  return html`<button name="do" value="${name}" title="${about}">${label}</button>`
}

/** Of a directory `above` the page's: its entries, each followed by what is in it if it is open in place. */
function rowsOf(view: DirectoryView, listing: ListResult, above: string, depth: number): Html[] {
  const rows = listing.entries.flatMap((entry) => {
    const inside = above === '' ? entry.name : `${above}/${entry.name}`
    const branch = entry.kind === 'directory' ? view.branches.get(inside) : undefined
    const row = { entry, inside, depth, isOpen: branch !== undefined }
    const own = entryRow(row, { directory: view.path, toggle: toggleOf(view, inside) })
    return branch === undefined ? [own] : [own, ...rowsOf(view, branch, inside, depth + 1)]
  })
  const left = depth === 0 ? 0 : listing.total - listing.entries.length
  return left <= 0 ? rows : [...rows, moreRow(`${view.path}/${above}`, left, depth)]
}

function moreRow(path: string, left: number, depth: number): Html {
  return html`<tr class="${depthClass(depth)}"><td></td><th scope="row" colspan="4"><a href="${addressOf(path)}">${left.toLocaleString('en')} more…</a></th></tr>`
}

/** Where the link leads that opens or closes a directory in place; with it close those below. */
function toggleOf(view: DirectoryView, inside: string): string {
  const open = [...view.branches.keys()]
  const isAtOrBelow = (other: string) => other === inside || other.startsWith(`${inside}/`)
  const others = open.filter((other) => !isAtOrBelow(other))
  return addressWith(view, { open: view.branches.has(inside) ? others : [...open, inside] })
}

/** This page, or another that differs in something. */
export function addressWith(
  { path, page, branches }: Pick<DirectoryView, 'path' | 'page' | 'branches'>,
  changed: { page?: number; open?: readonly string[] } = {},
): string {
  const { page: number = page, open = [...branches.keys()] } = changed
  const query = [
    ...(number === 1 ? [] : [`page=${number}`]),
    ...open.slice(-BRANCHES_MAX).map((inside) => `open=${encodeURIComponent(encodeName(inside))}`),
  ]
  return addressOf(path) + (query.length === 0 ? '' : `?${query.join('&')}`)
}

function pager(view: DirectoryView): Html {
  const { listing, page } = view
  const pages = Math.ceil(listing.total / PAGE_ENTRIES)
  const first = (page - 1) * PAGE_ENTRIES + 1
  const last = Math.min(page * PAGE_ENTRIES, listing.total)
  if (pages <= 1)
    return html`<p class="quiet" id="count" data-live>${listing.total === 1 ? '1 entry' : `${listing.total} entries`}</p>`
  const link = (to: number, label: string, rel: string) =>
    to < 1 || to > pages || to === page
      ? html`<span class="off">${label}</span>`
      : html`<a href="${addressWith(view, { page: to, open: [] })}" rel="${rel}">${label}</a>`
  return html`<nav class="pager" aria-label="Pages" id="count" data-live>
${link(1, 'First', 'first')} ${link(page - 1, 'Previous', 'prev')}
<span>${first.toLocaleString('en')}–${last.toLocaleString('en')} of ${listing.total.toLocaleString('en')}</span>
${link(page + 1, 'Next', 'next')} ${link(pages, 'Last', 'last')}
<form method="get" action="${addressOf(view.path)}"><label>Page <input name="page" type="number" min="1" max="${pages}" value="${page}"></label> <button class="small">Go</button></form>
</nav>`
}
