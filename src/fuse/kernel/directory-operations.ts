/** Requests on open directories. */

import { whenReady } from '../../concurrency/when-ready.ts'
import type { Ino } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import type { Attributes, Awaitable, DirectoryEntry, EntryType, Lookup } from '../../vfs/operations.ts'
import { encodeEntry, FLEETING } from './attributes.ts'
import type { Context } from './context.ts'
import type { Operation, Operations } from './operation.ts'
import { FOPEN } from './protocol.ts'
import type { Reply } from './reply.ts'
import { DIRENT, ENTRY_OUT, FSYNC_IN, OPEN_IN, OPEN_OUT, READ_IN, RELEASE_IN } from './structs.ts'

/** The DT_ numbers of dirent.h. */
const TYPE_NUMBERS: Readonly<Record<EntryType, number>> = {
  unknown: 0,
  fifo: 1,
  char: 2,
  directory: 4,
  block: 6,
  file: 8,
  symlink: 10,
  socket: 12,
}

type UseEntries<T> = (entries: readonly DirectoryEntry[], lookup: Lookup) => Awaitable<T>

interface OpenDirectory {
  readonly ino: Ino
  /** The file system's; another one after a rewind, for a handle shows what was there when it was first read. */
  handle: number
  entries: readonly DirectoryEntry[] | undefined
}

/** A piece of a listing, in the reply that carries it. */
interface Piece {
  readonly reply: Reply
  readonly bytes: number
  /** Inodes of the entries that were looked up with it. */
  readonly inos: readonly Ino[]
}

export function directoryOperations(context: Context): Operations {
  const { filesystem, account, keepsCache, validityOf } = context
  const open = new Map<number, OpenDirectory>()
  let lastNumber = 0

  function get(number: number): OpenDirectory {
    const directory = open.get(number)
    if (directory === undefined) throw new DfsError('bad-handle', `directory ${number} is not open`)
    return directory
  }

  function close(number: number): Awaitable<void> {
    const directory = open.get(number)
    open.delete(number)
    if (directory !== undefined) return account.releaseDirectory(directory.handle)
  }

  /** Has `use` work with the listing, which from the start is read anew. */
  function withEntries<T>(directory: OpenDirectory, offset: number, use: UseEntries<T>): Awaitable<T> {
    const { ino, entries } = directory
    if (entries === undefined) return read(directory, use)
    if (offset > 0) return use(entries, (name) => filesystem.lookup(ino, name))
    return reopened(directory).then(() => read(directory, use))
  }

  function read<T>(directory: OpenDirectory, use: UseEntries<T>): Awaitable<T> {
    return filesystem.readdirplus(directory.handle, (entries, lookup) => {
      directory.entries = entries
      return use(entries, lookup)
    })
  }

  async function reopened(directory: OpenDirectory): Promise<void> {
    const fresh = account.openedDirectory(await filesystem.opendir(directory.ino))
    await account.releaseDirectory(directory.handle)
    directory.handle = fresh
  }

  function listing(pack: (context: Context, into: Packing) => Awaitable<Piece>): Operation<Piece> {
    return {
      bodyBytes: READ_IN.bytes,
      serve: (request) => {
        const directory = get(request.handle(READ_IN.fh))
        const offset = request.u64(READ_IN.offset)
        const size = request.u32(READ_IN.size)
        if (size > context.replies.bodyBytesMax) throw new DfsError('invalid', 'a read of more than was agreed on')
        return withEntries(directory, offset, (entries, lookup) =>
          pack(context, { directory: directory.ino, entries, lookup, offset, size }),
        )
      },
      encode: (_, { reply, bytes }) => reply.end(bytes),
      undo: ({ inos }) => {
        for (const ino of inos) account.forget(ino, 1)
      },
      done: ({ reply }) => context.replies.give(reply),
    }
  }

  return {
    OPENDIR: {
      bodyBytes: OPEN_IN.bytes,
      serve: (request) => {
        const { ino } = request
        return whenReady(filesystem.opendir(ino), (handle) => {
          open.set(++lastNumber, { ino, handle: account.openedDirectory(handle), entries: undefined })
          return lastNumber
        })
      },
      encode: (reply, number: number) => {
        reply.begin(OPEN_OUT.bytes).u64(OPEN_OUT.fh, number)
        // A listing stays until something changes in the directory, of which the kernel knows.
        const lasts = keepsCache && validityOf(get(number).ino) !== FLEETING
        if (lasts) reply.u32(OPEN_OUT.openFlags, FOPEN.KEEP_CACHE | FOPEN.CACHE_DIR)
        return undefined
      },
      undo: (number: number) => void close(number),
    },
    READDIR: listing(packNames),
    READDIRPLUS: listing(packEntries),
    RELEASEDIR: { bodyBytes: RELEASE_IN.bytes, serve: (request) => close(request.handle(RELEASE_IN.fh)) },
    FSYNCDIR: {
      bodyBytes: FSYNC_IN.bytes,
      serve: (request) => filesystem.fsyncdir(get(request.handle(FSYNC_IN.fh)).handle),
    },
  }
}

