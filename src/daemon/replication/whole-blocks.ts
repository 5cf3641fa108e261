/** Sealed blocks as a whole, from here or from others: never what is damaged. */
import type { BlockReader, BlockSource, BlockStore, Cid } from '../../dfs.ts'
import { digestOfCid } from '../../format/cid.ts'
import type { BlockSize } from '../../net/holds/hold-service.ts'
import { digestOf } from '../../seal/hash.ts'

export interface WholeBlockOptions {
  readonly reader: BlockReader
  readonly source: BlockSource
  readonly signal: AbortSignal
  /** Resolves when so many bytes may be fetched. */
  readonly pace: (bytes: number, signal: AbortSignal) => Promise<void>
}

/** Fails with `unreachable`, `timeout`, and as the signal says. */
export async function wholeBlock(
  { cid, bytes }: BlockSize,
  { reader, source, signal, pace }: WholeBlockOptions,
): Promise<Buffer> {
  const here = await reader.read(cid)
  if (here !== undefined && isWhole(cid, here)) return here
  await pace(bytes, signal)
  const fetching = source.fetch({ cid, sealedBytes: bytes }, { signal })
  try {
    return Buffer.from(await fetching.block)
  } finally {
    fetching.release()
  }
}

/** At once: for short ones. Undefined if the block is not here, or is damaged. */
export function readAtOnce(store: Pick<BlockStore, 'open'>, cid: Cid): Buffer | undefined {
  const handle = store.open(cid)
  if (handle === undefined) return undefined
  try {
    const block = handle.read(0, handle.bytes)
    return isWhole(cid, block) ? block : undefined
  } finally {
    handle.close()
  }
}

function isWhole(cid: Cid, bytes: Buffer): boolean {
  return digestOf(bytes).equals(digestOfCid(cid))
}
