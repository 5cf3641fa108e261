/** `/dfs/heads/1` between real nodes on loopback, one of which may say what it likes. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { HEAD_RECORD_BYTES_MAX } from '../../../../src/format/head-record.ts'
import { encodeHeadsMessage } from '../../../../src/format/heads-message.ts'
import { streamChannel } from '../../../../src/net/framing.ts'
import type { WireHeadAnswer } from '../../../../src/net/heads/head-calls.ts'
import { HeadExchange, type HeadExchangeOptions } from '../../../../src/net/heads/head-exchange.ts'
import { bufferOf } from '../../../../src/net/pairing/pairing-calls.ts'
import { startNode } from '../support/node.ts'

const PROTOCOL = '/dfs/heads/1'
const OWNER = Buffer.alloc(32, 7)

/** One that keeps heads, and one that gives and asks. */
async function two(t: TestContext, keeper: Partial<HeadExchangeOptions> = {}, isMember = () => true) {
  const [keeping, giving] = [await startNode(t, { isMember }), await startNode(t)]
  const none = { given: async () => 'kept' as const, wanted: async () => [] }
  await new HeadExchange({ node: keeping, ...none, ...keeper }).start()
  const exchange = new HeadExchange({ node: giving, ...none })
  return { keeping, giving, exchange, at: keeping.addresses()[0]! }
}

test('a head is given, and every answer comes through', async (t) => {
  const given: [string, Buffer][] = []
  let answer: WireHeadAnswer = 'kept'
  const { giving, exchange, at } = await two(t, {
    given: async (peerId, record) => {
      given.push([peerId, bufferOf(record)])
      return answer
    },
  })
  const record = randomBytes(HEAD_RECORD_BYTES_MAX)
  assert.equal(await exchange.give(at, record), 'kept')
  assert.equal(given[0]![0], giving.peerId)
  assert(given[0]![1].equals(record))
  answer = { refused: 'no-member' }
  assert.deepEqual(await exchange.give(at, record), answer)
  answer = { have: Uint8Array.from(record) }
  assert.deepEqual(await exchange.give(at, randomBytes(10)), answer)
})

test('all records of an owner come, however many and long', async (t) => {
  const records = Array.from({ length: 100 }, () => Uint8Array.from(randomBytes(HEAD_RECORD_BYTES_MAX)))
  const { giving, exchange, at } = await two(t, {
    wanted: async (peerId, owner) => (peerId === giving.peerId && bufferOf(owner).equals(OWNER) ? records : []),
  })
  assert.deepEqual(await exchange.ask(at, OWNER), records)
  assert.deepEqual(await exchange.ask(at, Buffer.alloc(32)), [])
})

test('strangers are not heard, and members not too often', async (t) => {
  let heard = 0
  const given = async () => {
    heard++
    return 'kept' as const
  }
  const stranger = await two(t, { given }, () => false)
  await assert.rejects(stranger.exchange.give(stranger.at, randomBytes(10)))
  assert.equal(heard, 0)
  const { exchange, at } = await two(t, { given })
  const outcomes = await Promise.allSettled(Array.from({ length: 60 }, () => exchange.give(at, randomBytes(10))))
  assert(outcomes.some(({ status }) => status === 'rejected'))
  assert(heard < 60)
})

test('who says something else is left, and nothing comes of it', async (t) => {
  let heard = 0
  const { keeping, giving, at } = await two(t, {
    given: async () => {
      heard++
      return 'kept'
    },
  })
  for (const nonsense of [randomBytes(100), encodeHeadsMessage({ kind: 'kept' }), Buffer.alloc(0)]) {
    const channel = streamChannel(await giving.open(at, PROTOCOL), { bytesMax: 1_000_000 })
    await channel.send(nonsense)
    await assert.rejects(async () => {
      for await (const _ of channel) assert.fail('it answers')
    })
  }
  assert.equal(heard, 0)

  const lies = [{ kind: 'end' }, { kind: 'ask', owner: OWNER }] as const
  for (const lie of lies) {
    await keeping.unhandle(PROTOCOL)
    await keeping.handle(PROTOCOL, async (stream) => {
      const channel = streamChannel(stream, { bytesMax: 1_000_000 })
      for await (const _ of channel) await channel.send(encodeHeadsMessage(lie))
    })
    const exchange = new HeadExchange({ node: giving, given: async () => 'kept', wanted: async () => [] })
    await assert.rejects(exchange.give(at, randomBytes(10)), { kind: 'corrupt' })
  }
  await keeping.unhandle(PROTOCOL)
  await keeping.handle(PROTOCOL, async (stream) => {
    const channel = streamChannel(stream, { bytesMax: 1_000_000 })
    for await (const _ of channel) {
      for (let i = 0; i < 400; i++) await channel.send(encodeHeadsMessage({ kind: 'record', record: randomBytes(10) }))
    }
  })
  const exchange = new HeadExchange({ node: giving, given: async () => 'kept', wanted: async () => [] })
  await assert.rejects(exchange.ask(at, OWNER), { kind: 'corrupt' })
})
