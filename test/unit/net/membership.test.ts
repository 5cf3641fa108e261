import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deviceIdOf } from '../../../src/format/device-id.ts'
import type { NetworkIdentity } from '../../../src/net/member.ts'
import { Membership } from '../../../src/net/membership.ts'
import { OWNER_STATEMENTS_MAX } from '../../../src/net/owner-record.ts'
import { acceptOwner, signDevice, signStatement } from '../../../src/net/signed-statement.ts'
import {
  nextEpoch,
  privateNetworkOf,
  removeOther,
  vouchForDevice,
  vouchForOwner,
  vouchForSelf,
} from '../../../src/net/vouching.ts'
import { networkKeyOf, openOlderKey, ownerKeyOf } from '../../../src/seal/owner-keys.ts'
import { type SigningKey, signingKeyOfSeed } from '../../../src/seal/signing.ts'

const keyOf = (name: string) => Buffer.alloc(32, name)
const deviceOf = (name: string): SigningKey => signingKeyOfSeed(keyOf(name))
const idOf = (name: string) => deviceIdOf(deviceOf(name).publicKey)

const ALICE = keyOf('alice')
const BOB = keyOf('bob')
const identity = privateNetworkOf(ALICE)
const bobOwner = ownerKeyOf(BOB).publicKey
const ofBob: NetworkIdentity = { ...identity, owner: bobOwner }

/** Alice's network with two devices of hers, and Bob's with one. */
function story() {
  return {
    alice: vouchForOwner(identity.network, ALICE, identity.owner, 'alice'),
    laptop: vouchForSelf(identity, ALICE, deviceOf('laptop'), 'laptop'),
    phone: vouchForSelf(identity, ALICE, deviceOf('phone'), 'phone'),
    bob: vouchForOwner(identity.network, ALICE, bobOwner, 'bob'),
    bobsDevice: vouchForSelf(ofBob, BOB, deviceOf('bobs'), "bob's"),
  }
}

const members = (membership: Membership) =>
  membership
    .members()
    .map(({ name }) => name)
    .sort()

test('the network takes owners in, and owners their devices', () => {
  const membership = new Membership(identity, Object.values(story()))
  assert.deepEqual(members(membership), ["bob's", 'laptop', 'phone'])
  assert.equal(membership.roleOf(idOf('laptop')), 'own')
  assert.equal(membership.roleOf(idOf('bobs')), 'other')
  assert.equal(membership.roleOf(idOf('nobody')), 'stranger')
  assert(membership.isMember(idOf('phone')))
  assert.equal(new Membership(ofBob, Object.values(story())).roleOf(idOf('bobs')), 'own')
})

test('any order of the same statements gives the same members and the same set', () => {
  const statements = [
    ...Object.values(story()),
    removeOther(new Membership(identity, Object.values(story())), ALICE, bobOwner, deviceOf('bobs').publicKey),
  ]
  const digests = new Set<string>()
  for (let turn = 0; turn < statements.length; turn++) {
    const order = [...statements.slice(turn), ...statements.slice(0, turn)]
    const atOnce = new Membership(identity, order)
    digests.add(atOnce.digest().toString('hex'))
    // One by one, what leans on something missing has to be told again.
    const bitByBit = new Membership(identity)
    for (let round = 0; round < statements.length; round++) for (const one of order) bitByBit.merge([one])
    digests.add(bitByBit.digest().toString('hex'))
    assert.deepEqual(members(atOnce), ['laptop', 'phone'])
  }
  assert.equal(digests.size, 1)
})

test('a removal wins, before or after the addition, and the device never returns', () => {
  const membership = new Membership(identity, Object.values(story()))
  const gone = removeOther(membership, ALICE, bobOwner, deviceOf('bobs').publicKey)
  for (const order of [
    [...Object.values(story()), gone],
    [gone, ...Object.values(story())],
  ]) {
    const merged = new Membership(identity, order)
    assert.equal(merged.roleOf(idOf('bobs')), 'removed')
    merged.merge([vouchForSelf(ofBob, BOB, deviceOf('bobs'), 'another name')])
    assert.equal(merged.isMember(idOf('bobs')), false)
  }
})

