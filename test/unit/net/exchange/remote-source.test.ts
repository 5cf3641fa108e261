/** Blocks of other devices as the main thread asks for them, from a small network behind a message channel. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { SharedSlots } from '../../../../src/bytes/shared-slots.ts'
import type { BlockRef, Fetching } from '../../../../src/dfs.ts'
import { kindOf } from '../../../../src/errors.ts'
import { type ExchangeCalls, exchangeHandlers } from '../../../../src/net/exchange/exchange-calls.ts'
import { RemoteSource } from '../../../../src/net/exchange/remote-source.ts'
import { Rpc } from '../../../../src/net/rpc.ts'
import { Random } from '../../../support/random.ts'
import { cidOf, SmallNetwork } from './small-network.ts'

const KIB = 1024
const MIB = 1024 * KIB
const SLOT = 300 * KIB
const random = new Random(11)

interface Setup {
  slots: number
  bytesMax?: number
}

/** A source whose peer has these blocks; its memory is asserted to come back by `memory`. */
function setUp(t: TestContext, blocks: readonly Buffer[], { slots, bytesMax }: Setup) {
  const network = new SmallNetwork()
  const [asker, holder] = [network.add('asker'), network.add('holder')]
  holder.keep(...blocks)
  network.connect(asker, holder)
  const memory = new SharedSlots({ bytes: [SLOT], count: slots })
  const { port1, port2 } = new MessageChannel()
  t.after(() => port1.close())
  new Rpc<Record<never, never>, ExchangeCalls>(
    port1,
    exchangeHandlers(() => asker.exchange, memory.memory),
  )
  const rpc = new Rpc<ExchangeCalls, Record<never, never>>(port2, {})
  const call: typeof rpc.call = (method, params, options) => {
    const answer = rpc.call(method, params, options)
    void answer.catch(() => {})
    return answer
  }
  const source = new RemoteSource({ call, memory, ...(bytesMax !== undefined && { bytesMax }) })
  const timer = setInterval(() => void network.clock.sleep(50), 2)
  t.after(() => clearInterval(timer))
  return { source, memory, network, holder }
}

function refOf(block: Buffer): BlockRef {
  return { cid: cidOf(block), sealedBytes: block.length } as BlockRef
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setTimeout(resolve, 1))
}

function isSlot(memory: SharedSlots, bytes: Buffer): boolean {
  return bytes.buffer === memory.memory
}

test('blocks come into slots and, where those are taken, into memory of their own', async (t) => {
  const blocks = Array.from({ length: 4 }, () => random.bytes(SLOT - 1))
  const { source, memory } = setUp(t, blocks, { slots: 2 })
  const fetched = await Promise.all(blocks.map((block) => source.fetch(refOf(block)).block))
  for (const [at, bytes] of fetched.entries()) assert(bytes.equals(blocks[at]!), `block ${at}`)
  assert.deepEqual(
    fetched.map((bytes) => isSlot(memory, bytes)),
    [true, true, false, false],
  )
})

test('a slot is used again only when its block was released', async (t) => {
  const blocks = Array.from({ length: 3 }, () => random.bytes(SLOT))
  const { source, memory } = setUp(t, blocks, { slots: 1 })
  const first = source.fetch(refOf(blocks[0]!))
  const kept = await first.block
  assert(isSlot(memory, kept))
  assert(!isSlot(memory, await source.fetch(refOf(blocks[1]!)).block))
  assert(kept.equals(blocks[0]!))
  first.release()
  await turns(2)
  const again = await source.fetch(refOf(blocks[2]!)).block
  assert(isSlot(memory, again))
  assert(again.equals(blocks[2]!))
})

test('a slot is used again only when nothing more is written into it, however early it was released', async (t) => {
  const block = random.bytes(SLOT)
  const { source, memory, network } = setUp(t, [], { slots: 1 })
  const fetching = source.fetch(refOf(block))
  fetching.release()
  await turns(2)
  assert(!isSlot(memory, memory.take(SLOT)), 'the fetch may still write into it')
  await assert.rejects(fetching.block, { kind: 'unreachable' })
  await turns(2)
  assert(isSlot(memory, memory.take(SLOT)), `after ${network.clock.now()} ms`)
})

test('memory for blocks on their way is bounded, and who is waited for goes first', async (t) => {
  const blocks = Array.from({ length: 6 }, () => random.bytes(SLOT))
  const { source, holder } = setUp(t, blocks, { slots: 8, bytesMax: 4 * SLOT })
  const bulk: Fetching[] = blocks.slice(0, 5).map((block) => source.fetch(refOf(block)))
  while (holder.asked.length < 3) await turns(1)
  await turns(20)
  assert.equal(holder.asked.length, 3, 'a quarter is kept')
  const urgent = source.fetch(refOf(blocks[5]!), { first: { from: 0, to: KIB } })
  assert((await urgent.block).equals(blocks[5]!))
  assert.equal(holder.asked.length, 4)
  for (const fetching of [urgent, ...bulk]) fetching.release()
  for (const [at, fetching] of bulk.entries()) assert((await fetching.block).equals(blocks[at]!))
})

test('who stops waiting has the fetch called off, also before its turn', async (t) => {
  const blocks = [random.bytes(SLOT), random.bytes(SLOT), random.bytes(SLOT)]
  const { source, holder } = setUp(t, blocks, { slots: 2, bytesMax: SLOT })
  const first = source.fetch(refOf(blocks[0]!))
  await first.block
  const stopping = new AbortController()
  const waiting = source.fetch(refOf(blocks[1]!), { signal: stopping.signal })
  stopping.abort()
  assert.equal(kindOf(await waiting.block.catch((error) => error)), 'aborted')
  first.release()
  const nobody = source.fetch(refOf(random.bytes(SLOT)), { signal: AbortSignal.timeout(5) })
  assert.equal(kindOf(await nobody.block.catch((error) => error)), 'aborted')
  nobody.release()
  assert((await source.fetch(refOf(blocks[2]!)).block).equals(blocks[2]!))
  assert(!holder.asked.some((line) => line.includes(cidOf(blocks[1]!))))
})

test('no block is so long', async (t) => {
  const { source } = setUp(t, [], { slots: 1 })
  const ref = { ...refOf(random.bytes(10)), sealedBytes: 64 * MIB }
  await assert.rejects(source.fetch(ref).block, { kind: 'corrupt' })
})
