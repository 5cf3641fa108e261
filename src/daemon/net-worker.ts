/**
 * The network's worker thread: builds the node and what runs on it, and serves it to the main thread.
 *
 * libp2p lives here and nowhere else, so that its handshakes and streams never delay a file operation, and a daemon
 * that needs no network never loads it.
 */
import assert from 'node:assert/strict'
import { parentPort, workerData } from 'node:worker_threads'
import { countedIn } from '../concurrency/counters.ts'
import { DfsError, describeError } from '../errors.ts'
import { deviceIdOf } from '../format/device-id.ts'
import { logger } from '../log.ts'
import { startBitswap } from '../net/bitswap.ts'
import { exchangeHandlers } from '../net/exchange/exchange-calls.ts'
import { NodeExchange } from '../net/exchange/node-exchange.ts'
import { HeadExchange } from '../net/heads/head-exchange.ts'
import { HOLDS_PROTOCOL } from '../net/holds/hold-calls.ts'
import { KeySync } from '../net/key-sync.ts'
import { MemberSync } from '../net/member-sync.ts'
import { Membership } from '../net/membership.ts'
import { MessageStreams } from '../net/message-streams.ts'
import type { NetworkCalls, NetworkEvents, NetworkStart } from '../net/network-calls.ts'
import { createNode, type DfsNode } from '../net/node.ts'
import { nodeHandlers, stateOf } from '../net/node-calls.ts'
import { bufferOf } from '../net/pairing/pairing-calls.ts'
import { PairingHost } from '../net/pairing/pairing-host.ts'
import { Rpc } from '../net/rpc.ts'
import { SYNC_PROTOCOL } from '../net/sync-calls.ts'
import { signingKeyOfSeed } from '../seal/signing.ts'
import { BlockFilesReader } from '../store/block-reader.ts'

const log = logger('net')
/** All addresses: where there is IPv6 its socket takes IPv4 too. */
const DIRECT_HOSTS = ['::', '0.0.0.0']

assert(parentPort !== null, 'a worker thread')
const start = workerData as NetworkStart
const identity = {
  kind: start.identity.kind,
  network: bufferOf(start.identity.network),
  owner: bufferOf(start.identity.owner),
}
const membership = new Membership(identity, start.statements.map(bufferOf))
const deviceKey = signingKeyOfSeed(bufferOf(start.identitySeed))
const deviceId = deviceIdOf(deviceKey.publicKey)
let node: DfsNode | undefined
let sync: MemberSync | undefined
let blocks: NodeExchange | undefined
let keys: KeySync | undefined
let heads: HeadExchange | undefined
let holds: MessageStreams | undefined
let folders: MessageStreams | undefined
const pairing = new PairingHost({ node: theNode, identity, identitySeed: start.identitySeed })

const rpc = new Rpc<NetworkEvents, NetworkCalls>(parentPort, {
  ...nodeHandlers(theNode),
  'node.start': async () => stateOf(await createNode({ ...start, isMember, membersToReach: () => others(), serve })),
  'members.merge': (statements) => void membership.merge(statements.map(bufferOf)),
  'keys.ask': (epoch) => keys?.ask(epoch),
  'members.introduce': async (addresses) => {
    assert(sync !== undefined, 'the node runs')
    for (const [at, address] of addresses.entries()) {
      try {
        return await sync.introduce(address)
      } catch (error) {
        if (at === addresses.length - 1) throw error
      }
    }
  },
  'members.remember': (addresses) => sync?.remember(addresses),
  ...pairing.handlers(),
  'heads.give': ({ peerId, record }) => theHeads().give(peerId, bufferOf(record)),
  'heads.ask': ({ peerId, owner }) => theHeads().ask(peerId, bufferOf(owner)),
  ...exchangeHandlers(() => theBlocks().exchange, start.memory),
  'holds.send': async ({ peerId, message }) => {
    if (holds === undefined) throw new DfsError('unreachable', 'the network is starting', { op: 'hold' })
    await holds.send(peerId, message)
  },
  'sync.send': async ({ peerId, message }) => {
    if (folders === undefined) throw new DfsError('unreachable', 'the network is starting', { op: 'sync' })
    await folders.send(peerId, message)
  },
  'node.stop': async () => {
    sync?.stop()
    holds?.stop()
    folders?.stop()
    await blocks?.stop()
    await node?.stop()
  },
})

membership.onChange(({ added }) => tell('event.statements', [...added]))

async function serve(starting: DfsNode): Promise<void> {
  node = starting
  node.onMember((peerId, isUp) => tell('event.member', { peerId, isUp }))
  node.onAddresses((addresses) => tell('event.addresses', addresses))
  if (start.joining) return
  sync = new MemberSync({ node, membership })
  await sync.start()
  keys = new KeySync({ node, membership, newest: (peerId) => rpc.call('event.keyWanted', peerId) })
  await keys.start()
  heads = new HeadExchange({
    node,
    given: (peerId, record) => rpc.call('event.headGiven', { peerId, record }),
    wanted: (peerId, owner) => rpc.call('event.headsWanted', { peerId, owner }),
  })
  await heads.start()
  holds = new MessageStreams({
    ...HOLDS_PROTOCOL,
    node,
    onMessage: (peerId, message) => rpc.call('event.holds', { peerId, message: Uint8Array.from(message) }),
  })
  await holds.start()
  folders = new MessageStreams({
    ...SYNC_PROTOCOL,
    node,
    isPartner: (peerId) => membership.roleOf(peerId) === 'own',
    onMessage: takeSync,
  })
  await folders.start()
  const reader = new BlockFilesReader(start.blocksDir)
  blocks = await NodeExchange.start({
    node,
    blocks: reader,
    networkId: start.networkId,
    isMember,
    deviceKey,
    timeoutMs: start.fetchTimeoutMs,
    bytesReadHere: countedIn(start.counts, 'readBytes'),
    directHosts: start.listen.hosts ?? DIRECT_HOSTS,
  })
  if (start.bitswap) await startBitswap({ node, blocks: reader })
}

/** What the main thread cannot take counts as lost: the stream goes on with what else comes on it. */
async function takeSync(peerId: string, message: Buffer): Promise<void> {
  const bytes = Uint8Array.from(message)
  try {
    await rpc.call('event.sync', { peerId, message: bytes }, { transfer: [bytes.buffer] })
  } catch (error) {
    log('%s: a message about folders: %s', peerId, describeError(error))
  }
}

/** Who was removed speaks with nobody. */
function isMember(peerId: string): boolean {
  return membership.admits(deviceId) && membership.admits(peerId)
}

function others(): string[] {
  return membership.members().flatMap((member) => (member.deviceId === deviceId ? [] : [member.deviceId]))
}

function theBlocks(): NodeExchange {
  if (blocks === undefined) throw new DfsError('unreachable', 'the network is starting', { op: 'fetch' })
  return blocks
}

function theHeads(): HeadExchange {
  if (heads === undefined) throw new DfsError('unreachable', 'the network is starting', { op: 'heads' })
  return heads
}

function theNode(): DfsNode {
  if (node === undefined) throw new DfsError('unreachable', 'the network is starting', { op: 'network' })
  return node
}

/** The main thread's answer says nothing, and it may be gone. */
function tell<E extends keyof NetworkEvents>(event: E, params: NetworkEvents[E]['params']): void {
  rpc.call(event, params).catch(() => {})
}
