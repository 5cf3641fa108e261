/**
 * A stand-in for the network's worker: starts at once, has one member, dies when asked for its peers while
 * its `networkId` is "mortal".
 */
import { parentPort, workerData } from 'node:worker_threads'
import { DfsError } from '../../../../src/errors.ts'
import type { NetworkCalls, NetworkEvents, NetworkStart } from '../../../../src/net/network-calls.ts'
import { type Handlers, Rpc } from '../../../../src/net/rpc.ts'

const { networkId, listen } = workerData as NetworkStart
const state = { peerId: 'me', port: 8080, addresses: [] }

const handlers: Partial<Handlers<NetworkCalls>> = {
  'node.start': () => {
    if (listen.port === 1) throw new DfsError('busy', 'port 1 is taken')
    void rpc.call('event.member', { peerId: 'other', isUp: true })
    return state
  },
  'node.state': () => state,
  'node.peers': () => (networkId === 'mortal' ? process.exit(1) : []),
  'node.stop': () => {},
}
const rpc = new Rpc<NetworkEvents, NetworkCalls>(parentPort!, handlers as Handlers<NetworkCalls>)
