/** Both ends of a pairing over a channel in memory. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deviceIdOf } from '../../../../src/format/device-id.ts'
import { encodePairingMessage } from '../../../../src/format/pairing-message.ts'
import type { Ticket } from '../../../../src/format/ticket.ts'
import { Membership } from '../../../../src/net/membership.ts'
import {
  grantJoiner,
  hearJoiner,
  type Inviter,
  type JoinRequest,
  refuseJoiner,
} from '../../../../src/net/pairing/invite.ts'
import { confirmJoined, type Joined, joinNetwork } from '../../../../src/net/pairing/join.ts'
import { PairingMessages } from '../../../../src/net/pairing/messages.ts'
import { privateNetworkOf, vouchForDevice, vouchForOwner, vouchForSelf } from '../../../../src/net/vouching.ts'
import { ownerKeyOf } from '../../../../src/seal/owner-keys.ts'
import { signingKeyOfSeed } from '../../../../src/seal/signing.ts'
import { MemoryChannel } from '../../../support/memory-channel.ts'

const keyOf = (name: string) => Buffer.alloc(32, name)
const ALICE = keyOf('alice')
const BOB = keyOf('bob')
const identity = privateNetworkOf(ALICE)
const laptop = signingKeyOfSeed(keyOf('laptop'))
const phone = signingKeyOfSeed(keyOf('phone'))
const ticket: Ticket = {
  device: laptop.publicKey,
  network: identity.network,
  secret: Buffer.alloc(16, 7),
  forFriend: false,
  addresses: [],
}
const inviter: Inviter = {
  identity,
  secret: ticket.secret,
  device: laptop.publicKey,
  joiner: phone.publicKey,
  name: 'laptop',
  forFriend: false,
}

interface Ends {
  ticket?: Partial<Ticket>
  inviter?: Partial<Inviter>
  statement?: Buffer
  answer: (request: JoinRequest, messages: PairingMessages) => Promise<void>
}

/** Runs both ends; gives how each ended and the codes both showed. */
async function pairUp(ends: Ends) {
  const [here, there] = MemoryChannel.pair()
  const codes: string[] = []
  const invited = (async () => {
    const messages = new PairingMessages(here)
    try {
      const request = await hearJoiner(messages, await messages.firstFrame(), { ...inviter, ...ends.inviter })
      codes.push(request.code)
      await ends.answer(request, messages)
      return request
    } catch (error) {
      messages.abort(error as Error)
      throw error
    }
  })()
  const joined = (async () => {
    const messages = new PairingMessages(there)
    const result = await joinNetwork(messages, {
      ticket: { ...ticket, ...ends.ticket },
      device: phone,
      name: 'phone',
      statement: ends.statement,
      onCode: (code) => codes.push(code),
    })
    await confirmJoined(messages)
    return result
  })()
  const [atInviter, atJoiner] = await Promise.allSettled([invited, joined])
  return { atInviter, atJoiner, codes }
}

function fulfilled<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'rejected') throw settled.reason
  return settled.value
}

const kindOf = (settled: PromiseSettledResult<unknown>) =>
  settled.status === 'rejected' ? settled.reason.kind : 'none'

test("one's own device gets the key and the members, and both ends show one code", async () => {
  const { atInviter, atJoiner, codes } = await pairUp({
    answer: async ({ asks }, messages) => {
      assert(asks.kind === 'own')
      const statements = [
        vouchForOwner(identity.network, ALICE, identity.owner, 'alice'),
        vouchForDevice(identity, ALICE, asks.device),
      ]
      await grantJoiner(messages, { key: { personalKey: ALICE, epoch: 0 }, statements })
    },
  })
  const joined: Joined = fulfilled(atJoiner)
  assert.equal(fulfilled(atInviter).deviceId, deviceIdOf(phone.publicKey))
  assert.deepEqual(joined.key, { personalKey: ALICE, epoch: 0 })
  assert.deepEqual(joined.identity, identity)
  assert(new Membership(joined.identity, joined.statements).isMember(deviceIdOf(phone.publicKey)))
  assert.equal(codes[0], codes[1])
  assert.match(codes[0]!, /^\d{3} \d{3}$/)
})

test("a friend's device gets the members and no key", async () => {
  const ofBob = { ...identity, owner: ownerKeyOf(BOB).publicKey }
  const { atInviter, atJoiner } = await pairUp({
    ticket: { forFriend: true },
    inviter: { forFriend: true },
    statement: vouchForSelf(ofBob, BOB, phone, 'phone'),
    answer: async ({ asks }, messages) => {
      assert(asks.kind === 'friend')
      assert.deepEqual(asks.owner, ofBob.owner)
      await grantJoiner(messages, {
        statements: [vouchForOwner(identity.network, ALICE, asks.owner, 'bob'), asks.statement],
      })
    },
  })
  fulfilled(atInviter)
  const { key, statements } = fulfilled(atJoiner)
  assert.equal(key, undefined)
  assert(new Membership(ofBob, statements).isMember(deviceIdOf(phone.publicKey)))
})

test('a friend cannot bring the statement of somebody else, or of another network', async () => {
  const ofBob = { ...identity, owner: ownerKeyOf(BOB).publicKey }
  const wrong = [
    vouchForSelf(ofBob, BOB, laptop, 'phone'),
    vouchForSelf({ ...ofBob, network: keyOf('other') }, BOB, phone, 'phone'),
    vouchForSelf(ofBob, ALICE, phone, 'phone'),
    vouchForSelf(identity, ALICE, phone, 'phone'),
  ]
  for (const statement of wrong) {
    const answer = async () => assert.fail('nobody is asked')
    const ends = { ticket: { forFriend: true }, inviter: { forFriend: true }, statement, answer }
    assert.equal(kindOf((await pairUp(ends)).atInviter), 'corrupt')
  }
})

test('who does not hold the ticket is told nothing', async () => {
  const wrong: Partial<Ticket>[] = [
    { secret: Buffer.alloc(16, 8) },
    { network: keyOf('other') },
    { device: phone.publicKey },
    { forFriend: true },
  ]
  for (const changed of wrong) {
    const { atInviter, codes } = await pairUp({ ticket: changed, answer: async () => assert.fail('nobody is asked') })
    assert.equal(kindOf(atInviter), 'no-permission')
    assert.deepEqual(codes, [])
  }
})

test('a proof does not serve another device', async () => {
  const { atInviter } = await pairUp({
    inviter: { joiner: keyOf('somebody between') },
    answer: async () => assert.fail('nobody is asked'),
  })
  assert.equal(kindOf(atInviter), 'no-permission')
})

test('the joining device checks that the inviting one holds the ticket', async () => {
  const [here, there] = MemoryChannel.pair()
  const fake = (async () => {
    await here[Symbol.asyncIterator]().next()
    const proofs = { nonce: Buffer.alloc(32), proof: Buffer.alloc(32) }
    await here.send(
      encodePairingMessage({ kind: 'welcome', ...proofs, network: 'private', owner: identity.owner, name: 'fake' }),
    )
  })()
  const joining = joinNetwork(new PairingMessages(there), {
    ticket,
    device: phone,
    name: 'phone',
    onCode: () => assert.fail('no code is shown'),
  })
  await assert.rejects(joining, { kind: 'no-permission' })
  await fake
})

test('who is refused hears that, and gets nothing', async () => {
  const { atJoiner } = await pairUp({ answer: (_, messages) => refuseJoiner(messages) })
  assert.equal(kindOf(atJoiner), 'no-permission')
})
