/** The content of a file as a stub slot or a journal record carries it: a number for its kind, and bytes. */
import type { Content } from '../dfs.ts'
import { BLOCK_REF_BYTES, readBlockRef, writeBlockRef } from './block-ref.ts'
import { decodeNode } from './manifest.ts'
import { requireRule } from './refuse.ts'

const KINDS: readonly Content['kind'][] = ['inline', 'root', 'ref']

/** The number that stands for the kind of a content. */
export function contentKindNumber(content: Content): number {
  return KINDS.indexOf(content.kind)
}

/** The bytes of a content, without its kind: the file itself, the root node's plaintext, or a block reference. */
export function contentBytes(content: Content): Buffer {
  if (content.kind === 'inline') return content.bytes
  if (content.kind === 'root') return content.node
  const bytes = Buffer.allocUnsafe(BLOCK_REF_BYTES)
  writeBlockRef(bytes, 0, content.ref)
  return bytes
}

/** The reverse of the two above; the content points into `bytes`. Fails with `corrupt`, `newer-version`. */
export function decodeContent(kindNumber: number, bytes: Buffer): Content {
  const kind = KINDS[kindNumber]
  requireRule(kind !== undefined, 'content: unknown kind')
  if (kind === 'inline') return { kind, bytes }
  if (kind === 'root') {
    decodeNode(bytes)
    return { kind, node: bytes }
  }
  requireRule(bytes.length === BLOCK_REF_BYTES, 'content: not one block reference')
  const ref = readBlockRef(bytes, 0)
  requireRule(ref !== undefined, 'content: the reference is a hole')
  return { kind, ref }
}
