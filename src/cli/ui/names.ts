/**
 * Names and paths of files, as people see them on a page and as they stand in its addresses. In here they are exact texts
 * (see `bytes/byte-string`); names may hold anything but a slash and NUL.
 */
import { byteStringOf, exactTextOf } from '../../bytes/byte-string.ts'

/**
 * What could break a line, or reverse or hide what stands around it: control characters, those that say how text runs,
 * separators of lines, and bytes that are no text.
 */
const HIDDEN = /[\0-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\udc80-\udcff]/gu
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r' }

/** One line: `\n`, `\x1b`, `\u202e` for what would not show as itself, `\xff` for a byte that is no text. */
export function shownName(exact: string): string {
  return exact.replaceAll(HIDDEN, (char) => {
    const code = char.charCodeAt(0)
    if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`
    if (code > 0xff) return `\\u${code.toString(16).padStart(4, '0')}`
    return SHORT[char] ?? `\\x${code.toString(16).padStart(2, '0')}`
  })
}

/** ASCII that `decodeName` turns back: each byte that is not plain in an address is `%XX`; slashes stay. */
export function encodeName(exact: string): string {
  return byteStringOf(exact).replaceAll(
    /[^A-Za-z0-9._~/-]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}

/** Undefined for what `encodeName` cannot have made of a name or path. */
export function decodeName(encoded: string): string | undefined {
  if (!/^(?:[!-$&-~]|%[0-9A-Fa-f]{2})*$/.test(encoded)) return undefined
  const bytes = encoded.replaceAll(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return bytes.includes('\0') ? undefined : exactTextOf(bytes)
}

const FILES = '/files'

/** The address of the page about an absolute path. */
export function addressOf(path: string): string {
  return FILES + encodeName(path)
}

/** The path that an address is about; undefined if it is about none. `address`: what stands before the `?`, as it was sent. */
export function pathOfAddress(address: string): string | undefined {
  if (!address.startsWith(`${FILES}/`)) return undefined
  const path = decodeName(address.slice(FILES.length))
  // What a browser keeps of dots is no path of ours, and neither is an empty name.
  return path === undefined || path.split('/').slice(1).some(isNoName) ? undefined : path
}

export function isNoName(part: string): boolean {
  return part === '' || part === '.' || part === '..'
}
