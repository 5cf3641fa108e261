/** Requests on the content of open files. */
import { whenReady } from '../../concurrency/when-ready.ts'
import { DfsError } from '../../errors.ts'
import type { Awaitable } from '../../vfs/operations.ts'
import { type Context, changeOptions, dropPrivileges } from './context.ts'
import type { Operation, Operations } from './operation.ts'
import { FSYNC_FDATASYNC, WRITE_KILL_SUIDGID } from './protocol.ts'
import type { Reply } from './reply.ts'
import type { Request } from './request.ts'
import {
  COPY_FILE_RANGE_IN,
  COPY_FILE_RANGE_OUT,
  FALLOCATE_IN,
  FSYNC_IN,
  LSEEK_IN,
  LSEEK_OUT,
  READ_IN,
  WRITE_IN,
  WRITE_OUT,
} from './structs.ts'

/** What was read, in the reply that carries it. */
interface Content {
  readonly reply: Reply
  readonly bytes: number
}

const SEEK_DATA = 3
const SEEK_HOLE = 4

export function fileOperations(context: Context): Operations {
  const { filesystem } = context
  return {
    READ: read(context),
    WRITE: {
      bodyBytes: WRITE_IN.bytes,
      readsAtOnce: true,
      serve: (request) => write(context, request),
      // The bytes are taken; the answer waits for room, so that the next write does.
      early: (request) => request.u32(WRITE_IN.size),
      encode: (reply, bytes: number) => {
        reply.begin(WRITE_OUT.bytes).u32(WRITE_OUT.size, bytes)
        return undefined
      },
    },
    FSYNC: {
      bodyBytes: FSYNC_IN.bytes,
      serve: (request) =>
        filesystem.fsync(request.handle(FSYNC_IN.fh), (request.u32(FSYNC_IN.flags) & FSYNC_FDATASYNC) !== 0),
    },
    ...(filesystem.allocate && { FALLOCATE: allocate(context) }),
    ...(filesystem.seek && { LSEEK: seek(context) }),
    ...(filesystem.copyRange && { COPY_FILE_RANGE: copy(context, 4), COPY_FILE_RANGE_64: copy(context, 8) }),
  }
}

function read({ filesystem, replies }: Context): Operation<Content> {
  return {
    bodyBytes: READ_IN.bytes,
    interruptible: true,
    serve: (request) => {
      const size = request.u32(READ_IN.size)
      if (size > replies.bodyBytesMax) throw new DfsError('invalid', 'a read of more than was agreed on')
      const reply = replies.take()
      try {
        const offset = request.position(READ_IN.offset)
        const done = filesystem.read(request.handle(READ_IN.fh), offset, reply.body(size), request.pid)
        if (!(done instanceof Promise)) return { reply, bytes: done }
        // A read that failed may still fill its memory: that is not lent again.
        return done.then((bytes) => ({ reply, bytes }))
      } catch (error) {
        replies.give(reply)
        throw error
      }
    },
    encode: (_, { reply, bytes }) => reply.end(bytes),
    done: ({ reply }) => replies.give(reply),
  }
}

function write(context: Context, request: Request): Awaitable<number> {
  const { filesystem } = context
  const bytes = request.bytes(WRITE_IN.bytes, request.u32(WRITE_IN.size))
  const flags = request.u32(WRITE_IN.writeFlags)
  const [handle, offset] = [request.handle(WRITE_IN.fh), request.u64(WRITE_IN.offset)]
  const written = filesystem.write(handle, offset, bytes, changeOptions(context))
  if ((flags & WRITE_KILL_SUIDGID) === 0) return written
  const { ino } = request
  return whenReady(written, (count) => dropPrivileges(filesystem, ino).then(() => count))
}

function allocate(context: Context): Operation<void> {
  return {
    bodyBytes: FALLOCATE_IN.bytes,
    serve: (request) =>
      context.filesystem.allocate!(
        request.handle(FALLOCATE_IN.fh),
        request.u32(FALLOCATE_IN.mode),
        request.u64(FALLOCATE_IN.offset),
        request.u64(FALLOCATE_IN.length),
        changeOptions(context),
      ),
  }
}

function seek({ filesystem, flushPages }: Context): Operation<number> {
  return {
    bodyBytes: LSEEK_IN.bytes,
    serve: async (request) => {
      const whence = request.u32(LSEEK_IN.whence)
      if (whence !== SEEK_DATA && whence !== SEEK_HOLE) throw new DfsError('invalid', 'an unknown kind of seek')
      const { ino, pid } = request
      const handle = request.handle(LSEEK_IN.fh)
      const offset = request.position(LSEEK_IN.offset)
      await flushPages(ino)
      return filesystem.seek!(handle, offset, whence === SEEK_DATA ? 'data' : 'hole', pid)
    },
    encode: (reply, offset) => {
      reply.begin(LSEEK_OUT.bytes).u64(LSEEK_OUT.offset, offset)
      return undefined
    },
  }
}

/** `bytes`: of the number that answers. The older form asks for less than 4 GiB at a time. */
function copy(context: Context, bytes: 4 | 8): Operation<number> {
  return {
    bodyBytes: COPY_FILE_RANGE_IN.bytes,
    serve: (request) =>
      context.filesystem.copyRange!(
        { handle: request.handle(COPY_FILE_RANGE_IN.fh), offset: request.u64(COPY_FILE_RANGE_IN.offset) },
        { handle: request.handle(COPY_FILE_RANGE_IN.toFh), offset: request.u64(COPY_FILE_RANGE_IN.toOffset) },
        request.u64(COPY_FILE_RANGE_IN.length),
        changeOptions(context),
      ),
    encode: (reply, copied) => {
      reply.begin(COPY_FILE_RANGE_OUT.bytes)
      if (bytes === 4) reply.u32(COPY_FILE_RANGE_OUT.length, copied)
      else reply.u64(COPY_FILE_RANGE_OUT.length, copied)
      return undefined
    },
  }
}
