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

  return {
    LOOKUP: entry(2, (request) => filesystem.lookup(request.ino, request.name(0))),
    MKNOD: {
      ...entry(MKNOD_IN.bytes + 2, (request) => {
        const { ino: parent, caller } = request
        const name = request.name(MKNOD_IN.bytes)
        const mode = request.u32(MKNOD_IN.mode)
        const rdev = request.u32(MKNOD_IN.rdev)
        return whenReady(modeOf(context, parent, mode & MODE_BITS, request.u32(MKNOD_IN.umask)), (permissions) =>
          filesystem.mknod(parent, name, (mode & TYPE_BITS) | permissions, rdev, caller),
        )
      }),
      late: (request) => context.notify({ parent: request.ino, name: request.name(MKNOD_IN.bytes) }),
    },
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
    LINK: {
      ...entry(LINK_IN.bytes + 2, (request) =>
        filesystem.link(request.nodeid(LINK_IN.oldnodeid), request.ino, request.name(LINK_IN.bytes)),
      ),
      late: (request) => context.notify({ parent: request.ino, name: request.name(LINK_IN.bytes) }),
    },
    UNLINK: { bodyBytes: 2, serve: (request) => filesystem.unlink(request.ino, request.name(0)) },
    RMDIR: { bodyBytes: 2, serve: (request) => filesystem.rmdir(request.ino, request.name(0)) },
    RENAME: {
      bodyBytes: RENAME_IN.bytes + 4,
      serve: (request) => rename(context, request, RENAME_IN.bytes, 0),
      late: (request) => renamedLate(context, request, RENAME_IN.bytes),
    },
    RENAME2: {
      bodyBytes: RENAME2_IN.bytes + 4,
      serve: (request) => rename(context, request, RENAME2_IN.bytes, request.u32(RENAME2_IN.flags)),
      late: (request) => renamedLate(context, request, RENAME2_IN.bytes),
    },
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

function rename({ filesystem }: Context, request: Request, at: number, flags: number): Awaitable<void> {
  const { name, newName } = bothNames(request, at)
  return filesystem.rename(request.ino, name, request.nodeid(RENAME_IN.newdir), newName, flags)
}

function renamedLate({ notify }: Context, request: Request, at: number): void {
  const { name, newName } = bothNames(request, at)
  notify({ parent: request.ino, name })
  notify({ parent: request.nodeid(RENAME_IN.newdir), name: newName })
}

/** They stand one behind the other. */
function bothNames(request: Request, at: number) {
  const name = request.name(at)
  return { name, newName: request.name(at + name.length + 1) }
}
