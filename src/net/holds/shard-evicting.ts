/**
 * Deleting this device's copy of a block that others hold in shards. As long as the block is here, this device can make
 * each shard; what it loses with the block is that. So it asks the holders of all shards for new holds, as before any deletion
 * (`rely`), and deletes while enough of these questions stand answered, checked again in the same moment.
 *
 * Nobody was promised anything that is lost: promises are of shards that are on the disk. The block itself may have been
 * promised, and stays then.
 */
import { Limiter } from '../../concurrency/limiter.ts'
import type { Cid } from '../../dfs.ts'
import type { HoldDriver, Outcome } from './driver.ts'
import type { EvictOutcome, HeldShard } from './hold-service.ts'
import type { Questions } from './questions.ts'
import type { ShardHolds } from './shard-holds.ts'
import type { DeviceId } from './state.ts'
import { codingsOf, strengthOf } from './strength.ts'

export interface ShardEvictingParts {
  readonly driver: HoldDriver
  readonly questions: Questions
  readonly shards: Pick<ShardHolds, 'of'>
}

/** Shards of which something is asked at once. */
const ASKED_MAX = 256
const PIECES_AT_ONCE = 4

type BlockShards = readonly [cid: Cid, shards: readonly HeldShard[]]

/** Those of the blocks that are worth enough by their shards and not by copies, with what came of them. */
export async function evictByShards(
  cids: readonly Cid[],
  parts: ShardEvictingParts,
  signal: AbortSignal | undefined,
): Promise<Map<Cid, EvictOutcome>> {
  const limiter = new Limiter(PIECES_AT_ONCE)
  const pieces = piecesOf(await sharded(cids, parts))
  const outcomes = await Promise.all(pieces.map((piece) => limiter.run(() => evictPiece(piece, parts, signal))))
  return new Map(outcomes.flatMap((piece) => [...piece]))
}

/** Each with the shards of the coding that is worth most. */
async function sharded(cids: readonly Cid[], { driver, shards }: ShardEvictingParts): Promise<BlockShards[]> {
  const found: BlockShards[] = []
  const distinct = [...new Set(cids)]
  for (const [at, those] of (await shards.of(distinct)).entries()) {
    const cid = distinct[at]!
    if (those.length === 0) continue
    const view = driver.viewOf(cid)
    const copies = driver.stateOf(cid).record.holds.filter(({ status }) => status === 'held')
    const wanted = Math.max(1, view.replicas)
    if (strengthOf({ copies: copies.map(({ holder }) => holder), shards: [] }, view) >= wanted) continue
    const codings = [...codingsOf(those).values()]
    const strengths = codings.map((coding) => strengthOf({ copies: [], shards: coding }, view))
    const best = Math.max(...strengths)
    if (best >= wanted) found.push([cid, codings[strengths.indexOf(best)]!])
  }
  return found
}

/** Blocks whose shards are asked about together; the shards of one are never apart. */
function piecesOf(blocks: readonly BlockShards[]): BlockShards[][] {
  const pieces: BlockShards[][] = []
  let left = 0
  for (const block of blocks) {
    if (block[1].length > left) {
      pieces.push([])
      left = ASKED_MAX
    }
    pieces.at(-1)!.push(block)
    left -= block[1].length
  }
  return pieces
}

function evictPiece(
  blocks: readonly BlockShards[],
  { driver, questions }: ShardEvictingParts,
  signal: AbortSignal | undefined,
): Promise<Map<Cid, EvictOutcome>> {
  const asked = blocks.flatMap(([, shards]) => shards.map(({ cid }) => cid))
  const onAnswered = async (countedOn: (cid: Cid) => readonly DeviceId[]) => {
    const mayDelete = ([cid, shards]: BlockShards) => {
      const counted = shards.map((shard) => ({ ...shard, holders: countedOn(shard.cid) }))
      const view = driver.viewOf(cid)
      return strengthOf({ copies: [], shards: counted }, view) >= Math.max(1, view.replicas)
    }
    const input = { kind: 'command', command: { kind: 'drop' } } as const
    // Not needed here any more: the shards are.
    const drop = (block: BlockShards) => {
      return { cid: block[0], input, isNeeded: false, mayDelete: () => mayDelete(block) }
    }
    const outcomes = await driver.apply(blocks.map(drop))
    return new Map(blocks.map(([cid], at) => [cid, outcomeOf(outcomes[at]!)]))
  }
  return questions.rely(asked, onAnswered, signal)
}

/** Fails where the disk or the ledger did. */
function outcomeOf({ refused, failed }: Outcome): EvictOutcome {
  if (failed === undefined) return refused ?? 'evicted'
  if (failed.kind === 'busy') return 'in-use'
  if (failed.kind === 'unreachable') return 'unreachable'
  throw failed
}
