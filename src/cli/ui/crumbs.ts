/** The way to a path: its folder, and each directory below it, as links. */
import type { ListedEntry } from '../../daemon/control-api.ts'
import { type Html, html } from './html.ts'
import { icon } from './icons.ts'
import { addressOf, shownName } from './names.ts'

/** The folder that a path is in, by its own path or its mount point, and what names it on the way; undefined if none. */
export function folderOf(path: string, folders: readonly ListedEntry[]): string | undefined {
  const roots = folders.flatMap(({ name, mountpoint }) => (mountpoint === undefined ? [name] : [name, mountpoint]))
  return roots.filter((root) => path === root || path.startsWith(`${root}/`)).sort((a, b) => b.length - a.length)[0]
}

export function crumbs(path: string, root: string): Html {
  const names = path
    .slice(root.length + 1)
    .split('/')
    .filter(Boolean)
  const steps = [{ path: root, name: root.slice(root.lastIndexOf('/') + 1) }]
  const mark = (index: number) => index === 0 && html`${icon('folder')} `
  for (const name of names) steps.push({ path: `${steps.at(-1)!.path}/${name}`, name })
  return html`<nav aria-label="Path"><ol class="crumbs"><li><a class="bare" href="/">Overview</a></li>${steps.map(
    (step, index) =>
      index === steps.length - 1
        ? html`<li aria-current="page">${mark(index)}<bdi>${shownName(step.name)}</bdi></li>`
        : html`<li><a class="bare" href="${addressOf(step.path)}">${mark(index)}<bdi>${shownName(step.name)}</bdi></a></li>`,
  )}</ol></nav>`
}
