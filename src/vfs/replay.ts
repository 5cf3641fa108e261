/**
 * Applies what an earlier run left in the journal, before anything else touches the folder.
 *
 * A record counts only on top of the state it was made on: what a stub has already is passed over, and what follows
 * a record that is lost (its blocks never reached the disk) is not applied, so a file ends at some state it had.
 */
import { textOf } from '../bytes/byte-string.ts'
import type { BlockRef, Cid } from '../dfs.ts'
import { DfsError, kindOf } from '../errors.ts'
import { chunkCount } from '../format/chunk-layout.ts'
import { digestOfCid } from '../format/cid.ts'
import type { CommitRecord } from '../format/journal-record.ts'
import { logger, warn } from '../log.ts'
import { digestOf } from '../seal/hash.ts'
import type { Committer } from './committer.ts'
import type { FileContent } from './file-content.ts'
import type { Inode } from './inode-table.ts'
import { gatherFiles, type JournaledFile, StubSearch } from './journaled-files.ts'
import type { Namespace } from './namespace.ts'
import { redoNames } from './redo-names.ts'
import type { Services } from './services.ts'

const log = logger('replay')

/** Fails if a stub with journaled changes cannot be read: nothing of the journal is dropped then. */
export async function replay(
  services: Services,
  { committer, namespace }: { committer: Committer; namespace: Namespace },
): Promise<void> {
  const records = [...services.journal.replay()]
  redoNames({ rootFd: services.tree.rootFd, keys: services.keys }, records)
  const files = gatherFiles(records)
  const search = new StubSearch(services, namespace, files)
  services.tree.acceptsOlder = true
  try {
    for (const file of files) await replayFile(services, { committer, search, file })
  } finally {
    services.tree.acceptsOlder = false
  }
  log('%d files with journaled changes', files.length)
}

async function replayFile(
  services: Services,
  { committer, search, file }: { committer: Committer; search: StubSearch; file: JournaledFile },
): Promise<void> {
  try {
    const inode = search.find(file)
    if (inode === undefined) return
    await apply(services, committer, inode, file.commits)
    committer.release(inode)
  } catch (error) {
    if (!(error instanceof DfsError)) throw error
    throw new DfsError(error.kind, `journaled changes of a file cannot be applied: ${error.message}`, {
      op: 'open folder',
      subject: textOf(file.path),
      mend: error.kind === 'corrupt' ? 'put its stub back from a backup, or take it away' : error.mend,
      cause: error,
    })
  }
}

async function apply(services: Services, committer: Committer, inode: Inode, records: CommitRecord[]): Promise<void> {
  const file = inode.file!
  const content = committer.contentOf(file)
  const path = textOf(records[0]!.place.path)
  const isOurs = file.sequence === 0 || records.every(({ fileId }) => fileId.equals(file.fileId))
  const next = records.filter(({ sequence }) => sequence > file.sequence)
  const surviving = isOurs ? await survivors(services, chainOn(file.sequence, next)) : []
  if (surviving.length < next.length) warn(`a change of ${path} did not survive: the state before it stands`)
  for (const record of surviving) {
    applyCommit(content, record)
    file.fileId = record.fileId
    file.sequence = record.sequence
    file.mode = record.meta.mode
    file.mtimeNs = record.meta.mtimeNs
    file.ctimeNs = record.meta.ctimeNs
    file.contentChanged = true
    committer.journaled.add(file)
  }
}

/** The records that follow from the state of this sequence, one upon the other. */
function chainOn(sequence: number, records: CommitRecord[]): CommitRecord[] {
  const chain: CommitRecord[] = []
  for (const record of records) {
    // Made on an earlier state than the last: what lies between did not survive an earlier crash.
    while (chain.length > 0 && chain.at(-1)!.sequence > record.baseSequence) chain.pop()
    if (record.baseSequence === (chain.at(-1)?.sequence ?? sequence)) chain.push(record)
  }
  return chain
}

/** Makes of the state that a record was made on the state after it. */
export function applyCommit(content: FileContent, record: CommitRecord): void {
  if (record.content !== undefined) content.replace(record.content, record.keepBytes)
  content.truncate(Math.min(content.size, record.keepBytes))
  content.truncate(record.meta.size)
  for (const { index, ref } of record.chunks) content.setChunk(index, ref)
  for (const patch of record.patches) {
    content.write(patch.offset, 'bytes' in patch ? patch.bytes : Buffer.alloc(patch.zeroBytes))
  }
  content.committed()
}

/**
 * The longest beginning of a chain of records after which every block is here and whole: without a sync blocks may be
 * empty after a power loss. A block that a later record of the beginning replaces is not needed.
 */
async function survivors({ store }: Services, chain: CommitRecord[]): Promise<CommitRecord[]> {
  const known = new Map<Cid, boolean>()
  const isHere = (ref: BlockRef) => {
    const answer = known.get(ref.cid) ?? isWhole(store, ref)
    known.set(ref.cid, answer)
    return answer
  }
  for (let length = chain.length; length > 0; length--) {
    if (blocksAfter(chain.slice(0, length)).every(isHere)) return chain.slice(0, length)
  }
  return []
}

/** The blocks that the chunks set by these records are left with. */
function blocksAfter(records: CommitRecord[]): BlockRef[] {
  const refs = new Map<number, BlockRef | undefined>()
  for (const { content, keepBytes, chunks } of records) {
    const keep = content === undefined ? chunkCount(keepBytes) : 0
    for (const index of refs.keys()) if (index >= keep) refs.delete(index)
    for (const { index, ref } of chunks) refs.set(index, ref)
  }
  return [...refs.values()].filter((ref) => ref !== undefined)
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
