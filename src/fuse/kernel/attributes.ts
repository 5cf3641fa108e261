/** Attributes and entries as answers carry them. */
import type { Attributes } from '../../vfs/operations.ts'
import type { Reply } from './reply.ts'
import { ATTR, ATTR_OUT, ENTRY_OUT } from './structs.ts'

/**
 * How long the kernel may answer from what it was told: until it is told otherwise, for all that changes below the
 * mount goes through it, and of the rest it gets notice.
 */
const VALID_SECONDS = 365 * 86_400

/** In the unit in which the kernel caches; a larger one would only make it keep account of smaller parts. */
const BLOCK_BYTES = 4096

export interface Validity {
  readonly entrySeconds: number
  readonly attributesSeconds: number
}

export const LASTING: Validity = { entrySeconds: VALID_SECONDS, attributesSeconds: VALID_SECONDS }
/** For what others may change too, now and then. */
export const BRIEF: Validity = { entrySeconds: 1, attributesSeconds: 1 }
/** For what changes without the kernel's doing. */
export const FLEETING: Validity = { entrySeconds: 0, attributesSeconds: 0 }

export function encodeAttr(reply: Reply, at: number, attributes: Attributes): void {
  const { statIno, mode, nlink, uid, gid, rdev, size, blocks, atimeNs, mtimeNs, ctimeNs } = attributes
  reply.u64(at + ATTR.ino, statIno)
  reply.u64(at + ATTR.size, size)
  reply.u64(at + ATTR.blocks, blocks)
  reply.time(at + ATTR.atime, at + ATTR.atimensec, atimeNs)
  reply.time(at + ATTR.mtime, at + ATTR.mtimensec, mtimeNs)
  reply.time(at + ATTR.ctime, at + ATTR.ctimensec, ctimeNs)
  reply.u32(at + ATTR.mode, mode)
  reply.u32(at + ATTR.nlink, nlink)
  reply.u32(at + ATTR.uid, uid)
  reply.u32(at + ATTR.gid, gid)
  reply.u32(at + ATTR.rdev, rdev)
  reply.u32(at + ATTR.blksize, BLOCK_BYTES)
}

export function encodeEntry(reply: Reply, at: number, attributes: Attributes, validity: Validity): void {
  reply.u64(at + ENTRY_OUT.nodeid, attributes.ino)
  reply.u64(at + ENTRY_OUT.entryValid, validity.entrySeconds)
  reply.u64(at + ENTRY_OUT.attrValid, validity.attributesSeconds)
  encodeAttr(reply, at + ENTRY_OUT.attr, attributes)
}

/** There is no such name, which the kernel may remember. */
export function encodeNoEntry(reply: Reply, validity: Validity): void {
  reply.begin(ENTRY_OUT.bytes)
  reply.u64(ENTRY_OUT.entryValid, validity.entrySeconds)
}

export function encodeAttrOut(reply: Reply, attributes: Attributes, validity: Validity): void {
  reply.begin(ATTR_OUT.bytes)
  reply.u64(ATTR_OUT.attrValid, validity.attributesSeconds)
  encodeAttr(reply, ATTR_OUT.attr, attributes)
}
