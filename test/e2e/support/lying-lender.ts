/**
 * Makes a lender of a running daemon that keeps nothing but the hashes of what it promised: it says that it has all of it,
 * promises it anew whenever it is asked, and proves it with the hashes. Of what it was asked for once it gets the block, and
 * proves it rightly from then on.
 */
import type { Parts } from '../../../src/daemon/operations/context.ts'
import type { Cid } from '../../../src/dfs.ts'
import { leavesOf } from '../../../src/format/slice-tree.ts'
import { encodeProof, type StorageChallenge, treeOfChallenge } from '../../../src/format/storage-proof.ts'
import { bytesOfValue, partValue } from '../../../src/seal/blake3-tree.ts'
import { makeProof } from '../../../src/seal/storage-proof.ts'

export async function keepHashesAlone({ holds, pool, store }: Parts): Promise<void> {
  const blocks = new Map<Cid, Buffer>()
  for await (const cid of holds.promises.references()) {
    const handle = store.open(cid)!
    blocks.set(cid, handle.read(0, handle.bytes))
    handle.close()
    store.delete(cid)
  }
  const has = store.has.bind(store)
  store.has = (cid) => blocks.has(cid) || has(cid)
  const sync = store.sync.bind(store)
  store.sync = (cids) => sync([...(cids ?? [])].filter(has))
  const fetched = new Set<Cid>()
  pool.prove = async (challenge) => {
    const block = blocks.get(challenge.cid)!
    if (fetched.has(challenge.cid)) return makeProof(challenge, block)
    fetched.add(challenge.cid)
    return forgeProof(challenge, block)
  }
}

/** What somebody sends who has the hash of each slice, and none of them. */
export function forgeProof(challenge: StorageChallenge, block: Buffer): Buffer {
  const tree = treeOfChallenge(challenge)
  return encodeProof(
    tree,
    leavesOf(tree).map((leaf) =>
      leaf.kind === 'slice' ? Buffer.alloc(leaf.bytes) : bytesOfValue(partValue(block, leaf.first, leaf.slices)),
    ),
  )
}
