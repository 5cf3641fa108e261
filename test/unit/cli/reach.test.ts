import assert from 'node:assert/strict'
import test from 'node:test'
import { judgeReach } from '../../../src/cli/reach.ts'
import type { NetworkStatus, PeerStatus } from '../../../src/daemon/control-api.ts'

const network: NetworkStatus = {
  ...{ id: 'a', kind: 'private', members: 2, removed: false, behind: false, running: true, port: 8080 },
  ...{ addresses: [], connected: 1 },
}
const peer = (direction: PeerStatus['direction']): PeerStatus => ({
  ...{ device: 'D', name: 'phone', address: '/ip4/192.0.2.1/tcp/1', direction, connectedSinceMs: 0 },
})

test('only who came from elsewhere shows that the port is open', () => {
  const judged = (...directions: PeerStatus['direction'][]) => judgeReach({ network, peers: directions.map(peer) })
  assert.match(judged('outbound', 'inbound')!.finding, /^at port 8080, by phone$/)
  assert.match(judged('outbound')!.finding, /none has come in/)
  assert.partialDeepStrictEqual(judged(), { status: 'warning' })
  assert.match(judged()!.mend!, /port 8080/)
})

test('who is alone is not examined, and who was removed is told', () => {
  assert.equal(judgeReach({ network: { ...network, members: 1 }, peers: [] }), undefined)
  assert.equal(judgeReach({ network: { ...network, running: false }, peers: [] }), undefined)
  assert.equal(judgeReach({ network: { ...network, removed: true }, peers: [] })?.status, 'problem')
})