test('removing an owner removes all their devices, and those they add later', () => {
  const membership = new Membership(identity, Object.values(story()))
  const change = membership.merge([removeOther(membership, ALICE, bobOwner)])
  assert.deepEqual(change.left, [idOf('bobs')])
  membership.merge([vouchForSelf(ofBob, BOB, deviceOf('second'), 'second'), story().bob])
  assert.deepEqual(members(membership), ['laptop', 'phone'])
  const told = membership.removalOf(idOf('bobs'), [story().bobsDevice])
  const atBobs = new Membership(ofBob, Object.values(story()))
  atBobs.merge(told)
  assert(atBobs.isOwnerRemoved(bobOwner))
})

test('nobody vouches for what is not theirs', () => {
  const mallory = keyOf('mallory')
  const device = deviceOf('mallorys')
  const acceptance = acceptOwner(identity.network, identity.owner, device)
  const newDevice = { device: device.publicKey, acceptance, name: 'x' }
  const forged = [
    // A device in Alice's name, by Mallory's key and by Bob's.
    vouchForDevice(identity, mallory, newDevice),
    vouchForDevice(identity, BOB, newDevice),
    // An owner taken in by Bob.
    vouchForOwner(identity.network, BOB, ownerKeyOf(mallory).publicKey, 'mallory'),
    // A device that did not agree.
    signDevice({ kind: 'device', network: identity.network, owner: bobOwner, ...newDevice }, ownerKeyOf(BOB)),
    // Bob removes a device of Alice's, and Alice.
    signStatement(
      { kind: 'remove-device', network: identity.network, owner: identity.owner, device: deviceOf('phone').publicKey },
      ownerKeyOf(BOB),
    ),
    signStatement({ kind: 'remove-owner', network: identity.network, owner: identity.owner }, ownerKeyOf(BOB)),
    // Alice's own, in another network.
    vouchForSelf({ ...identity, network: networkKeyOf(mallory).publicKey }, ALICE, device, 'x'),
  ]
  const membership = new Membership(identity, Object.values(story()))
  const before = membership.digest()
  assert.deepEqual(membership.merge(forged).added, [])
  assert.deepEqual(membership.digest(), before)
  assert.throws(() => removeOther(new Membership(ofBob, Object.values(story())), BOB, identity.owner), {
    kind: 'not-permitted',
  })
})

test('a flipped bit anywhere makes a statement count for nothing', () => {
  const { alice, laptop } = story()
  for (let at = 0; at < laptop.length; at++) {
    const damaged = Buffer.from(laptop)
    damaged[at]! ^= 1
    assert.deepEqual(members(new Membership(identity, [alice, damaged])), [], `byte ${at}`)
  }
})

test('a new epoch leaves the removed device behind and takes everything else along', () => {
  const membership = new Membership(identity, Object.values(story()))
  const personalKey = keyOf('alice 2')
  const statements = nextEpoch(membership, ALICE, { personalKey, epoch: 1 }, [deviceOf('phone').publicKey])
  const elsewhere = new Membership(ofBob, Object.values(story()))
  for (const one of [membership, elsewhere]) {
    const change = one.merge(statements)
    assert.deepEqual(change.left, [idOf('phone')])
    assert.deepEqual(members(one), ["bob's", 'laptop'])
    assert.deepEqual(one.ownerKey(identity.owner), { key: ownerKeyOf(personalKey).publicKey, epoch: 1 })
    assert.deepEqual(one.networkKey, networkKeyOf(personalKey).publicKey)
  }
  assert.deepEqual(membership.digest(), elsewhere.digest())
  // Who comes later and hears only what still counts, or also what does not, knows the same.
  assert.deepEqual(new Membership(identity, membership.statements()).digest(), membership.digest())
  assert.deepEqual(
    new Membership(identity, [...Object.values(story()), ...membership.statements()]).digest(),
    membership.digest(),
  )
  const [succession] = membership.ownerSuccessions(identity.owner)
  assert.deepEqual(openOlderKey(succession!.sealedOlder, personalKey, 1), ALICE)
  assert.equal(membership.roleOf(idOf('phone')), 'removed')
})

