/** Requests that open and close files. */
import { constants } from 'node:fs'
import { whenReady } from '../../concurrency/when-ready.ts'
import type { Ino } from '../../dfs.ts'
import { DfsError, kindOf } from '../../errors.ts'
import type { Awaitable, Created, WriteOptions } from '../../vfs/operations.ts'
import { encodeEntry } from './attributes.ts'
import { type Context, changeOptions, dropPrivileges, modeOf } from './context.ts'
import type { Operations } from './operation.ts'
import { FOPEN, OPEN_KILL_SUIDGID } from './protocol.ts'
import type { Reply } from './reply.ts'
import type { Request } from './request.ts'
import { CREATE_IN, ENTRY_OUT, FLUSH_IN, OPEN_IN, OPEN_OUT, RELEASE_IN } from './structs.ts'

const { O_RDONLY, O_RDWR, O_TRUNC, O_EXCL } = constants
const O_ACCMODE = 3
const MODE_BITS = 0o7777

interface CreatedIn extends Created {
  readonly parent: Ino
}

export function openOperations(context: Context): Operations {
  const { filesystem, account, validityOf, keepsCache } = context
  const openFlags = keepsCache ? FOPEN.KEEP_CACHE : 0
  const close = (handle: number): void => void account.release(handle)

  function opened(ino: Ino, flags: number, options?: WriteOptions): Awaitable<number> {
    return whenReady(filesystem.open(ino, handleFlags(flags), options), (handle) =>
      account.opened(handle, mayWrite(flags) ? ino : undefined),
    )
  }

  async function openAndDropPrivileges(ino: Ino, flags: number): Promise<number> {
    const handle = await opened(ino, flags, changeOptions(context))
    try {
      await dropPrivileges(filesystem, ino)
    } catch (error) {
      close(handle)
      throw error
    }
    return handle
  }

  /** `make` makes a file of this mode in the directory that the request names. */
  function create(request: Request, make: (mode: number, flags: number) => Awaitable<Created>): Awaitable<CreatedIn> {
    const parent = request.ino
    const flags = request.u32(CREATE_IN.flags)
    const asked = request.u32(CREATE_IN.mode) & MODE_BITS
    const made = whenReady(modeOf(context, parent, asked, request.u32(CREATE_IN.umask)), (mode) =>
      make(mode, handleFlags(flags)),
    )
    return whenReady(made, ({ attributes, handle }) => {
      account.lookedUp(attributes.ino)
      return { parent, attributes, handle: account.opened(handle, mayWrite(flags) ? attributes.ino : undefined) }
    })
  }

  /** The kernel did not know yet that there is such a file: nothing of it, so that it learns what opening has made of it. */
  async function openExisting(parent: Ino, name: string, flags: number): Promise<CreatedIn> {
    const found = await filesystem.lookup(parent, name)
    if (found === undefined) throw new DfsError('stale', 'the file went while it was opened')
    account.lookedUp(found.ino)
    let handle: number | undefined
    try {
      handle = await opened(found.ino, flags)
      return { parent, attributes: await filesystem.getattr(found.ino, handle), handle }
    } catch (error) {
      if (handle !== undefined) close(handle)
      account.forget(found.ino, 1)
      throw error
    }
  }

  function createOrOpen(request: Request): Awaitable<CreatedIn> {
    const { ino: parent, caller } = request
    const name = request.name(CREATE_IN.bytes)
    const flags = request.u32(CREATE_IN.flags)
    const otherwise = (error: unknown): Promise<CreatedIn> => {
      if (kindOf(error) !== 'exists' || (flags & O_EXCL) !== 0) throw error
      return openExisting(parent, name, flags)
    }
    try {
      const created = create(request, (mode, flags) => filesystem.create(parent, name, mode, flags, caller))
      return created instanceof Promise ? created.catch(otherwise) : created
    } catch (error) {
      return otherwise(error)
    }
  }

  const creating = {
    encode: (reply: Reply, { parent, attributes, handle }: CreatedIn) => {
      encodeEntry(reply.begin(ENTRY_OUT.bytes + OPEN_OUT.bytes), 0, attributes, validityOf(parent))
      reply.u64(ENTRY_OUT.bytes + OPEN_OUT.fh, handle)
      reply.u32(ENTRY_OUT.bytes + OPEN_OUT.openFlags, openFlags)
      return undefined
    },
    undo: ({ attributes, handle }: CreatedIn) => {
      close(handle)
      account.forget(attributes.ino, 1)
    },
  }

  return {
    OPEN: {
      bodyBytes: OPEN_IN.bytes,
      serve: (request) => {
        const flags = request.u32(OPEN_IN.flags)
        const drops = (request.u32(OPEN_IN.openFlags) & OPEN_KILL_SUIDGID) !== 0
        return drops ? openAndDropPrivileges(request.ino, flags) : opened(request.ino, flags, changeOptions(context))
      },
      encode: (reply, handle: number) => {
        reply.begin(OPEN_OUT.bytes)
        reply.u64(OPEN_OUT.fh, handle)
        reply.u32(OPEN_OUT.openFlags, openFlags)
        return undefined
      },
      undo: close,
    },
    CREATE: {
      bodyBytes: CREATE_IN.bytes + 2,
      serve: createOrOpen,
      ...creating,
      late: (request) => context.notify({ parent: request.ino, name: request.name(CREATE_IN.bytes) }),
    },
    ...(filesystem.createNameless && {
      // Its name is whatever the kernel calls what has none.
      TMPFILE: {
        bodyBytes: CREATE_IN.bytes,
        serve: (request) => {
          const { ino, caller } = request
          return create(request, (mode, flags) => filesystem.createNameless!(ino, mode, flags, caller))
        },
        ...creating,
      },
    }),
    FLUSH: { bodyBytes: FLUSH_IN.bytes, serve: (request) => filesystem.flush(request.handle(FLUSH_IN.fh)) },
    RELEASE: { bodyBytes: RELEASE_IN.bytes, serve: (request) => account.release(request.handle(RELEASE_IN.fh)) },
  }
}

/**
 * How the file system is to open: with write-back the kernel reads through handles that can only write, to fill the
 * pages that are written in part, and appends by itself.
 */
function handleFlags(flags: number): number {
  return (mayWrite(flags) ? O_RDWR : O_RDONLY) | (flags & O_TRUNC)
}

function mayWrite(flags: number): boolean {
  return (flags & O_ACCMODE) !== O_RDONLY || (flags & O_TRUNC) !== 0
}
