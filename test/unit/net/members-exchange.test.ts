/** `/dfs/members/1` between two memberships, over a channel in memory. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deviceIdOf } from '../../../src/format/device-id.ts'
import { encodeMembersMessage } from '../../../src/format/members-message.ts'
import { exchangeMembers } from '../../../src/net/members-exchange.ts'
import { Membership } from '../../../src/net/membership.ts'
import { nextEpoch, privateNetworkOf, vouchForOwner, vouchForSelf } from '../../../src/net/vouching.ts'
import { signingKeyOfSeed } from '../../../src/seal/signing.ts'
import { MemoryChannel } from '../../support/memory-channel.ts'

const keyOf = (name: string) => Buffer.alloc(32, name)
const ALICE = keyOf('alice')
const identity = privateNetworkOf(ALICE)
const deviceOf = (name: string) => signingKeyOfSeed(keyOf(name))
const idOf = (name: string) => deviceIdOf(deviceOf(name).publicKey)
const entry = vouchForOwner(identity.network, ALICE, identity.owner, 'alice')
const own = (name: string) => vouchForSelf(identity, ALICE, deviceOf(name), name)

async function meet(a: [string, Membership], b: [string, Membership]) {
  const [here, there] = MemoryChannel.pair()
  return Promise.all([
    exchangeMembers(here, { membership: a[1], deviceId: idOf(a[0]), peerId: idOf(b[0]), opens: true }),
    exchangeMembers(there, { membership: b[1], deviceId: idOf(b[0]), peerId: idOf(a[0]), opens: false }),
  ])
}

test('two members that know different things know the same afterwards', async () => {
  const laptop = new Membership(identity, [entry, own('laptop'), own('phone'), own('tablet')])
  const phone = new Membership(identity, [entry, own('laptop'), own('phone'), own('desk')])
  assert.deepEqual(await meet(['laptop', laptop], ['phone', phone]), ['exchanged', 'exchanged'])
  assert.equal(laptop.members().length, 4)
  assert.deepEqual(laptop.digest(), phone.digest())
  assert.deepEqual(await meet(['laptop', laptop], ['phone', phone]), ['same', 'same'])
})

test('a device that is not known yet shows that it belongs', async () => {
  const laptop = new Membership(identity, [entry, own('laptop')])
  const phone = new Membership(identity, [entry, own('laptop'), own('phone')])
  assert.deepEqual(await meet(['laptop', laptop], ['phone', phone]), ['exchanged', 'exchanged'])
  assert(laptop.isMember(idOf('phone')))
})

test('a stranger learns nothing', async () => {
  const laptop = new Membership(identity, [entry, own('laptop'), own('phone')])
  const stranger = new Membership(identity)
  assert.deepEqual(await meet(['stranger', stranger], ['laptop', laptop]), ['refused', 'stranger'])
  assert.deepEqual(stranger.members(), [])
})

test('a removed device is told that it was removed, and nothing else', async () => {
  const laptop = new Membership(identity, [entry, own('laptop'), own('lost')])
  const lost = new Membership(identity, laptop.statements())
  laptop.merge(nextEpoch(laptop, ALICE, { personalKey: keyOf('2'), epoch: 1 }, [deviceOf('lost').publicKey]))
  laptop.merge([vouchForSelf(identity, keyOf('2'), deviceOf('new'), 'new')])
  assert.deepEqual(await meet(['lost', lost], ['laptop', laptop]), ['refused', 'stranger'])
  assert.equal(lost.roleOf(idOf('lost')), 'removed')
  assert.equal(lost.roleOf(idOf('new')), 'stranger')
})

test('a device that missed a new epoch catches up', async () => {
  const laptop = new Membership(identity, [entry, own('laptop'), own('phone'), own('lost')])
  const phone = new Membership(identity, laptop.statements())
  laptop.merge(nextEpoch(laptop, ALICE, { personalKey: keyOf('2'), epoch: 1 }, [deviceOf('lost').publicKey]))
  assert.deepEqual(await meet(['phone', phone], ['laptop', laptop]), ['exchanged', 'exchanged'])
  assert.deepEqual(phone.digest(), laptop.digest())
  assert.equal(phone.roleOf(idOf('lost')), 'removed')
})

test('who sends without end is stopped', async () => {
  const laptop = new Membership(identity, [entry, own('laptop'), own('phone')])
  const [here, there] = MemoryChannel.pair()
  const exchange = exchangeMembers(here, {
    membership: laptop,
    deviceId: idOf('laptop'),
    peerId: idOf('phone'),
    opens: true,
  })
  exchange.catch(() => there.abort(new Error('over')))
  const statements = Array.from({ length: 128 }, () => own('phone'))
  await there.send(encodeMembersMessage({ kind: 'hello', digest: Buffer.alloc(32), statements: [] }))
  const flood = async () => {
    for (let i = 0; i < 1000; i++) await there.send(encodeMembersMessage({ kind: 'statements', statements }))
  }
  await Promise.allSettled([flood(), exchange])
  await assert.rejects(exchange, { kind: 'corrupt' })
})
