/** The parts of replication, put together: what copies in the background, what makes room, and what people are told of it. */
import path from 'node:path'
import type { BlockSource, Cid } from '../../dfs.ts'
import { countHolders } from '../../net/holds/counting.ts'
import type { HoldService } from '../../net/holds/hold-service.ts'
import type { DeviceId } from '../../net/holds/state.ts'
import type { SealPool } from '../../seal/pool.ts'
import type { BlockFiles } from '../../store/block-files.ts'
import { BlockFilesReader } from '../../store/block-reader.ts'
import type { FilePins } from '../../store/file-pins.ts'
import type { RunningClock } from '../../store/running-time.ts'
import { Auditor } from '../audits/auditor.ts'
import { Standings, standingsFile } from '../audits/standings.ts'
import type { Folders } from '../folders.ts'
import type { Home } from '../home.ts'
import type { NetworkService } from '../network-service.ts'
import { leaseAll } from '../operations/context.ts'
import { parseRedundancy, replicasWanted } from '../redundancy.ts'
import { HeadGiver } from './head-giver.ts'
import { Lenders } from './lenders.ts'
import { Pace } from './pace.ts'
import type { Heads, Holds, MembersView } from './parts.ts'
import { findDataBlocks } from './pinned-blocks.ts'
import { Placer } from './placing.ts'
import { PolicyPlacer } from './policy-placer.ts'
import { QuotaKeeper } from './quota-keeper.ts'
import { Replicator } from './replicator.ts'
import { ShardPlacer } from './sharding.ts'
import { TransferRate } from './transfer-rate.ts'
import { wholeBlock } from './whole-blocks.ts'

export interface ReplicationOptions {
  readonly home: Home
  readonly network: NetworkService
  readonly store: BlockFiles
  readonly pool: SealPool
  /** Blocks from other devices, whole or in shards. */
  readonly source: BlockSource
  readonly folders: Folders
  readonly heads: Heads
  readonly holds: Holds & Pick<HoldService, 'audits' | 'trustBy'>
  readonly members: MembersView
  readonly pins: FilePins
  /** Of the store: see `RunningTime`. */
  readonly clock: RunningClock
}

interface Working {
  readonly auditor: Auditor
  readonly standings: Standings
  readonly replicator: Replicator
  readonly quota: QuotaKeeper
  readonly rate: TransferRate
  readonly down: Pace
  readonly closing: AsyncDisposableStack
}

const MS_PER_DAY = 86_400_000

export class RunningReplication implements AsyncDisposable {
  readonly auditor: Auditor
  /** What audits have shown of holders. */
  readonly standings: Standings
  readonly replicator: Replicator
  readonly pins: FilePins
  /** How fast others come to hold what is here. */
  readonly rate: TransferRate
  /** Of what is fetched as a whole: for people, and to make lost shards anew. */
  readonly down: Pace
  readonly #quota: QuotaKeeper
  readonly #options: ReplicationOptions
  readonly #closing: AsyncDisposableStack

  private constructor(
    options: ReplicationOptions,
    { auditor, standings, replicator, quota, rate, down, closing }: Working,
  ) {
    this.#options = options
    this.auditor = auditor
    this.standings = standings
    this.#quota = quota
    this.replicator = replicator
    this.pins = options.pins
    this.rate = rate
    this.down = down
    this.#closing = closing
  }

