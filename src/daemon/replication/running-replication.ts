/** The parts of replication, put together: what copies in the background, what makes room, and what people are told of it. */
import path from 'node:path'
import { countHolders } from '../../net/holds/counting.ts'
import type { BlockFiles } from '../../store/block-files.ts'
import type { FilePins } from '../../store/file-pins.ts'
import type { Folders } from '../folders.ts'
import type { Home } from '../home.ts'
import type { NetworkService } from '../network-service.ts'
import { leaseAll } from '../operations/context.ts'
import { HeadGiver } from './head-giver.ts'
import { Lenders } from './lenders.ts'
import { Pace } from './pace.ts'
import type { Heads, Holds, MembersView } from './parts.ts'
import { findDataBlocks } from './pinned-blocks.ts'
import { Placer } from './placing.ts'
import { QuotaKeeper } from './quota-keeper.ts'
import { Replicator } from './replicator.ts'
import { TransferRate } from './transfer-rate.ts'

export interface ReplicationOptions {
  readonly home: Home
  readonly network: NetworkService
  readonly store: BlockFiles
  readonly folders: Folders
  readonly heads: Heads
  readonly holds: Holds
  readonly members: MembersView
  readonly pins: FilePins
}

interface Working {
  readonly replicator: Replicator
  readonly quota: QuotaKeeper
  readonly rate: TransferRate
  readonly closing: AsyncDisposableStack
}

export class RunningReplication implements AsyncDisposable {
  readonly replicator: Replicator
  readonly pins: FilePins
  /** How fast others come to hold what is here. */
  readonly rate: TransferRate
  /** Of what people have fetched as a whole. */
  readonly down: Pace
  readonly #quota: QuotaKeeper
  readonly #options: ReplicationOptions
  readonly #closing: AsyncDisposableStack

  private constructor(options: ReplicationOptions, { replicator, quota, rate, closing }: Working) {
    this.#options = options
    this.#quota = quota
    this.replicator = replicator
    this.pins = options.pins
    this.rate = rate
    this.down = new Pace(() => options.home.config.downBytesPerSecond)
    this.#closing = closing
  }

  /** Begins to copy and to make room. Fails with `newer-version`, `io`. */
  static async open(options: ReplicationOptions): Promise<RunningReplication> {
    const { home, network, heads, holds, members } = options
    await using opened = new AsyncDisposableStack()
    const replicas = () => home.config.replicas
    const rate = new TransferRate()
    const up = new Pace(() => home.config.upBytesPerSecond)
    const others = () => (network.isRunning && !network.isRemoved ? otherMembers(network, members.self) : [])
    const lenders = new Lenders({ others, offerOf: (device, signal) => holds.offerOf(device, signal) })
    const giver = new HeadGiver({ heads, lenders, members, replicas })
    const placer = new Placer({
      holds,
      lenders,
      members,
      replicas,
      pace: (bytes, signal) => {
        rate.begin()
        return up.take(bytes, signal)
      },
      onHeld: (bytes) => rate.note(bytes),
      onHolder: (device) => giver.noteHolder(device),
    })
    const stateFile = path.join(home.dir, 'replicated')
    const replicator = opened.use(await Replicator.open({ heads, holds, placer, lenders, giver, replicas, stateFile }))
    opened.defer(network.onMember((device) => replicator.noteMember(device)))
    const quota = opened.use(new QuotaKeeper({ ...quotaParts(options), replicas }))
    return new RunningReplication(options, { replicator, quota, rate, closing: opened.move() })
  }

  /** What was set counts from now on. */
  settingsChanged(): void {
    this.replicator.wake()
    this.#quota.wake()
  }

  /** Somebody waits: all members are asked anew what they lend, and what is missing is looked for now. */
  hurry(): void {
    const { network, members } = this.#options
    for (const device of otherMembers(network, members.self)) this.replicator.noteMember(device)
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
