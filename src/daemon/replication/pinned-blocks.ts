/** The data blocks of pinned files, which other files may share: they are not evicted with those. */
import type { Cid } from '../../dfs.ts'
import { digestOfCid } from '../../format/cid.ts'
import { DigestSet } from '../../store/digest-set.ts'
import type { FilePins } from '../../store/file-pins.ts'
import { Pacer } from '../../store/pacer.ts'
import type { Folder } from '../../vfs/folder.ts'

export type FilesOf = Pick<Folder, 'files'>

export interface DataBlocks {
  /** Of pinned files. */
  readonly pinned: DigestSet
  /** Of all others; some may be of pinned files as well. */
  readonly others: DigestSet
}

/** Of what the folders hold now. Fails as the first stub that cannot be read, and with `aborted`. */
export async function findDataBlocks(
  folders: readonly FilesOf[],
  pins: Pick<FilePins, 'has'>,
  signal: AbortSignal,
): Promise<DataBlocks> {
  const found = { pinned: new DigestSet(), others: new DigestSet() }
  const pacer = new Pacer(signal)
  for (const { files } of folders) {
    for await (const stub of files.list('')) {
      const state = stub.load()
      const blocks = pins.has(state.fileId) ? found.pinned : found.others
      for await (const { cid } of files.dataBlocks(state)) {
        blocks.add(digestOfCid(cid))
        if (pacer.due) await pacer.pause()
      }
      if (pacer.due) await pacer.pause()
    }
  }
  return found
}

export function isIn(blocks: DigestSet, cid: Cid): boolean {
  return blocks.has(digestOfCid(cid))
}
