/**
 * `verify`: reads every block of the store, or those one folder or file needs, against its name, and every stub;
 * names what is damaged or missing and the files that it hits. Changes nothing.
 */
import path from 'node:path'
import { textOf } from '../../bytes/byte-string.ts'
import type { ByteString, Cid, FileReference } from '../../dfs.ts'
import { digestOfCid } from '../../format/cid.ts'
import { DigestSet } from '../../store/digest-set.ts'
import { findFileDamage, scrub } from '../../store/scrub.ts'
import type { Folder } from '../../vfs/folder.ts'
import type { Params, VerifyResult } from '../control-api.ts'
import type { Call } from '../control-server.ts'
import { locateOrFail } from '../locate.ts'
import { batchesOf } from '../replication/batches.ts'
import { type Context, knownFolders, leaseAll, type Parts } from './context.ts'

const BATCH = { countMax: 256 }

export async function verify(context: Context, params: Params<'verify'>, call: Call): Promise<VerifyResult> {
  const parts = await context.parts()
  const registered = context.home().folders.list()
  const place = params.path === undefined ? undefined : locateOrFail(params.path, knownFolders(context.home(), parts))
  const wanted = registered.filter((folder) => place === undefined || folder.path === place.folder)

  await using leases = await leaseAll(parts.folders, wanted)
  const result: VerifyResult = { blocks: 0, elsewhere: 0, damaged: [], missing: [], stubs: [] }
  const damaged = await scrubAll(parts, result, call)
  const references = referencesOf(leases.folders, place?.inside ?? '', result)
  const files = { damaged: new Map<Cid, Set<string>>(), missing: new Map<Cid, Set<string>>() }
  if (place === undefined) for (const cid of damaged) files.damaged.set(cid, new Set())
  const elsewhere = new DigestSet()
  for await (const found of batchesOf(findFileDamage(parts.store, damaged, references, call), BATCH)) {
    const holders = await parts.holds.holdersOf(found.map(({ cid }) => cid))
    for (const [index, { cid, file, state }] of found.entries()) {
      // What another device is bound to keep was evicted, and is no damage.
      if (state === 'missing' && holders[index]!.length > 0) elsewhere.add(digestOfCid(cid))
      else files[state].set(cid, (files[state].get(cid) ?? new Set()).add(file))
    }
  }
  result.elsewhere = elsewhere.size
  result.damaged = [...files.damaged].map(([cid, hit]) => ({ cid, files: [...hit] }))
  result.missing = [...files.missing].map(([cid, hit]) => ({ cid, files: [...hit] }))
  return result
}

/** The damaged blocks of the whole store; a misplaced block is missing from its place, and found so. */
async function scrubAll({ store }: Parts, result: VerifyResult, call: Call): Promise<Set<Cid>> {
  const damaged = new Set<Cid>()
  for await (const { cid, state } of scrub(store, call)) {
    result.blocks++
    if (state === 'damaged') damaged.add(cid)
  }
  return damaged
}

/** What the files below `inside` refer to; stubs that cannot be read go into the result. */
async function* referencesOf(
  folders: readonly Folder[],
  inside: ByteString,
  result: VerifyResult,
): AsyncGenerator<FileReference> {
  for (const folder of folders) {
    const onUnreadable = (at: ByteString, why: string) =>
      result.stubs.push({ path: path.join(folder.path, textOf(at)), why })
    yield* folder.fileReferences(inside, { onUnreadable })
  }
}
