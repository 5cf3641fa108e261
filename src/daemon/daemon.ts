/**
 * The one place where the real parts of dfs are built and joined: keys, block store, pool, index, folders, drivers.
 * What is built here is closed here, in the opposite order.
 */
import { statfs } from 'node:fs/promises'
import path from 'node:path'
import { decodeBase32 } from '../bytes/base32.ts'
import { Mutex } from '../concurrency/mutex.ts'
import { DfsError } from '../errors.ts'
import { decodeStatementSet } from '../format/membership.ts'
import { fuseNativeDriver } from '../fuse/fuse-native/driver.ts'
import { kernelDriver } from '../fuse/kernel/driver.ts'
import { realClock } from '../net/exchange/clock.ts'
import { JoinedSource } from '../net/exchange/joined-source.ts'
import { RemoteSource } from '../net/exchange/remote-source.ts'
import type { HoldService } from '../net/holds/hold-service.ts'
import { Holds } from '../net/holds/holds.ts'
import type { NetworkIdentity } from '../net/member.ts'
import { Membership } from '../net/membership.ts'
import { Network } from '../net/network.ts'
import { bufferOf } from '../net/pairing/pairing-calls.ts'
import { SealPool } from '../seal/pool.ts'
import { keepBallast } from '../store/ballast.ts'
import { BlockFiles } from '../store/block-files.ts'
import { FilePins } from '../store/file-pins.ts'
import { HoldLedger } from '../store/hold-ledger.ts'
import { IndexDb } from '../store/index-db.ts'
import { WitnessFile } from '../store/index-witness.ts'
import { Journal } from '../store/journal.ts'
import { RunningTime } from '../store/running-time.ts'
import { readFileIfThere } from '../store/small-file.ts'
import { SyncIndexDb } from '../store/sync-index-db.ts'
import { type Beginning, SyncIndex } from '../sync/sync-index.ts'
import { DirtyMemory } from '../vfs/dirty-memory.ts'
import { Folder } from '../vfs/folder.ts'
import { HydrationPolicy } from '../vfs/hydration-policy.ts'
import type { AttributeIndex } from '../vfs/services.ts'
import { Folders } from './folders.ts'
import { Heads } from './heads/heads.ts'
import { KeptHeads } from './heads/kept-heads.ts'
import type { Home } from './home.ts'
import { Mounts } from './mounts.ts'
import { buffersOf, membersFile, NetworkService } from './network-service.ts'
import { networkStart, pairingStart } from './network-start.ts'
import type { Parts } from './operations/context.ts'
import { replicasWanted } from './redundancy.ts'
import { HeldReplicas } from './replication/held-replicas.ts'
import { RunningReplication } from './replication/running-replication.ts'
import { readAtOnce } from './replication/whole-blocks.ts'
import { savedNowAndThen } from './saved-clock.ts'
import { sharedMemory } from './shared-memory.ts'
import { EagerFolders } from './sync/eager-folders.ts'
import { FolderSyncs } from './sync/folder-syncs.ts'
import type { OpenIndex, SyncedFolder } from './sync/running-sync.ts'
import { VersionKeeper } from './version-keeping.ts'

export interface PartsOptions {
  network: NetworkService
  onMountEnded: () => void
}

