/** Moments as pages show them: in this machine's time zone, with the exact one for programs. */
import { type Html, html } from './html.ts'

/** Empty for what is no moment, or not known. */
export function shownTime(atMs: number, { toTheSecond = false } = {}): Html {
  if (atMs === 0 || Number.isNaN(atMs)) return html``
  return html`<time datetime="${new Date(atMs).toISOString()}">${timeText(atMs, { toTheSecond })}</time>`
}

/** `2026-11-23 19:54`, `2026-11-23 19:54:38`. */
export function timeText(atMs: number, { toTheSecond = false } = {}): string {
  const at = new Date(atMs)
  const two = (part: number) => String(part).padStart(2, '0')
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  const minute = `${two(at.getHours())}:${two(at.getMinutes())}`
  return `${day} ${minute}${toTheSecond ? `:${two(at.getSeconds())}` : ''}`
}

/** When a version ended, by its name (`20261122T203015.042Z`), in ms since 1970; NaN for what is none. */
export function versionMs(name: string): number {
  return Date.parse(name.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)\./, '$1-$2-$3T$4:$5:$6.'))
}
