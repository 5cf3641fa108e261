/** The page of a file, also of one that was deleted: where it is, what can be done with it, and its earlier versions. */
import type { ListResult, Version } from '../../daemon/control-api.ts'
import { formatBytes } from '../output.ts'
import { ACTIONS } from './actions.ts'
import { crumbs } from './crumbs.ts'
import { actionButton } from './directory-page.ts'
import { type Html, html } from './html.ts'
import { icon } from './icons.ts'
import { addressOf, shownName } from './names.ts'
import type { Page } from './page.ts'
import { lookOf, stateBadge } from './state-badge.ts'
import { shownTime, timeText, versionMs } from './times.ts'

export interface FileView {
  readonly path: string
  readonly root: string
  /** Undefined if there is no such file now, or none that can be read. */
  readonly listing: ListResult | undefined
  /** Why it cannot be read. */
  readonly problem: string | undefined
  readonly versions: readonly Version[]
}

export function filePage(view: FileView): Page {
  const { path, root, listing, problem, versions } = view
  const name = shownName(path.slice(path.lastIndexOf('/') + 1))
  const isGone = listing === undefined && problem === undefined
  return {
    title: name,
    address: addressOf(path),
    status: isGone && versions.length === 0 ? 404 : 200,
    body: html`${crumbs(path, root)}
<h1><bdi>${name}</bdi></h1>
${problem !== undefined && html`<p class="trouble">${icon('bad')} ${problem}</p>`}
${isGone && html`<p class="empty">There is no file of this name${versions.length > 0 && ' any more'}.</p>`}
${listing && present(path, listing)}
<section aria-labelledby="versions"><h2 id="versions">Earlier versions</h2>${history(path, versions)}</section>`,
  }
}

function present(path: string, { self, localBytes }: ListResult): Html {
  const { kind, size, mtimeMs, state, pinned, problem } = self!
  return html`<dl class="facts" id="facts" data-live>
<div><dt>State</dt><dd>${stateBadge(state ?? kind)}${
    pinned === true && html` <span class="badge pinned">${icon('pin')} pinned</span>`
  } <span class="quiet">· ${lookOf(state ?? kind).about}</span></dd></div>
${problem !== undefined && html`<div><dt>Problem</dt><dd class="trouble">${problem}</dd></div>`}
<div><dt>Size</dt><dd>${formatBytes(size)}${localBytes !== undefined && localBytes < size && `, ${formatBytes(localBytes)} of it here`}</dd></div>
<div><dt>Changed</dt><dd>${shownTime(mtimeMs)}</dd></div>
</dl>
${
  kind === 'file' &&
  html`<form method="post" action="${addressOf(path)}"><input type="hidden" name="back" value="${addressOf(path)}"><input type="hidden" name="name" value=".">
<div class="toolbar" role="group" aria-label="With this file">${Object.entries(ACTIONS).map(actionButton)}</div></form>`
}`
}

function history(path: string, versions: readonly Version[]): Html {
  if (versions.length === 0) return html`<p class="quiet" id="history" data-live>None is kept.</p>`
  return html`<form method="post" action="${addressOf(path)}" id="history" data-live>
<input type="hidden" name="back" value="${addressOf(path)}"><input type="hidden" name="do" value="restore">
<table class="versions"><caption class="sr">Earlier versions, the newest first</caption>
<thead><tr><th scope="col">Until</th><th scope="col" class="number">Size</th><th scope="col"><span class="sr">Bring back</span></th></tr></thead>
<tbody>${versions.map(
    ({
      time,
      size,
    }) => html`<tr><th scope="row">${shownTime(versionMs(time), { toTheSecond: true })}</th><td class="number">${formatBytes(size)}</td>
<td class="act"><button class="small" name="at" value="${time}" title="dfs restore: what is there now becomes a version">Restore<span class="sr"> the version of until ${timeText(versionMs(time), { toTheSecond: true })}</span></button></td></tr>`,
  )}</tbody></table></form>`
}
