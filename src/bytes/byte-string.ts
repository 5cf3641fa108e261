/**
 * Byte strings to text and back. Names of the kernel are bytes; people and JavaScript read them as UTF-8.
 */
import type { ByteString } from '../dfs.ts'

/** The bytes of a text's UTF-8 form. */
export function byteStringOf(text: string): ByteString {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** For people: what is not UTF-8 shows as U+FFFD, so this cannot be turned back. */
export function textOf(name: ByteString): string {
  return Buffer.from(name, 'latin1').toString('utf8')
}
