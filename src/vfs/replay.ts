/**
 * Applies what an earlier run left in the journal, before anything else touches the folder.
 *
 * A record counts only on top of the state it was made on: what a stub has already is passed over, and what follows
 * a record that is lost (its blocks never reached the disk) is not applied, so a file ends at some state it had.
 */
import { textOf } from '../bytes/byte-string.ts'
import type { BlockRef, ByteString } from '../dfs.ts'
import { describeError, kindOf } from '../errors.ts'
import { digestOfCid } from '../format/cid.ts'
import type { CommitRecord, JournalRecord } from '../format/journal-record.ts'
import { logger, warn } from '../log.ts'
import { closeFd, O, openAt } from '../posix/files.ts'
import { makeDirectoryAt } from '../posix/names.ts'
import { statAt } from '../posix/stat.ts'
import { digestOf } from '../seal/hash.ts'
import type { Committer } from './committer.ts'
import type { Inode } from './inode-table.ts'
import { visibleNameOfOther, visibleNameOfStub } from './names.ts'
import type { Namespace } from './namespace.ts'
import type { Services } from './services.ts'
import { storedPathsByIno } from './stub-walk.ts'

const log = logger('replay')

/** All records of one file, by the object its stub was. */
interface Journaled {
  readonly ino: number
  readonly btimeNs: bigint
  /** Where the stub was last, as far as the journal knows. */
  path: ByteString
  removed: boolean
  readonly commits: CommitRecord[]
}

export async function replay(
  services: Services,
  { committer, namespace }: { committer: Committer; namespace: Namespace },
): Promise<void> {
  const files = gather(services.journal.replay())
  let listed: Map<number, ByteString[]> | undefined
  const byIno = () => {
    listed ??= storedPathsByIno(services)
    return listed
  }
  for (const file of files) {
    const inode =
      findAt(services, namespace, file, [file.path]) ??
      findAt(services, namespace, file, byIno().get(file.ino) ?? []) ??
      (file.removed ? undefined : makeAnew(services, namespace, file.path))
    if (inode === undefined) continue
    try {
      await apply(services, committer, inode, file.commits)
    } catch (error) {
      warn(`journaled changes of ${textOf(file.path)} cannot be applied: ${describeError(error)}`)
      throw error
    }
  }
  log('%d files with journaled changes', files.length)
}

function gather(records: Iterable<JournalRecord>): Journaled[] {
  const files = new Map<string, Journaled>()
  for (const record of records) {
    if (record.kind === 'rename') {
      for (const file of files.values()) file.path = renamed(file.path, record.from, record.to)
      continue
    }
    const { ino, btimeNs, path } = record.place
    const key = `${ino}.${btimeNs}`
    const file = files.get(key) ?? { ino, btimeNs, path, removed: false, commits: [] }
    files.set(key, file)
    file.path = path
    if (record.kind === 'remove') file.removed = true
    else file.commits.push(record)
  }
  return [...files.values()].filter((file) => file.commits.length > 0)
}

function renamed(path: ByteString, from: ByteString, to: ByteString): ByteString {
  if (path === from) return to
  return path.startsWith(`${from}/`) ? to + path.slice(from.length) : path
}

function findAt(services: Services, namespace: Namespace, wanted: Journaled, paths: ByteString[]): Inode | undefined {
  for (const path of paths) {
    const inode = resolveStored(services, namespace, path)
    if (inode?.statIno === wanted.ino && inode.btimeNs === wanted.btimeNs) return inode
  }
  return undefined
}

/** The stub's inode at a path of stored names. */
function resolveStored({ table }: Services, namespace: Namespace, path: ByteString): Inode | undefined {
  const parts = path.split('/')
  let inode: Inode | undefined = table.root
  for (const [i, stored] of parts.entries()) {
    if (inode?.kind !== 'directory') return undefined
    const isLast = i === parts.length - 1
    inode = namespace.find(inode, isLast ? visibleNameOfStub(stored) : visibleNameOfOther(stored))?.inode
  }
  return inode?.kind === 'stub' ? inode : undefined
}

/** The stub's making did not survive the power loss, but what was synced into it did. */
function makeAnew(services: Services, namespace: Namespace, path: ByteString): Inode | undefined {
  const { tree } = services
  const parts = path.split('/')
  const stub = parts.pop()!
  let directory = services.table.root
  for (const stored of parts) {
    const fd = tree.directoryFd(directory)
    if (statAt(fd, stored) === undefined) makeDirectoryAt(fd, stored, 0o755)
    const next = namespace.find(directory, visibleNameOfOther(stored))?.inode
    if (next?.kind !== 'directory') return undefined
    directory = next
  }
  const fd = tree.directoryFd(directory)
  if (statAt(fd, stub) === undefined) closeFd(openAt(fd, stub, O.CREAT | O.EXCL | O.RDWR, 0o600))
  const inode = namespace.find(directory, visibleNameOfStub(stub))?.inode
  // Another file has taken the name since; it is not ours to change.
  return inode?.file?.sequence === 0 ? inode : undefined
}

async function apply(services: Services, committer: Committer, inode: Inode, commits: CommitRecord[]): Promise<void> {
  const file = inode.file!
  const content = committer.contentOf(file)
  for (const record of commits) {
    if (record.sequence <= file.sequence) continue
    if (record.baseSequence !== file.sequence || !(await hasBlocks(services, record))) {
      warn(`a change of ${textOf(record.place.path)} did not survive: the state before it stands`)
      return
    }
    if (record.content !== undefined) content.replace(record.content, record.keepBytes)
    content.truncate(Math.min(content.size, record.keepBytes))
    content.truncate(record.meta.size)
    for (const { index, ref } of record.chunks) {
      content.setChunk(index, ref)
      if (ref !== undefined) file.unsynced.add(ref.cid)
    }
    for (const patch of record.patches) {
      content.write(patch.offset, 'bytes' in patch ? patch.bytes : Buffer.alloc(patch.zeroBytes))
    }
    content.committed()
    file.fileId = record.fileId
    file.sequence = record.sequence
    file.mode = record.meta.mode
    file.mtimeNs = record.meta.mtimeNs
    file.ctimeNs = record.meta.ctimeNs
    file.contentChanged = true
    committer.journaled.add(file)
  }
}

/** Whether all blocks that a record names are here and whole: without a sync they may be empty after a power loss. */
async function hasBlocks({ store }: Services, { chunks }: CommitRecord): Promise<boolean> {
  for (const { ref } of chunks) if (ref !== undefined && !isWhole(store, ref)) return false
  return true
}

function isWhole(store: Services['store'], { cid, sealedBytes }: BlockRef): boolean {
  let handle: ReturnType<Services['store']['open']>
  try {
    handle = store.open(cid)
    return handle?.bytes === sealedBytes && digestOf(handle.read(0, sealedBytes)).equals(digestOfCid(cid))
  } catch (error) {
    if (kindOf(error) === 'internal') throw error
    return false
  } finally {
    handle?.close()
  }
}
