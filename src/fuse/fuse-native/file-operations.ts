/** Requests on open files. */
import { constants } from 'node:fs'
import { whenReady } from '../../concurrency/when-ready.ts'
import type { ByteString } from '../../dfs.ts'
import type { Attributes, Awaitable } from '../../vfs/operations.ts'
import { fileInfoAddress, type Locals } from './binding.ts'
import { bypassPageCache, keepPageCache, openFlags } from './libfuse-internals.ts'
import type { OpenFile } from './open-files.ts'
import { type Answer, DONE, type Operations } from './operation.ts'
import type { Session } from './session.ts'
import { NO_STAT, statArray } from './stat-array.ts'

const { O_APPEND, O_CREAT, O_EXCL, O_TRUNC } = constants
const MODE_BITS = 0o7777
const TWO_32 = 2 ** 32

/** read and write hand their memory back with the answer: afterwards JavaScript can no longer reach it. */
const handBack = (_path: ByteString, _number: number, bytes: Buffer): unknown[] => [0, bytes.buffer]

export function fileOperations(session: Session): Operations {
  const { filesystem, paths, files, hidden, pages } = session

  async function open(locals: Locals, path: ByteString, flags: number): Promise<Answer> {
    const ino = await session.inode(path)
    const handle = await filesystem.open(ino, flags & ~(O_APPEND | O_CREAT | O_EXCL | O_TRUNC))
    const number = files.add({ ino, handle, append: (flags & O_APPEND) !== 0, written: false })
    try {
      if ((flags & O_TRUNC) !== 0) await filesystem.setattr(ino, { size: 0 }, handle)
      useCache(fileInfoAddress(locals), path, await filesystem.getattr(ino, handle))
    } catch (error) {
      await close(number)
      throw error
    }
    return [0, number]
  }

  /** libfuse gives each name of a file an inode, and so a page cache, of its own: only without it they show the same. */
  function useCache(fileInfo: bigint, path: ByteString, attributes: Attributes): void {
    if (attributes.nlink > 1) {
      bypassPageCache(fileInfo)
      pages.forget(attributes.statIno)
      return
    }
    if (pages.isCurrent(path, attributes)) keepPageCache(fileInfo)
    pages.note(path, attributes)
  }

  async function create(locals: Locals, path: ByteString, mode: number): Promise<Answer> {
    const flags = openFlags(fileInfoAddress(locals))
    const caller = await session.callers().current(locals)
    const { parent, name } = await paths.place(path)
    const created = await filesystem.create(parent, name, mode & MODE_BITS, flags & ~O_APPEND, caller)
    const { ino } = created.attributes
    paths.add(path, ino)
    return [0, files.add({ ino, handle: created.handle, append: (flags & O_APPEND) !== 0, written: false })]
  }

  async function close(number: number): Promise<Answer> {
    const file = files.remove(number)
    if (file === undefined) return DONE
    if (!files.isOpen(file.ino)) hidden.dropInode(file.ino)
    await filesystem.release(file.handle)
    return DONE
  }

  /** What was written went through the kernel's pages, which therefore are of the new version. */
  async function noteWritten(path: ByteString, file: OpenFile): Promise<void> {
    file.written = false
    const attributes = await filesystem.getattr(file.ino, file.handle)
    if (attributes.nlink === 1) pages.note(path, attributes)
  }

  /** The kernel's idea of where the file ends, which is where it appends, may be that of another name of the file. */
  function writeOffset({ append, ino, handle }: OpenFile, asked: number): Awaitable<number> {
    return append ? whenReady(filesystem.getattr(ino, handle), ({ size }) => size) : asked
  }

  return {
    open: { serve: open, failureValues: () => [0] },
    create: { serve: create, failureValues: () => [0] },
    fgetattr: {
      serve: async (_locals, _path, number: number) => {
        const { ino, handle } = files.get(number)
        if (hidden.isUnsettled(ino)) await hidden.settle()
        return [0, statArray(await filesystem.getattr(ino, handle))]
      },
      failureValues: () => [NO_STAT],
    },
    ftruncate: {
      serve: async (_locals, _path, number: number, low: number, high: number) => {
        const { ino, handle } = files.get(number)
        await filesystem.setattr(ino, { size: low + high * TWO_32 }, handle)
        return DONE
      },
    },
    read: {
      serve: (_locals, _path, number: number, into: Buffer, _length: number, low: number, high: number) =>
        whenReady(filesystem.read(files.get(number).handle, low + high * TWO_32, into), (count) => [
          count,
          0,
          into.buffer,
        ]),
      failureValues: handBack,
    },
    write: {
      serve: (_locals, _path, number: number, bytes: Buffer, _length: number, low: number, high: number) => {
        const file = files.get(number)
        file.written = true
        const written = whenReady(writeOffset(file, low + high * TWO_32), (at) =>
          filesystem.write(file.handle, at, bytes),
        )
        return whenReady(written, (count): Answer => [count, 0, bytes.buffer])
      },
      failureValues: handBack,
    },
    flush: {
      serve: async (_locals, path: ByteString, number: number) => {
        const file = files.get(number)
        await filesystem.flush(file.handle)
        if (file.written) await noteWritten(path, file)
        return DONE
      },
    },
    fsync: {
      serve: async (_locals, _path, dataOnly: number, number: number) => {
        await filesystem.fsync(files.get(number).handle, dataOnly !== 0)
        return DONE
      },
    },
    release: { serve: (_locals, _path, number: number) => close(number) },
  }
}
