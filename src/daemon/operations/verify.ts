/**
 * `verify`: reads every block of the store, or those one folder or file needs, against its name, and every stub;
 * names what is damaged or missing and the files that it hits. Asked to repair, it has such blocks fetched anew; else it
 * changes nothing.
 */
import path from 'node:path'
import { textOf } from '../../bytes/byte-string.ts'
import type { BlockName, ByteString, Cid, FileReference } from '../../dfs.ts'
import { digestOfCid } from '../../format/cid.ts'
import { DigestSet } from '../../store/digest-set.ts'
import { type FileDamage, findFileDamage, scrub } from '../../store/scrub.ts'
import type { Folder } from '../../vfs/folder.ts'
import type { DamagedBlock, Params, VerifyResult } from '../control-api.ts'
import type { Call } from '../control-server.ts'
import { locateOrFail } from '../locate.ts'
import { batchesOf } from '../replication/batches.ts'
import { strengthsOf } from '../replication/strengths.ts'
import { type Context, knownFolders, leaseAll, type Parts } from './context.ts'
import { repairBlocks } from './repair-blocks.ts'

const BATCH = { countMax: 256 }

type Stubs = VerifyResult['stubs']

/** A block that is damaged or missing, and the files that need it: none if its length is not known. */
interface Hit {
  readonly files: Set<string>
  readonly block: BlockName | undefined
}

type Hits = Record<FileDamage['state'], Map<Cid, Hit>>

export async function verify(context: Context, params: Params<'verify'>, call: Call): Promise<VerifyResult> {
  const parts = await context.parts()
  const registered = context.home().folders.list()
  const place = params.path === undefined ? undefined : locateOrFail(params.path, knownFolders(context.home(), parts))
  const wanted = registered.filter((folder) => place === undefined || folder.path === place.folder)

  await using leases = await leaseAll(parts.folders, wanted)
  const { blocks, damaged } = await scrubAll(parts, call)
  const stubs: Stubs = []
  const references = referencesOf(leases.folders, place?.inside ?? '', stubs)
  const { hits, elsewhere } = await findHits(parts, findFileDamage(parts.store, damaged, references, call))
  if (place === undefined) {
    for (const cid of damaged) if (!hits.damaged.has(cid)) hits.damaged.set(cid, { files: new Set(), block: undefined })
  }
  const repairs = params.repair ? await repair(context, parts, hits, call) : { repaired: 0, failed: new Map() }
  return {
    blocks,
    elsewhere,
    repaired: repairs.repaired,
    damaged: described(hits.damaged, repairs.failed),
    missing: described(hits.missing, repairs.failed),
    stubs,
  }
}

/** The damaged blocks of the whole store; a misplaced block is missing from its place, and found so. */
async function scrubAll({ store }: Parts, call: Call): Promise<{ blocks: number; damaged: Set<Cid> }> {
  const damaged = new Set<Cid>()
  let blocks = 0
  for await (const { cid, state } of scrub(store, call)) {
    blocks++
    if (state === 'damaged') damaged.add(cid)
  }
  return { blocks, damaged }
}

/** By block; what is not here because it was evicted is counted. */
async function findHits({ holds, replication, members }: Parts, damage: AsyncIterable<FileDamage>) {
  const hits: Hits = { damaged: new Map(), missing: new Map() }
  const elsewhere = new DigestSet()
  for await (const found of batchesOf(damage, BATCH)) {
    const cids = found.map(({ cid }) => cid)
    const strengths = await strengthsOf(cids, { holds, members, enough: 1 })
    for (const [index, { cid, sealedBytes, file, fileId, state }] of found.entries()) {
      // What another device is bound to keep was evicted, and is no damage; but what is pinned never is.
      const mayBeAway = strengths[index]! > 0 && !replication.pins.has(fileId)
      if (state === 'missing' && mayBeAway) elsewhere.add(digestOfCid(cid))
      else {
        const hit = hits[state].get(cid) ?? { files: new Set(), block: { cid, sealedBytes } }
        hits[state].set(cid, hit)
        hit.files.add(file)
      }
    }
  }
  return { hits, elsewhere: elsewhere.size }
}

/** Those that are whole again are taken out. */
async function repair(context: Context, { store, source }: Parts, hits: Hits, { signal, onProgress }: Call) {
  const service = await context.network()
  service.startIfUseful()
  const blocks = [...hits.damaged.values(), ...hits.missing.values()].flatMap(({ block }) => block ?? [])
  const failed = await repairBlocks(blocks, { store, source, signal, onProgress })
  for (const { cid } of blocks) {
    if (failed.has(cid)) continue
    hits.damaged.delete(cid)
    hits.missing.delete(cid)
  }
  return { repaired: blocks.length - failed.size, failed }
}

function described(hits: ReadonlyMap<Cid, Hit>, failed: ReadonlyMap<Cid, string>): DamagedBlock[] {
  return [...hits].map(([cid, { files }]) => {
    const why = failed.get(cid)
    return { cid, files: [...files], ...(why !== undefined && { why }) }
  })
}

/** What the files below `inside` refer to; stubs that cannot be read go into the list. */
async function* referencesOf(
  folders: readonly Folder[],
  inside: ByteString,
  stubs: Stubs,
): AsyncGenerator<FileReference> {
  for (const folder of folders) {
    const onUnreadable = (at: ByteString, why: string) => stubs.push({ path: path.join(folder.path, textOf(at)), why })
    yield* folder.fileReferences(inside, { onUnreadable })
  }
}
