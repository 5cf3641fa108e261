/**
 * Byte strings to text and back. Names of the kernel are bytes; people and JavaScript read them as UTF-8.
 *
 * An exact text stands for any bytes: a byte that is not part of UTF-8 is the lone surrogate U+DC00 + byte, as in
 * Python (PEP 383). Such a text survives JSON, and is never shown to people as it is.
 */
import type { ByteString } from '../dfs.ts'

/** A byte in an exact text; with the flag, never a half of a pair. */
const LONE = /[\udc80-\udcff]/u
const PIECES = /([\udc80-\udcff])/u
/** One char of well-formed UTF-8 (Unicode 16, table 3-7), or a byte that is in none. */
const CHARS =
  /[\0-\x7f]+|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/g

/** The bytes of a text's UTF-8 form, or those that an exact text stands for. */
export function byteStringOf(text: string): ByteString {
  if (!LONE.test(text)) return Buffer.from(text, 'utf8').toString('latin1')
  return text
    .split(PIECES)
    .map((piece) =>
      LONE.test(piece)
        ? String.fromCharCode(piece.charCodeAt(0) - 0xdc00)
        : Buffer.from(piece, 'utf8').toString('latin1'),
    )
    .join('')
}

/** For people: what is not UTF-8 shows as U+FFFD, so this cannot be turned back. */
export function textOf(name: ByteString): string {
  return Buffer.from(name, 'latin1').toString('utf8')
}

/** The exact text of any bytes: `byteStringOf` turns it back. */
export function exactTextOf(name: ByteString): string {
  const text = textOf(name)
  if (!text.includes('\ufffd')) return text
  return name.replaceAll(CHARS, (char) => {
    const byte = char.charCodeAt(0)
    return char.length === 1 && byte > 0x7f ? String.fromCharCode(0xdc00 + byte) : textOf(char)
  })
}
