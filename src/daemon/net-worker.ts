/**
 * The network's worker thread: builds the node and what runs on it, and serves it to the main thread.
 *
 * libp2p lives here and nowhere else, so that its handshakes and streams never delay a file operation, and a daemon
 * that needs no network never loads it.
 */
import assert from 'node:assert/strict'
import { parentPort, workerData } from 'node:worker_threads'
import { DfsError } from '../errors.ts'
import type { NetworkCalls, NetworkEvents, NetworkStart } from '../net/network-calls.ts'
import { createNode, type DfsNode } from '../net/node.ts'
import { nodeHandlers, stateOf } from '../net/node-calls.ts'
import { Rpc } from '../net/rpc.ts'

assert(parentPort !== null, 'a worker thread')
const start = workerData as NetworkStart
let node: DfsNode | undefined

const rpc = new Rpc<NetworkEvents, NetworkCalls>(parentPort, {
  ...nodeHandlers(theNode),
  'node.start': async () => {
    node = await createNode({ ...start, isMember: () => true })
    node.onMember((peerId, isUp) => tell('event.member', { peerId, isUp }))
    node.onAddresses((addresses) => tell('event.addresses', addresses))
    return stateOf(node)
  },
  'node.stop': async () => {
    await node?.stop()
  },
})

function theNode(): DfsNode {
  if (node === undefined) throw new DfsError('unreachable', 'the network is starting', { op: 'network' })
  return node
}

/** The main thread's answer says nothing, and it may be gone. */
function tell<E extends keyof NetworkEvents>(event: E, params: NetworkEvents[E]['params']): void {
  rpc.call(event, params).catch(() => {})
}
