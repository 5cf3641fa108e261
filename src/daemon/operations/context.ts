/** What the operations of the control socket work with; `daemon.ts` builds it, and never a part is made anew here. */

import type { Mutex } from '../../concurrency/mutex.ts'
import type { BlockSource } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import type { Ticket } from '../../format/ticket.ts'
import type { HoldService } from '../../net/holds/hold-service.ts'
import type { Network } from '../../net/network.ts'
import type { WireJoined, WireJoinRequest } from '../../net/pairing/pairing-calls.ts'
import type { Keys } from '../../seal/keys.ts'
import type { SealPool } from '../../seal/pool.ts'
import type { BlockFiles } from '../../store/block-files.ts'
import type { RunningClock } from '../../store/running-time.ts'
import type { DirtyMemory } from '../../vfs/dirty-memory.ts'
import type { Folder } from '../../vfs/folder.ts'
import type { RegisteredFolder } from '../folder-registry.ts'
import type { FolderLease, Folders } from '../folders.ts'
import type { HeadKeeper } from '../heads/head-keeper.ts'
import type { Home, NewHome } from '../home.ts'
import type { KeyFiles } from '../key-files.ts'
import type { KnownFolder } from '../locate.ts'
import type { Mounts } from '../mounts.ts'
import type { NetworkService } from '../network-service.ts'
import type { MembersView } from '../replication/parts.ts'
import type { RunningReplication } from '../replication/running-replication.ts'
import type { EagerFolders } from '../sync/eager-folders.ts'
import type { FolderSyncs } from '../sync/folder-syncs.ts'

/** The parts of a working daemon, opened at the first operation that needs them. */
export interface Parts {
  readonly keys: Keys
  readonly store: BlockFiles
  readonly pool: SealPool
  readonly network: NetworkService
  /** Blocks from other devices, whole or in shards. */
  readonly source: BlockSource
  /** Who owns which device. */
  readonly members: MembersView
  /** Of the store: see `RunningTime`. */
  readonly clock: RunningClock
  /** Held by a garbage collection: one at a time. */
  readonly collecting: Mutex
  /** What was written and is not stored yet, of all folders. */
  readonly dirty: DirtyMemory
  readonly folders: Folders
  readonly mounts: Mounts
  readonly replication: RunningReplication
  readonly heads: HeadKeeper
  readonly syncs: FolderSyncs
  readonly eager: EagerFolders
  readonly holds: HoldService
  /** Unmounts everything, stores what is dirty and closes all parts. */
  close(): Promise<void>
}

export interface Context {
  readonly homeDir: string
  /** The keys of the home, also of one that is half made. */
  readonly keyFiles: KeyFiles
  /** Fails with `not-found` where there is no home yet. */
  home(): Home
  /** Makes the home this daemon works in from now on. */
  createHome(options: NewHome): Promise<Home>
  /** Puts the home, which has no folders, under another personal key or into another network. */
  renewHome(options: NewHome): Promise<Home>
  /** What is known of the network; opened at the first operation that needs it, and not started by that. */
  network(): Promise<NetworkService>
  /** Between the steps of a pairing. */
  readonly pairing: PairingState
  parts(): Promise<Parts>
  /** Whether the parts are open, so that a new setting waits for the next start. */
  isWorking(): boolean
}

export interface PairingState {
  /** The ticket that was given out last. */
  invitation?: { readonly ticket: Ticket; readonly endMs: number } | undefined
  /** The device that waits to be let in. */
  request?: WireJoinRequest | undefined
  joining?: Joining | undefined
}

/** A joining that waits for the person at the other device. */
export interface Joining {
  readonly network: Network
  readonly ticket: Ticket
  readonly joined: Promise<WireJoined>
  /** The personal key of the home that joins, where the ticket is a friend's. */
  readonly personalKey: Buffer | undefined
  readonly name: string | undefined
}

/** All folders of this home, with the mount points of those that are mounted. */
export function knownFolders(home: Home, { mounts }: Parts): KnownFolder[] {
  return home.folders.list().map(({ path }) => ({ path, mountpoint: mounts.find(path)?.mountpoint }))
}

/** The folder called `path` by its own path or by its mount point. Fails with `not-found`. */
export function folderNamed(path: string, folders: readonly KnownFolder[]): string {
  const found = folders.find((folder) => folder.path === path || folder.mountpoint === path)
  if (found !== undefined) return found.path
  throw new DfsError('not-found', 'is not a folder of dfs', { subject: path, mend: 'see "dfs status"' })
}

/** All these folders, open until disposed of. Fails as the first that cannot be opened. */
export async function leaseAll(
  folders: Folders,
  wanted: readonly RegisteredFolder[],
): Promise<AsyncDisposable & { folders: Folder[] }> {
  await using leases = new AsyncDisposableStack()
  const opened: Folder[] = []
  for (const { path } of wanted) {
    const lease = leases.adopt(await folders.lease(path), (lease: FolderLease) => lease.release())
    opened.push(lease.folder)
  }
  const held = leases.move()
  return { folders: opened, [Symbol.asyncDispose]: () => held.disposeAsync() }
}
