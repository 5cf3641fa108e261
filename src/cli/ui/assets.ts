/** The files beside the pages, served as they are: style, script and icon. There are no others, from anywhere. */
import { readFileSync } from 'node:fs'

/** As far above the sources as above what is built of them. */
const DIRECTORY = new URL('../../../assets/ui/', import.meta.url)

export interface Asset {
  readonly type: string
  readonly bytes: Buffer
}

const TYPES = {
  '/base.css': 'text/css; charset=utf-8',
  '/parts.css': 'text/css; charset=utf-8',
  '/tables.css': 'text/css; charset=utf-8',
  '/page.js': 'text/javascript; charset=utf-8',
  '/icon.svg': 'image/svg+xml',
} as const

/** By the path in their addresses. */
export function readAssets(): ReadonlyMap<string, Asset> {
  return new Map(
    Object.entries(TYPES).map(([path, type]) => [
      path,
      { type, bytes: readFileSync(new URL(path.slice(1), DIRECTORY)) },
    ]),
  )
}