/** Opens all that a home needs to serve folders. Fails as the first part that fails; nothing stays open then. */
export async function openParts(home: Home, { network, onMountEnded }: PartsOptions): Promise<Parts> {
  const { config } = home
  await using opened = new AsyncDisposableStack()
  const keys = home.keys
  const store = opened.use(await BlockFiles.open(home.directory('blocks'), { create: !home.mayHaveBlocks }))
  const pool = new SealPool({ keys, memory: network.source.memory, threads: config.sealThreads || undefined })
  opened.defer(() => pool.close())
  opened.defer(network.onAdvance(() => pool.rekey(keys)))
  const index = await IndexDb.open(home.directory('index'))
  opened.defer(() => index.close())
  const clock = await RunningTime.open(path.join(home.dir, 'running-time.json'))
  opened.use(savedNowAndThen(clock))
  opened.use(keepBallast(home.dir))
  const ledger = opened.use(await HoldLedger.open(home.directory('holds')))
  const holds = makeHolds(home, { network, store, pool, ledger, clock })
  opened.defer(() => holds.stop())
  const dirty = new DirtyMemory(pool.memory, config.dirtyBytesMax)

  const policy = new HydrationPolicy(() => home.config.localOnlyPrograms)

  const heads = await openHeads(home, { network, store, holds })
  opened.use(heads)
  opened.defer(network.onMember((device) => heads.memberCame(device)))
  opened.defer(network.onAdvance(async () => heads.forgetTrees()))

  const syncs = opened.use(
    await FolderSyncs.open(home, network, (folder, beginning) => openSyncIndex(home, heads, folder, beginning)),
  )

  const { membership } = network
  const members = { self: home.deviceId, ownerOf: (device: string) => membership.ownerOf(device) }
  const replicas = new HeldReplicas({ holds, heads, members, replicas: () => replicasWanted(home.config) })
  const source = new JoinedSource({
    source: network.source,
    shards: holds.shards,
    readHere: (cid) => readAtOnce(store, cid),
    join: (ref, shards, into) => pool.join(ref, shards, into),
    clock: realClock,
  })

  const eager = new EagerFolders({ registry: home.folders, network, replication: () => replication })
  const folders = new Folders({
    home: home.dir,
    registry: home.folders,
    onOpened: (folder) => {
      heads.opened(folder)
      syncs.opened(folder)
      eager.opened(folder)
    },
    onClosing: async (folder) => {
      await eager.closing(folder)
      await syncs.closing(folder)
      await heads.closing(folder)
    },
    source: {
      idAt: (folder) => Folder.idAt(folder),
      open: (folder) =>
        Folder.open({
          path: folder,
          store,
          storeDir: home.directory('blocks'),
          openJournal: (id) => Journal.open({ dir: path.join(home.directory('journal'), id), keys }),
          pool,
          source,
          mayFetch: (pid) => policy.mayFetch(pid),
          keys,
          index: attributeIndex(index),
          dirty,
          cacheBytesMax: config.cacheBytesMax,
          deletedAgeMsMin: config.keepDeletedAfterSeconds * 1000,
          replicas,
        }),
    },
  })
  const mounts = new Mounts({
    home: home.dir,
    folders,
    drivers: [kernelDriver, fuseNativeDriver],
    onEnded: onMountEnded,
  })
  opened.defer(() => mounts.umountAll())

  const collecting = new Mutex()
  opened.use(new VersionKeeper({ home, clock, folders, collecting }))

  await holds.start()
  opened.defer(network.serveHolds(holds))

  const pins = await FilePins.open(path.join(home.dir, 'pins'))
  const replication: RunningReplication = opened.use(
    await RunningReplication.open({ home, network, store, pool, source, folders, heads, holds, members, pins, clock }),
  )

  opened.defer(network.onMember(() => eager.retry()))

  const closing = opened.move()
  return {
    keys,
    store,
    pool,
    network,
    source,
    members,
    clock,
    collecting,
    dirty,
    folders,
    mounts,
    heads,
    syncs,
    eager,
    holds,
    replication,
    close: () => closing.disposeAsync(),
  }
}

async function openSyncIndex(
  home: Home,
  heads: Heads,
  folder: Pick<SyncedFolder, 'id' | 'directoryFd'>,
  beginning: Beginning,
): Promise<OpenIndex> {
  const directory = path.join(home.directory('sync'), folder.id)
  await using opened = new AsyncDisposableStack()
  const db = opened.use(await SyncIndexDb.open(directory, home.keys))
  const witness = opened.use(new WitnessFile(folder.directoryFd, directory))
  const index = await SyncIndex.open(db, { ...beginning, witness, datesByMtime: true })
  heads.indexOpened(folder.id, index)
  opened.defer(() => heads.indexClosing(folder.id))
  const closing = opened.move()
  return { index, close: () => closing.disposeAsync() }
}

