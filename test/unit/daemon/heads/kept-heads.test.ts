import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { KeptHeads } from '../../../../src/daemon/heads/kept-heads.ts'
import { deviceIdOf } from '../../../../src/format/device-id.ts'
import type { HeadLabel } from '../../../../src/format/head-record.ts'
import { Membership } from '../../../../src/net/membership.ts'
import { privateNetworkOf, removeOther, vouchForOwner, vouchForSelf } from '../../../../src/net/vouching.ts'
import { sealHead } from '../../../../src/seal/head-seal.ts'
import { Keys } from '../../../../src/seal/keys.ts'
import { ownerKeyOf } from '../../../../src/seal/owner-keys.ts'
import { signingKeyOfSeed } from '../../../../src/seal/signing.ts'
import { temporaryDirectory } from '../temporary.ts'

const [ALICE, BOB] = [Buffer.alloc(32, 'alice'), Buffer.alloc(32, 'bob')]
const deviceOf = (name: string) => signingKeyOfSeed(Buffer.alloc(32, name))
const idOf = (name: string) => deviceIdOf(deviceOf(name).publicKey)
const network = privateNetworkOf(ALICE)
const bob = { ...network, owner: ownerKeyOf(BOB).publicKey }
const STATEMENTS = [
  vouchForOwner(network.network, ALICE, network.owner, 'alice'),
  vouchForSelf(network, ALICE, deviceOf('laptop'), 'laptop'),
  vouchForSelf(network, ALICE, deviceOf('phone'), 'phone'),
  vouchForOwner(network.network, ALICE, bob.owner, 'bob'),
  vouchForSelf(bob, BOB, deviceOf('bobs'), 'bobs'),
]
const members = () => new Membership(bob, STATEMENTS)

function headOf(device: string, sequence: number, label: Partial<HeadLabel> = {}): Buffer {
  const { network: id, owner } = device === 'bobs' ? bob : network
  const own = { network: id, owner, device: deviceOf(device).publicKey, incarnation: 1, sequence, ...label }
  const keys = Keys.derive(device === 'bobs' ? BOB : ALICE)
  return sealHead(own, { madeAtNs: 0n, folders: [] }, { keys, device: deviceOf(device) })
}

test('of each member the newest head is kept, also across a restart', async (t) => {
  const dir = path.join(temporaryDirectory(t), 'heads')
  const heads = await KeptHeads.open(dir, members())
  const [first, second, anew] = [headOf('laptop', 1), headOf('laptop', 2), headOf('laptop', 1, { incarnation: 2 })]
  assert.equal(await heads.take(idOf('laptop'), first), 'kept')
  assert.equal(await heads.take(idOf('laptop'), second), 'kept')
  for (const older of [first, second]) assert.deepEqual(await heads.take(idOf('laptop'), older), { have: second })
  assert.equal(await heads.take(idOf('laptop'), anew), 'kept')
  assert.deepEqual(await heads.take(idOf('laptop'), second), { have: anew })
  assert.equal(await heads.take(idOf('phone'), headOf('phone', 7)), 'kept')
  const again = await KeptHeads.open(dir, members())
  assert.deepEqual(await again.take(idOf('laptop'), second), { have: anew })
  assert.equal((await again.recordsFor(idOf('phone'), network.owner)).length, 2)
})

test('heads are taken of members alone, and each its own', async (t) => {
  const dir = path.join(temporaryDirectory(t), 'heads')
  const heads = await KeptHeads.open(dir, members())
  const refused = { refused: 'no-member' }
  assert.deepEqual(await heads.take(idOf('phone'), headOf('laptop', 1)), refused, 'given by another')
  assert.deepEqual(await heads.take(idOf('stranger'), headOf('stranger', 1)), refused)
  assert.deepEqual(await heads.take(idOf('laptop'), headOf('laptop', 1, { owner: bob.owner })), refused)
  assert.deepEqual(await heads.take(idOf('laptop'), headOf('laptop', 1, { network: Buffer.alloc(32) })), refused)
  const forged = headOf('laptop', 1)
  forged[160]! ^= 1
  await assert.rejects(heads.take(idOf('laptop'), forged), { kind: 'corrupt' })
  assert.deepEqual(readdirSync(path.join(dir, 'kept')), [])
})

test("heads are given to their owner's devices alone, that of this device with them", async (t) => {
  const dir = path.join(temporaryDirectory(t), 'heads')
  const heads = await KeptHeads.open(dir, members())
  const [laptops, bobs] = [headOf('laptop', 1), headOf('bobs', 1)]
  await heads.take(idOf('laptop'), laptops)
  writeFileSync(path.join(dir, 'own'), bobs)
  assert.deepEqual(await heads.recordsFor(idOf('phone'), network.owner), [laptops])
  assert.deepEqual(await heads.recordsFor(idOf('bobs'), network.owner), [])
  assert.deepEqual(await heads.recordsFor(idOf('bobs'), bob.owner), [bobs])
  assert.deepEqual(await heads.recordsFor(idOf('stranger'), network.owner), [])
  writeFileSync(path.join(dir, 'own'), 'damaged')
  assert.deepEqual(await heads.recordsFor(idOf('bobs'), bob.owner), [])
})

test('what is damaged is passed over, and what is of an owner who left goes', async (t) => {
  const dir = path.join(temporaryDirectory(t), 'heads')
  const heads = await KeptHeads.open(dir, new Membership(network, STATEMENTS))
  for (const device of ['laptop', 'phone', 'bobs']) await heads.take(idOf(device), headOf(device, 1))
  writeFileSync(path.join(dir, 'kept', idOf('phone')), 'damaged')
  const membership = new Membership(network, STATEMENTS)
  membership.merge([removeOther(membership, ALICE, bob.owner)])
  const again = await KeptHeads.open(dir, membership)
  assert.deepEqual(readdirSync(path.join(dir, 'kept')).sort(), [idOf('laptop'), idOf('phone')].sort())
  assert.equal((await again.recordsFor(idOf('phone'), network.owner)).length, 1)
  assert.equal(await again.take(idOf('phone'), headOf('phone', 2)), 'kept')
})

test('the head of a device that was removed stays for its owner', async (t) => {
  const dir = path.join(temporaryDirectory(t), 'heads')
  const membership = members()
  const heads = await KeptHeads.open(dir, membership)
  await heads.take(idOf('laptop'), headOf('laptop', 1))
  membership.merge([removeOther(membership, ALICE, network.owner, deviceOf('laptop').publicKey)])
  assert.equal(membership.isMember(idOf('laptop')), false)
  assert.equal((await heads.recordsFor(idOf('phone'), network.owner)).length, 1)
  assert.equal((await (await KeptHeads.open(dir, membership)).recordsFor(idOf('phone'), network.owner)).length, 1)
  assert.deepEqual(await heads.take(idOf('laptop'), headOf('laptop', 2)), { refused: 'no-member' })
})
