/** Requests on names and attributes. */
import { whenReady } from '../../concurrency/when-ready.ts'
import type { ByteString, Ino } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import type { AttributeChanges, Attributes, Awaitable, Time } from '../../vfs/operations.ts'
import { errnoOfKind } from '../errno.ts'
import { type Locals, modificationMs } from './binding.ts'
import { HiddenFiles } from './hidden-files.ts'
import { type Answer, DONE, type Operations } from './operation.ts'
import type { Session } from './session.ts'
import { entryStats, NO_STAT, NO_STATFS, statArray, statfsArray } from './stat-array.ts'

const MODE_BITS = 0o7777
/** (uid_t) -1: leave it as it is. */
const KEEP_ID = 0xffff_ffff
/** The binding cuts the target of a symlink at PATH_MAX, in UTF-8. */
const TARGET_BYTES_MAX = 4096

const NOT_FOUND: Answer = [-errnoOfKind('not-found'), NO_STAT]

export function nameOperations(session: Session): Operations {
  const { filesystem, paths, hidden, files } = session

  async function setAttributes(path: ByteString, changes: AttributeChanges): Promise<Answer> {
    await filesystem.setattr(await session.inode(path), changes)
    return DONE
  }

  function attributes(path: ByteString): Awaitable<Answer> {
    const hiddenIno = hidden.find(path)
    if (hiddenIno !== undefined) return whenReady(filesystem.getattr(hiddenIno), statOf)
    return whenReady(paths.lookup(path), (found) => {
      if (found === undefined) return NOT_FOUND
      return hidden.isUnsettled(found.ino) ? attributesSettled(found.ino) : statOf(found)
    })
  }

  async function attributesSettled(ino: Ino): Promise<Answer> {
    await hidden.settle()
    return statOf(await filesystem.getattr(ino))
  }

  /** Makes an object in a directory and remembers its path. */
  async function make(
    path: ByteString,
    work: (parent: Ino, name: ByteString) => Awaitable<Attributes>,
  ): Promise<Answer> {
    const { parent, name } = await paths.place(path)
    paths.add(path, (await work(parent, name)).ino)
    return DONE
  }

  async function take(path: ByteString, work: (parent: Ino, name: ByteString) => Awaitable<void>): Promise<Answer> {
    const { parent, name } = await paths.place(path)
    await work(parent, name)
    paths.remove(path)
    return DONE
  }

  async function rename(thread: Locals, from: ByteString, to: ByteString): Promise<Answer> {
    if (!hidden.claimReplacement(thread, to)) {
      await hidden.settleBefore(thread, from)
      await hidden.settleBefore(thread, to)
    }
    if (HiddenFiles.isHiddenPath(to)) {
      const ino = await paths.resolve(from)
      if (files.isOpen(ino)) return hide(thread, from, to, ino)
    }
    const source = await paths.place(from)
    const target = await paths.place(to)
    await filesystem.rename(source.parent, source.name, target.parent, target.name)
    paths.move(from, to)
    hidden.move(from, to)
    return DONE
  }

  async function hide(thread: Locals, path: ByteString, hiddenPath: ByteString, ino: Ino): Promise<Answer> {
    const { parent, name } = await paths.place(path)
    await hidden.settle()
    const remove = async (): Promise<void> => {
      await filesystem.unlink(parent, name)
      paths.remove(path)
    }
    hidden.hide({ thread, path, hiddenPath, ino, remove })
    return DONE
  }

  return {
    getattr: { serve: (_thread, path: ByteString) => attributes(path), failureValues: () => [NO_STAT] },
    readdir: {
      serve: async (_thread, path: ByteString) => {
        const handle = await filesystem.opendir(await session.inode(path))
        try {
          const entries = await filesystem.readdir(handle)
          return [0, entries.map(({ name }) => name), entryStats(entries)]
        } finally {
          await filesystem.releasedir(handle)
        }
      },
      failureValues: () => [[], []],
    },
    fsyncdir: {
      serve: async (_thread, path: ByteString) => {
        const handle = await filesystem.opendir(await session.inode(path))
        try {
          await filesystem.fsyncdir(handle)
          return DONE
        } finally {
          await filesystem.releasedir(handle)
        }
      },
    },
    chmod: { serve: (_thread, path: ByteString, mode: number) => setAttributes(path, { mode: mode & MODE_BITS }) },
    chown: {
      serve: (_thread, path: ByteString, uid: number, gid: number) =>
        setAttributes(path, { ...(uid !== KEEP_ID && { uid }), ...(gid !== KEEP_ID && { gid }) }),
    },
    truncate: {
      serve: (_thread, path: ByteString, low: number, high: number) =>
        setAttributes(path, { size: low + high * 2 ** 32 }),
    },
    utimens: {
      serve: (thread: Locals, path: ByteString, low: number, high: number) =>
        setAttributes(
          path,
          timeChanges(BigInt.asIntN(64, BigInt(low) + (BigInt(high) << 32n)), modificationMs(thread)),
        ),
    },
    readlink: {
      serve: async (_thread, path: ByteString) => {
        const target = await filesystem.readlink(await session.inode(path))
        checkTarget(target)
        return [0, target]
      },
      failureValues: () => [''],
    },
    mknod: {
      serve: async (thread: Locals, path: ByteString, mode: number, rdev: number) => {
        const caller = await session.callers().current(thread)
        return make(path, (parent, name) => filesystem.mknod(parent, name, mode, rdev, caller))
      },
    },
    mkdir: {
      serve: async (thread: Locals, path: ByteString, mode: number) => {
        const caller = await session.callers().current(thread)
        return make(path, (parent, name) => filesystem.mkdir(parent, name, mode & MODE_BITS, caller))
      },
    },
    symlink: {
      serve: async (thread: Locals, target: ByteString, path: ByteString) => {
        checkTarget(target)
        const caller = await session.callers().current(thread)
        return make(path, (parent, name) => filesystem.symlink(parent, name, target, caller))
      },
    },
    link: {
      serve: async (_thread, from: ByteString, path: ByteString) => {
        const ino = await session.inode(from)
        return make(path, (parent, name) => filesystem.link(ino, parent, name))
      },
    },
    unlink: {
      serve: (_thread, path: ByteString) =>
        hidden.drop(path) ? DONE : take(path, (parent, name) => filesystem.unlink(parent, name)),
    },
    rmdir: { serve: (_thread, path: ByteString) => take(path, (parent, name) => filesystem.rmdir(parent, name)) },
    rename: { serve: rename },
    statfs: {
      serve: async (_thread, path: ByteString) => [0, statfsArray(await filesystem.statfs(await session.inode(path)))],
      failureValues: () => [NO_STATFS],
    },
  }
}

function checkTarget(target: ByteString): void {
  if (Buffer.byteLength(target) <= TARGET_BYTES_MAX) return
  throw new DfsError('name-too-long', 'the target of the symlink does not fit libfuse', { op: 'symlink' })
}

function statOf(attributes: Attributes): Answer {
  return [0, statArray(attributes)]
}

/**
 * The times utimens sets. "Now" and "leave it" both arrive as this many milliseconds (UTIME_NOW and UTIME_OMIT are
 * nanosecond counts that the binding rounds), so: both are now, one alone is left as it is.
 */
const SPECIAL_MS = 1073n

function timeChanges(atimeMs: bigint, mtimeMs: bigint): AttributeChanges {
  if (atimeMs === SPECIAL_MS && mtimeMs === SPECIAL_MS) return { atimeNs: 'now', mtimeNs: 'now' }
  return { ...timeChange('atimeNs', atimeMs), ...timeChange('mtimeNs', mtimeMs) }
}

function timeChange(field: 'atimeNs' | 'mtimeNs', ms: bigint): Record<string, Time> {
  return ms === SPECIAL_MS ? {} : { [field]: ms * 1_000_000n }
}
