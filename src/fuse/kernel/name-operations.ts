/** Requests on names: finding, making, linking, renaming and removing. */
import { whenReady } from '../../concurrency/when-ready.ts'
import type { Ino } from '../../dfs.ts'
import type { Attributes, Awaitable } from '../../vfs/operations.ts'
import { encodeEntry, encodeNoEntry } from './attributes.ts'
import { type Context, counted, modeOf } from './context.ts'
import type { Operation, Operations } from './operation.ts'
import type { Request } from './request.ts'
import { ENTRY_OUT, LINK_IN, MKDIR_IN, MKNOD_IN, RENAME_IN, RENAME2_IN } from './structs.ts'

const MODE_BITS = 0o7777
const TYPE_BITS = 0o170000

interface Found {
  readonly parent: Ino
  readonly attributes: Attributes | undefined
}

export function nameOperations(context: Context): Operations {
  const { filesystem, account, validityOf } = context

  /** An operation that answers with the entry of a name. */
  function entry(bodyBytes: number, find: (request: Request) => Awaitable<Attributes | undefined>): Operation<Found> {
    return {
      bodyBytes,
      serve: (request) => {
        const parent = request.ino
        return whenReady(counted(context, find(request)), (attributes) => ({ parent, attributes }))
      },
      encode: (reply, { parent, attributes }) => {
        if (attributes === undefined) encodeNoEntry(reply, validityOf(parent))
        else encodeEntry(reply.begin(ENTRY_OUT.bytes), 0, attributes, validityOf(parent))
        return undefined
      },
      undo: ({ attributes }) => attributes && account.forget(attributes.ino, 1),
    }
  }

  function named(bodyBytes: number, work: (request: Request) => Awaitable<void>): Operation<void> {
    return { bodyBytes: bodyBytes + 2, serve: work }
  }

  return {
    LOOKUP: entry(2, (request) => filesystem.lookup(request.ino, request.name(0))),
    MKNOD: entry(MKNOD_IN.bytes + 2, (request) => {
      const { ino: parent, caller } = request
      const name = request.name(MKNOD_IN.bytes)
      const mode = request.u32(MKNOD_IN.mode)
      const rdev = request.u32(MKNOD_IN.rdev)
      return whenReady(modeOf(context, parent, mode & MODE_BITS, request.u32(MKNOD_IN.umask)), (permissions) =>
        filesystem.mknod(parent, name, (mode & TYPE_BITS) | permissions, rdev, caller),
      )
    }),
    MKDIR: entry(MKDIR_IN.bytes + 2, (request) => {
      const { ino: parent, caller } = request
      const name = request.name(MKDIR_IN.bytes)
      const asked = request.u32(MKDIR_IN.mode) & MODE_BITS
      return whenReady(modeOf(context, parent, asked, request.u32(MKDIR_IN.umask)), (mode) =>
        filesystem.mkdir(parent, name, mode, caller),
      )
    }),
    SYMLINK: entry(4, (request) => {
      const name = request.name(0)
      return filesystem.symlink(request.ino, name, request.text(name.length + 1), request.caller)
    }),
    LINK: entry(LINK_IN.bytes + 2, (request) =>
      filesystem.link(request.nodeid(LINK_IN.oldnodeid), request.ino, request.name(LINK_IN.bytes)),
    ),
    UNLINK: named(0, (request) => filesystem.unlink(request.ino, request.name(0))),
    RMDIR: named(0, (request) => filesystem.rmdir(request.ino, request.name(0))),
    RENAME: named(RENAME_IN.bytes, (request) => rename(context, request, RENAME_IN.bytes, 0)),
    RENAME2: named(RENAME2_IN.bytes, (request) =>
      rename(context, request, RENAME2_IN.bytes, request.u32(RENAME2_IN.flags)),
    ),
    READLINK: {
      bodyBytes: 0,
      serve: (request) => filesystem.readlink(request.ino),
      encode: (reply, target: string) => {
        reply.begin(target.length).latin1(0, target)
        return undefined
      },
    },
  }
}

/** Both names stand one behind the other. */
function rename({ filesystem }: Context, request: Request, at: number, flags: number): Awaitable<void> {
  const name = request.name(at)
  const newName = request.name(at + name.length + 1)
  return filesystem.rename(request.ino, name, request.nodeid(RENAME_IN.newdir), newName, flags)
}