function openHeads(
  home: Home,
  { network, store, holds }: { network: NetworkService; store: BlockFiles; holds: HoldService },
): Promise<Heads> {
  const { membership } = network
  return Heads.open({
    dir: home.directory('heads'),
    store,
    source: network.source,
    keys: home.keys,
    device: home.identity,
    identity: () => membership.identity,
    registered: () => home.folders.list(),
    hasOwnDevices: () =>
      membership.members().some(({ deviceId }) => deviceId !== home.deviceId && membership.roleOf(deviceId) === 'own'),
    isActive: () => network.isRunning && network.hasOthers,
    holds,
    give: (peerId, record, signal) =>
      network.network.call('heads.give', { peerId, record: Uint8Array.from(record) }, { signal }),
    isMember: (device) => membership.isMember(device),
  })
}

interface HoldParts {
  network: NetworkService
  store: BlockFiles
  pool: SealPool
  ledger: HoldLedger
  clock: RunningTime
}

function makeHolds(home: Home, { network, store, pool, ledger, clock }: HoldParts): Holds {
  const { membership } = network
  return new Holds({
    self: home.deviceId,
    key: home.identity,
    network: membership.identity.network,
    owner: home.ownerId,
    members: {
      ownerOf: (device) => membership.ownerOf(device),
      isOwnerRemoved: (owner) => membership.isOwnerRemoved(decodeBase32(owner)),
    },
    ledger,
    store,
    source: network.source,
    prove: (challenge) => pool.prove(challenge, store.fileOf(challenge.cid)),
    transport: (peerId, message) => network.network.call('holds.send', { peerId, message }),
    disk: async () => {
      const { bavail, blocks, bsize } = await statfs(home.directory('blocks'))
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
    },
    nowMs: () => clock.nowMs(),
    clock: realClock,
    replicas: () => replicasWanted(home.config),
    offerBytes: () => home.config.offerBytes,
  })
}

const NETWORK_WORKER = new URL(`./net-worker${path.extname(import.meta.url)}`, import.meta.url)

/** Opens what is known of the members; the worker starts when it is needed. */
export async function openNetwork(home: Home): Promise<NetworkService> {
  const bytes = await readFileIfThere(membersFile(home.dir))
  const membership = new Membership(home.network, bytes === undefined ? [] : decodeStatementSet(bytes))
  const keptHeads = await KeptHeads.open(home.directory('heads'), membership)
  const memory = sharedMemory(home)
  const source: RemoteSource = new RemoteSource({
    memory,
    call: async (...call) => {
      await service.settled()
      return network.call(...call)
    },
  })
  const network: Network = new Network({
    worker: NETWORK_WORKER,
    start: () => networkStart(home, membership, memory.memory),
    events: {
      'event.member': (change) => service.memberChanged(change),
      'event.addresses': () => undefined,
      'event.statements': (statements) => void membership.merge(buffersOf(statements)),
      'event.keyWanted': (peerId) => service.keyFor(peerId),
      ...keptHeads.events(),
      'event.holds': ({ peerId, message }) => service.takeHolds(peerId, bufferOf(message)),
      'event.sync': ({ peerId, message }) => service.takeSync(peerId, bufferOf(message)),
    },
  })
  const service: NetworkService = new NetworkService({ home, membership, network, source, keptHeads })
  await service.found()
  return service
}

/** A network that can do nothing but join another. */
export function openPairing(homeDir: string, identitySeed: Buffer, identity: NetworkIdentity): Network {
  const ignore = () => undefined
  return new Network({
    worker: NETWORK_WORKER,
    start: () => pairingStart(homeDir, identitySeed, identity),
    events: {
      'event.member': ignore,
      'event.addresses': ignore,
      'event.statements': ignore,
      'event.headGiven': () => ({ refused: 'unavailable' }),
      'event.headsWanted': () => [],
      'event.holds': ignore,
      'event.sync': ignore,
      'event.keyWanted': () => {
        throw new DfsError('no-permission', 'there is nobody who may ask', { op: 'keys' })
      },
    },
  })
}

function attributeIndex(index: IndexDb): AttributeIndex {
  return {
    get: (stat) => index.attributes(stat, stat.ctimeNs),
    put: (stat, { fileId, sequence, meta, allocatedBytes }) =>
      index.setAttributes(stat, { ctimeNs: stat.ctimeNs, fileId, sequence, meta, allocatedBytes }),
  }
}
