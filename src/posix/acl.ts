/**
 * Access control lists, as the kernel passes them in extended attributes (linux/posix_acl_xattr.h, little-endian):
 * u32 version, then entries of u16 tag, u16 permissions, u32 id.
 *
 * What is not such a list is left to the kernel to refuse.
 */

/** Names of the attributes. */
export const ACL = { ACCESS: 'system.posix_acl_access', DEFAULT: 'system.posix_acl_default' } as const

const VERSION = 2
const HEAD_BYTES = 4
const ENTRY_BYTES = 8
const PERMISSIONS_AT = 2
const TAG = { USER_OBJ: 1, GROUP_OBJ: 4, MASK: 16, OTHER: 32 } as const

/** The permission bits that an access list stands for, 0o777; undefined for what is no list. */
export function modeOfAcl(list: Buffer): number | undefined {
  const at = entriesByTag(list)
  if (at === undefined) return undefined
  const bits = (tag: number) => list.readUInt16LE(at.get(tag)! + PERMISSIONS_AT) & 7
  return (bits(TAG.USER_OBJ) << 6) | (bits(groupTag(at)) << 3) | bits(TAG.OTHER)
}

/** The list as chmod makes it: owner, mask (without one the owning group) and others have the mode's bits. */
export function aclWithMode(list: Buffer, mode: number): Buffer {
  const at = entriesByTag(list)
  if (at === undefined) return list
  const changed = Buffer.from(list)
  const put = (tag: number, bits: number) => changed.writeUInt16LE(bits & 7, at.get(tag)! + PERMISSIONS_AT)
  put(TAG.USER_OBJ, mode >> 6)
  put(groupTag(at), mode >> 3)
  put(TAG.OTHER, mode)
  return changed
}

function groupTag(at: ReadonlyMap<number, number>): number {
  return at.has(TAG.MASK) ? TAG.MASK : TAG.GROUP_OBJ
}

/** Where the entries stand of which there is one each; undefined if one is missing that every list has. */
function entriesByTag(list: Buffer): ReadonlyMap<number, number> | undefined {
  if (list.length < HEAD_BYTES || (list.length - HEAD_BYTES) % ENTRY_BYTES !== 0) return undefined
  if (list.readUInt32LE(0) !== VERSION) return undefined
  const found = new Map<number, number>()
  for (let at = HEAD_BYTES; at < list.length; at += ENTRY_BYTES) found.set(list.readUInt16LE(at), at)
  const required = [TAG.USER_OBJ, TAG.GROUP_OBJ, TAG.OTHER]
  return required.every((tag) => found.has(tag)) ? found : undefined
}