interface Packing {
  readonly directory: Ino
  readonly entries: readonly DirectoryEntry[]
  readonly lookup: Lookup
  /** Index of the first entry wanted. */
  readonly offset: number
  /** Room, in bytes. */
  readonly size: number
}

function packNames({ replies }: Context, { entries, offset, size }: Packing): Piece {
  const reply = replies.take()
  reply.begin(size)
  let at = 0
  for (let index = offset; index < entries.length; index++) {
    const entry = entries[index]!
    const end = at + entryBytes(entry)
    if (end > size) break
    encodeDirent(reply, at, entry, index + 1)
    at = end
  }
  return { reply, bytes: at, inos: [] }
}

/** Looks up only what fits; `.` and `..` are never counted, nor what cannot be looked up now. */
function packEntries(
  { account, replies, validityOf }: Context,
  { directory, entries, lookup, offset, size }: Packing,
): Awaitable<Piece> {
  const validity = validityOf(directory)
  const reply = replies.take()
  reply.begin(size)
  const inos: Ino[] = []
  let at = 0
  return packFrom(offset)

  function packFrom(first: number): Awaitable<Piece> {
    for (let index = first; index < entries.length; index++) {
      const entry = entries[index]!
      if (at + ENTRY_OUT.bytes + entryBytes(entry) > size) break
      const found = isDots(entry) ? undefined : lookUp(entry)
      if (found instanceof Promise) {
        return found.then((attributes) => {
          pack(index, attributes)
          return packFrom(index + 1)
        })
      }
      pack(index, found)
    }
    return { reply, bytes: at, inos }
  }

  function pack(index: number, attributes: Attributes | undefined): void {
    const entry = entries[index]!
    if (attributes !== undefined) {
      account.lookedUp(attributes.ino)
      inos.push(attributes.ino)
      encodeEntry(reply, at, attributes, validity)
    }
    encodeDirent(reply, at + ENTRY_OUT.bytes, entry, index + 1)
    at += ENTRY_OUT.bytes + entryBytes(entry)
  }

  function lookUp({ name }: DirectoryEntry): Awaitable<Attributes | undefined> {
    try {
      const found = lookup(name)
      return found instanceof Promise ? found.catch(() => undefined) : found
    } catch {
      // Whoever asks for this very name will hear why.
      return undefined
    }
  }
}

function encodeDirent(reply: Reply, at: number, { name, ino, type }: DirectoryEntry, next: number): void {
  reply.u64(at + DIRENT.ino, ino)
  reply.u64(at + DIRENT.off, next)
  reply.u32(at + DIRENT.namelen, name.length)
  reply.u32(at + DIRENT.type, TYPE_NUMBERS[type])
  reply.latin1(at + DIRENT.name, name)
}

function entryBytes({ name }: DirectoryEntry): number {
  return DIRENT.name + Math.ceil(name.length / 8) * 8
}

function isDots({ name }: DirectoryEntry): boolean {
  return name === '.' || name === '..'
}
