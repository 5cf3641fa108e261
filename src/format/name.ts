/**
 * Names of devices and owners, for people: a length byte, then 1 to 64 bytes of UTF-8 without control characters. They come
 * from other people's machines, so what could confuse a terminal or hide a difference is refused, not shown.
 */
import type { Reader, Writer } from '../bytes/cursor.ts'
import { requireRule } from './refuse.ts'

export const NAME_BYTES_MAX = 64

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** Control and format characters, and line ends: nothing of a name. */
const NOT_SHOWN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u

/** Fails with a RangeError unless `fitName` made the name. */
export function writeName(writer: Writer, name: string): void {
  const bytes = Buffer.from(name, 'utf8')
  if (fitName(name) !== name) throw new RangeError('a name that cannot be written')
  writer.u8(bytes.length).bytes(bytes)
}

/** Fails with `corrupt`. */
export function readName(reader: Reader): string {
  const length = reader.u8()
  requireRule(length > 0 && length <= NAME_BYTES_MAX, 'name: impossible length')
  const name = decodeUtf8(reader.bytes(length))
  requireRule(name !== undefined && !NOT_SHOWN.test(name), 'name: not a text that can be shown')
  return name
}

/** The nearest name that can be written: without what is not shown, cut at a character after 64 bytes; never empty. */
export function fitName(text: string): string {
  let name = ''
  for (const char of text.toWellFormed()) {
    if (NOT_SHOWN.test(char)) continue
    if (Buffer.byteLength(name + char) > NAME_BYTES_MAX) break
    name += char
  }
  return name === '' ? '?' : name
}

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}