  /** Begins to copy and to make room. Fails with `newer-version`, `io`. */
  static async open(options: ReplicationOptions): Promise<RunningReplication> {
    const { home, network, pool, source, heads, holds, members } = options
    await using opened = new AsyncDisposableStack()
    const replicas = () => replicasWanted(home.config)
    const rate = new TransferRate()
    const up = new Pace(() => home.config.upBytesPerSecond)
    const down = new Pace(() => home.config.downBytesPerSecond)
    const reader = new BlockFilesReader(home.directory('blocks'))
    const { standings, auditor } = await openAudits(options)
    opened.use(auditor)
    const others = () => {
      if (!network.isRunning || network.isRemoved) return []
      return otherMembers(network, members.self).filter((device) => !auditor.isBarred(device))
    }
    const lenders = new Lenders({ others, offerOf: (device, signal) => holds.offerOf(device, signal) })
    const giver = new HeadGiver({ heads, lenders, members, replicas })
    const placing = {
      holds: {
        holdersOf: (cids: readonly Cid[]) => holds.holdersOf(cids),
        shards: holds.shards,
        ask: askNoting(holds, auditor),
      },
      lenders,
      members,
      replicas,
      pace: (bytes: number, signal: AbortSignal) => {
        rate.begin()
        return up.take(bytes, signal)
      },
      onHeld: (bytes: number) => rate.note(bytes),
      onHolder: (device: DeviceId) => giver.noteHolder(device),
    }
    const placer = new PolicyPlacer({
      ...placing,
      redundancy: () => parseRedundancy(home.config.redundancy),
      copies: new Placer(placing),
      shards: new ShardPlacer({
        ...placing,
        read: (block, signal) =>
          wholeBlock(block, { reader, source, signal, pace: (bytes) => down.take(bytes, signal) }),
        split: (block, redundancy) => pool.split(block, redundancy),
      }),
    })
    const stateFile = path.join(home.dir, 'replicated')
    const replicator = opened.use(await Replicator.open({ heads, holds, placer, lenders, giver, replicas, stateFile }))
    opened.defer(network.onMember((device) => replicator.noteMember(device)))
    opened.defer(network.onMember((device) => auditor.memberCame(device)))
    const quota = opened.use(new QuotaKeeper({ ...quotaParts(options), replicas }))
    return new RunningReplication(options, {
      auditor,
      standings,
      replicator,
      quota,
      rate,
      down,
      closing: opened.move(),
    })
  }

  /** What was set counts from now on. */
  settingsChanged(): void {
    this.replicator.wake()
    this.#quota.wake()
  }

  /**
   * Somebody waits: as if all members came now, each is asked anew what it lends, and given the newest head; and what is
   * missing is looked for.
   */
  hurry(): void {
    const { network, members, heads } = this.#options
    for (const device of otherMembers(network, members.self)) {
      this.replicator.noteMember(device)
      heads.memberCame(device)
    }
  }

  /** How many bytes can come before something would have to be evicted for them. */
  room(): Promise<number> {
    return this.#quota.room()
  }

  /** How many holders would count if all other members were to hold something. */
  possibleReplicas(): number {
    const { network, members } = this.#options
    return countHolders(otherMembers(network, members.self), members)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#closing.disposeAsync()
  }
}

/** Begins to audit. From now on evictions count those who prove themselves. */
async function openAudits({ home, network, holds, members, clock }: ReplicationOptions) {
  const standings = await Standings.open(standingsFile(path.join(home.dir, 'audits')), clock)
  const auditor = new Auditor({
    audits: holds.audits,
    standings,
    clock,
    isMember: (device) => members.ownerOf(device) !== undefined,
    connected: () => network.connected,
    awayMs: () => home.config.holderAwayDays * MS_PER_DAY,
  })
  holds.trustBy(auditor)
  return { standings, auditor }
}

/** What a device comes to hold is audited soon. */
function askNoting(holds: Holds, auditor: Auditor): Holds['ask'] {
  return async (holder: DeviceId, blocks, signal) => {
    const outcomes = await holds.ask(holder, blocks, signal)
    const held = [...outcomes].filter(([, outcome]) => outcome === 'held').map(([cid]) => cid)
    if (held.length > 0) auditor.noteGiven(holder, held)
    return outcomes
  }
}

function quotaParts({ home, network, store, folders, holds, members, pins }: ReplicationOptions) {
  return {
    store,
    holds,
    members,
    quotaBytes: () => (network.isRunning && network.hasOthers ? home.config.localQuotaBytes : 0),
    dataBlocks: async (signal: AbortSignal) => {
      await using leases = await leaseAll(folders, home.folders.list())
      return findDataBlocks(leases.folders, pins, signal)
    },
  }
}

function otherMembers({ membership }: NetworkService, self: string): string[] {
  const devices = membership.members().map(({ deviceId }) => deviceId)
  return devices.filter((device) => device !== self)
}
