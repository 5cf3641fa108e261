/** The calls that a node answers, in the worker. */
import type { NodeCalls, NodeState } from './network-calls.ts'
import type { DfsNode } from './node.ts'
import type { Handlers } from './rpc.ts'

/** All but starting and stopping, which are the worker's own. */
export function nodeHandlers(node: () => DfsNode): Omit<Handlers<NodeCalls>, 'node.start' | 'node.stop'> {
  return {
    'node.state': () => stateOf(node()),
    'node.peers': () => node().peers(),
    'providers.provide': (cids) => node().providers.provide(cids),
    'providers.withdraw': (cids) => node().providers.withdraw(cids),
  }
}

export function stateOf(node: DfsNode): NodeState {
  return { peerId: node.peerId, port: node.port, addresses: node.addresses() }
}
