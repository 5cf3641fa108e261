/** Requests on attributes, extended ones too, and on the whole file system. */
import { whenReady } from '../../concurrency/when-ready.ts'
import type { ByteString, Ino } from '../../dfs.ts'
import type { AttributeChanges, Attributes, Awaitable, FilesystemStatistics, Time } from '../../vfs/operations.ts'
import { errnoOfKind } from '../errno.ts'
import { encodeAttrOut } from './attributes.ts'
import { type Context, SETGID, withoutPrivileges } from './context.ts'
import type { Operation, Operations } from './operation.ts'
import { FATTR, GETATTR_FH, SETXATTR_ACL_KILL_SGID } from './protocol.ts'
import type { Reply } from './reply.ts'
import type { Request } from './request.ts'
import {
  GETATTR_IN,
  GETXATTR_IN,
  GETXATTR_OUT,
  SETATTR_IN,
  SETXATTR_EXT_IN,
  SETXATTR_IN,
  STATFS_OUT,
} from './structs.ts'

const MODE_BITS = 0o7777

export function attributeOperations(context: Context): Operations {
  const { filesystem, validityOf } = context
  const getattr = (request: Request) => {
    const byHandle = (request.u32(GETATTR_IN.flags) & GETATTR_FH) !== 0
    return filesystem.getattr(request.ino, byHandle ? request.handle(GETATTR_IN.fh) : undefined)
  }
  return {
    GETATTR: {
      bodyBytes: GETATTR_IN.bytes,
      serve: getattr,
      encode: (reply, attributes: Attributes) => void encodeAttrOut(reply, attributes, validityOf(attributes.ino)),
    },
    SETATTR: {
      bodyBytes: SETATTR_IN.bytes,
      serve: (request) => setattr(context, request),
      // What shows has changed; the answer waits until it is stored.
      early: (request) => filesystem.getattr(request.ino),
      encode: (reply, attributes: Attributes) => void encodeAttrOut(reply, attributes, validityOf(attributes.ino)),
    },
    STATFS: {
      bodyBytes: 0,
      serve: (request) => filesystem.statfs(request.ino),
      encode: (reply, statistics: FilesystemStatistics) => void encodeStatfs(reply, statistics),
    },
    GETXATTR: valueOperation(GETXATTR_IN.bytes + 2, (request) =>
      filesystem.getxattr(request.ino, request.text(GETXATTR_IN.bytes)),
    ),
    LISTXATTR: valueOperation(GETXATTR_IN.bytes, (request) =>
      whenReady(filesystem.listxattr(request.ino), (names: readonly ByteString[]) =>
        Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1'),
      ),
    ),
    SETXATTR: {
      bodyBytes: SETXATTR_IN.bytes + 2,
      serve: (request) => setxattr(context, request),
    },
    REMOVEXATTR: {
      bodyBytes: 2,
      serve: (request) => filesystem.removexattr(request.ino, request.text(0)),
    },
    ...(filesystem.sync && { SYNCFS: { bodyBytes: 0, serve: () => filesystem.sync!() } }),
  }
}

function setattr({ filesystem }: Context, request: Request) {
  const { ino } = request
  const valid = request.u32(SETATTR_IN.valid)
  const handle = (valid & FATTR.FH) === 0 ? undefined : request.handle(SETATTR_IN.fh)
  const changes = changesOf(request, valid)
  if ((valid & FATTR.KILL_SUIDGID) === 0 || changes.mode !== undefined) return apply(ino, changes, handle)
  return whenReady(filesystem.getattr(ino, handle), (attributes) => {
    const mode = withoutPrivileges(attributes)
    return apply(ino, mode === undefined ? changes : { ...changes, mode }, handle)
  })

  function apply(ino: Ino, changes: AttributeChanges, handle: number | undefined) {
    if (Object.keys(changes).length === 0) return filesystem.getattr(ino, handle)
    return filesystem.setattr(ino, changes, handle)
  }
}

function changesOf(request: Request, valid: number): AttributeChanges {
  const changes: { -readonly [K in keyof AttributeChanges]: AttributeChanges[K] } = {}
  if (valid & FATTR.MODE) changes.mode = request.u32(SETATTR_IN.mode) & MODE_BITS
  if (valid & FATTR.UID) changes.uid = request.u32(SETATTR_IN.uid)
  if (valid & FATTR.GID) changes.gid = request.u32(SETATTR_IN.gid)
  if (valid & FATTR.SIZE) changes.size = request.u64(SETATTR_IN.size)
  const time = (now: number, at: number, atNs: number): Time => (valid & now ? 'now' : request.time(at, atNs))
  if (valid & FATTR.ATIME) changes.atimeNs = time(FATTR.ATIME_NOW, SETATTR_IN.atime, SETATTR_IN.atimensec)
  if (valid & FATTR.MTIME) changes.mtimeNs = time(FATTR.MTIME_NOW, SETATTR_IN.mtime, SETATTR_IN.mtimensec)
  if (valid & FATTR.CTIME) changes.ctimeNs = request.time(SETATTR_IN.ctime, SETATTR_IN.ctimensec)
  return changes
}

/** An attribute's value, or how long it is if that is all that was asked for. */
function valueOperation(
  bodyBytes: number,
  find: (request: Request) => Awaitable<Buffer | undefined>,
): Operation<{ value: Buffer | undefined; asked: number }> {
  return {
    bodyBytes,
    serve: (request) => {
      const asked = request.u32(GETXATTR_IN.size)
      return whenReady(find(request), (value) => ({ value, asked }))
    },
    encode: (reply, { value, asked }) => {
      if (value === undefined) return errnoOfKind('no-data')
      if (asked !== 0 && value.length > asked) return errnoOfKind('out-of-range')
      if (asked === 0) reply.begin(GETXATTR_OUT.bytes).u32(GETXATTR_OUT.size, value.length)
      else value.copy(reply.end(value.length).body(value.length))
      return undefined
    },
  }
}

async function setxattr({ filesystem, settings }: Context, request: Request): Promise<void> {
  const { ino } = request
  const { setxattrBytes: at, setxattrHasFlags } = settings()
  const name = request.text(at)
  // A copy: the file system may keep it.
  const value = Buffer.from(request.bytes(at + name.length + 1, request.u32(SETXATTR_IN.size)))
  await filesystem.setxattr(ino, name, value, request.u32(SETXATTR_IN.flags))
  if (!setxattrHasFlags || (request.u32(SETXATTR_EXT_IN.xattrFlags) & SETXATTR_ACL_KILL_SGID) === 0) return
  const { mode } = await filesystem.getattr(ino)
  if ((mode & SETGID) !== 0) await filesystem.setattr(ino, { mode: mode & MODE_BITS & ~SETGID })
}

function encodeStatfs(reply: Reply, statistics: FilesystemStatistics): void {
  const { blockBytes, blocks, blocksFree, blocksAvailable, files, filesFree, nameBytesMax } = statistics
  reply.begin(STATFS_OUT.bytes)
  reply.u64(STATFS_OUT.blocks, blocks)
  reply.u64(STATFS_OUT.bfree, blocksFree)
  reply.u64(STATFS_OUT.bavail, blocksAvailable)
  reply.u64(STATFS_OUT.files, files)
  reply.u64(STATFS_OUT.ffree, filesFree)
  reply.u32(STATFS_OUT.bsize, blockBytes)
  reply.u32(STATFS_OUT.frsize, blockBytes)
  reply.u32(STATFS_OUT.namelen, nameBytesMax)
}