test('the old keys, which the removed device has, do nothing any more', () => {
  const membership = new Membership(identity, Object.values(story()))
  const personalKey = keyOf('alice 2')
  const rival = nextEpoch(membership, ALICE, { personalKey: keyOf('rival'), epoch: 1 }, [deviceOf('laptop').publicKey])
  membership.merge(nextEpoch(membership, ALICE, { personalKey, epoch: 1 }, [deviceOf('phone').publicKey]))
  const before = membership.digest()
  membership.merge([
    ...rival,
    vouchForSelf(identity, ALICE, deviceOf('spy'), 'spy'),
    vouchForOwner(identity.network, ALICE, ownerKeyOf(keyOf('spy')).publicKey, 'spy'),
    story().phone,
  ])
  assert.deepEqual(membership.digest(), before)
  assert.deepEqual(members(membership), ["bob's", 'laptop'])
})

test('removals survive a new epoch', () => {
  const membership = new Membership(identity, Object.values(story()))
  membership.merge([removeOther(membership, ALICE, bobOwner, deviceOf('bobs').publicKey)])
  membership.merge(nextEpoch(membership, ALICE, { personalKey: keyOf('2'), epoch: 1 }, [deviceOf('phone').publicKey]))
  membership.merge(nextEpoch(membership, keyOf('2'), { personalKey: keyOf('3'), epoch: 2 }, []))
  assert.equal(membership.roleOf(idOf('phone')), 'removed')
  assert.equal(membership.roleOf(idOf('bobs')), 'removed')
  membership.merge(Object.values(story()))
  assert.deepEqual(members(membership), ['laptop'])
})

test('a friend moves on to a new epoch without the network', () => {
  const atBobs = new Membership(ofBob, [
    ...Object.values(story()),
    vouchForSelf(ofBob, BOB, deviceOf('second'), 'second'),
  ])
  const statements = nextEpoch(atBobs, BOB, { personalKey: keyOf('bob 2'), epoch: 1 }, [deviceOf('bobs').publicKey])
  const membership = new Membership(identity, [...Object.values(story()), ...atBobs.statements()])
  membership.merge(statements)
  assert.deepEqual(members(membership), ['laptop', 'phone', 'second'])
  assert.equal(membership.networkEpoch, 0)
})

test('in the public network everybody is an owner, and no more than so many are remembered', () => {
  const network = keyOf('public')
  const publicOf = (personalKey: Buffer): NetworkIdentity => ({
    kind: 'public',
    network,
    owner: ownerKeyOf(personalKey).publicKey,
  })
  const own = publicOf(ALICE)
  const membership = new Membership(own, [vouchForSelf(own, ALICE, deviceOf('laptop'), 'laptop')])
  membership.merge([vouchForSelf(publicOf(BOB), BOB, deviceOf('bobs'), "bob's")])
  assert.deepEqual(members(membership), ["bob's", 'laptop'])
  assert.equal(membership.roleOf(idOf('bobs')), 'other')
  assert.equal(membership.statements().length, 1, 'only what is of its own owner is kept')
  assert.deepEqual(new Membership(publicOf(BOB), membership.credentialOf(idOf('bobs'))).members().length, 1)
})

test('an owner adds devices only up to a limit, and can still remove one then', () => {
  const membership = new Membership(identity, Object.values(story()))
  const many = Array.from({ length: OWNER_STATEMENTS_MAX + 8 }, (_, i) =>
    vouchForSelf(ofBob, BOB, deviceOf(`bob ${i}`), `device ${i}`),
  )
  membership.merge(many)
  const ofBobs = membership.members().filter(({ ownerName }) => ownerName === 'bob')
  assert.equal(ofBobs.length, OWNER_STATEMENTS_MAX)
  const removal = removeOther(membership, ALICE, bobOwner, deviceOf('bobs').publicKey)
  assert.deepEqual(membership.merge([removal]).left, [idOf('bobs')])
})

test('listeners hear who came and who went', () => {
  const membership = new Membership(identity, [story().alice])
  const heard: unknown[] = []
  const stop = membership.onChange(({ joined, left }) => heard.push({ joined, left }))
  membership.merge([story().laptop])
  membership.merge([story().laptop])
  stop()
  membership.merge([story().phone])
  assert.deepEqual(heard, [{ joined: [idOf('laptop')], left: [] }])
})
