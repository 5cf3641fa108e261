/**
 * `verifyPeers`: has other devices prove that they keep what they promised, block by block. Those who cannot are replaced, as
 * by any audit.
 */
import type { Cid } from '../../dfs.ts'
import type { DeviceId } from '../../net/holds/state.ts'
import { countOutcomes } from '../audits/verdict.ts'
import type { AuditedHolder, Params, Results } from '../control-api.ts'
import type { Call } from '../control-server.ts'
import { locateOrFail } from '../locate.ts'
import { batchesOf } from '../replication/batches.ts'
import { type Context, knownFolders, leaseAll, type Parts } from './context.ts'
import { awaitPeers } from './devices.ts'

const BATCH = { countMax: 256 }

export async function verifyPeers(
  context: Context,
  { path }: Params<'verifyPeers'>,
  call: Call,
): Promise<Results['verifyPeers']> {
  const parts = await context.parts()
  const service = await context.network()
  if (service.isUseful) await service.start()
  const { membership } = service
  const members = membership.members()
  const holders = (await parts.holds.audits.holders()).filter((holder) => membership.isMember(holder))
  if (holders.length > 0) await awaitPeers(service, holders)
  let done = 0
  const onProgress = (blocks: number) => {
    done += blocks
    call.onProgress({ done, total: undefined, unit: 'blocks' })
  }
  const audits = new Map(holders.map((holder) => [holder, new HolderAudit(parts, holder, { call, onProgress })]))
  if (path === undefined) {
    await Promise.all([...audits].map(([holder, audit]) => audit.takeAll(parts.holds.audits.heldBy(holder))))
  } else {
    await using blocks = await blocksBelow(context, parts, path)
    for await (const cids of batchesOf(blocks.cids, BATCH)) await auditHolders(parts, audits, new Set(cids))
  }
  const names = new Map(members.map(({ deviceId, name }) => [deviceId, name]))
  const told = [...audits].map(([device, { counts }]) => ({ device, name: names.get(device) ?? device, ...counts }))
  return { holders: told.filter(({ blocks }) => blocks > 0).sort((one, other) => one.name.localeCompare(other.name)) }
}

interface HolderAuditOptions {
  readonly call: Call
  readonly onProgress: (blocks: number) => void
}

class HolderAudit {
  readonly counts: Omit<AuditedHolder, 'device' | 'name'> = { blocks: 0, good: 0, failed: 0, unreachable: 0 }
  readonly #parts: Parts
  readonly #holder: DeviceId
  readonly #options: HolderAuditOptions

  constructor(parts: Parts, holder: DeviceId, options: HolderAuditOptions) {
    this.#parts = parts
    this.#holder = holder
    this.#options = options
  }

  async takeAll(cids: AsyncIterable<Cid>): Promise<void> {
    for await (const batch of batchesOf(cids, BATCH)) await this.take(batch)
  }

  async take(cids: readonly Cid[]): Promise<void> {
    const { call, onProgress } = this.#options
    const outcomes = await this.#parts.replication.auditor.audit(this.#holder, cids, call.signal)
    const { good, failed, unreachable } = countOutcomes(outcomes)
    this.counts.blocks += outcomes.size
    this.counts.good += good
    this.counts.failed += failed
    this.counts.unreachable += unreachable
    onProgress(outcomes.size)
  }
}

async function auditHolders({ holds }: Parts, audits: ReadonlyMap<DeviceId, HolderAudit>, cids: ReadonlySet<Cid>) {
  const all = [...cids]
  const holders = await holds.holdersOf(all)
  await Promise.all(
    [...audits].map(([holder, audit]) => audit.take(all.filter((_, index) => holders[index]!.includes(holder)))),
  )
}

/** What the files at and below a path are made of; some blocks more than once. */
async function blocksBelow(context: Context, parts: Parts, path: string) {
  const known = knownFolders(context.home(), parts)
  const place = locateOrFail(path, known)
  const wanted = context
    .home()
    .folders.list()
    .filter((folder) => folder.path === place.folder)
  const leases = await leaseAll(parts.folders, wanted)
  async function* references(): AsyncGenerator<Cid> {
    for (const folder of leases.folders) {
      for await (const { cid } of folder.fileReferences(place.inside, { onUnreadable: () => undefined })) yield cid
    }
  }
  return { cids: references(), [Symbol.asyncDispose]: () => leases[Symbol.asyncDispose]() }
}
