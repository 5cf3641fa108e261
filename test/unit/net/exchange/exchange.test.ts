import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kindOf } from '../../../../src/errors.ts'
import { digestOfCid } from '../../../../src/format/cid.ts'
import { decodeMessage, encodeMessage, encodePieceHead, type Want } from '../../../../src/format/message.ts'
import { MemoryChannel } from '../../../support/memory-channel.ts'
import { Random, seedFrom } from '../../../support/random.ts'
import { type Behaviour, cidOf, honest, type SmallDevice, SmallNetwork, TIMEOUT_MS } from './small-network.ts'

const random = new Random(7)
const KIB = 1024

/** Answers every want with what `answer` makes of it. */
function answering(answer: (want: Want, send: (...parts: Buffer[]) => Promise<void>) => unknown): Behaviour {
  return async (channel) => {
    try {
      for await (const frame of channel) {
        const message = decodeMessage(frame)
        if (message.type === 'want') for (const want of message.wants) await answer(want, (...p) => channel.send(...p))
      }
    } catch {
      // The other side hung up.
    }
  }
}

const silent: Behaviour = answering(() => {})

/** Says that it has everything, and sends ones instead. */
const lying: Behaviour = (channel, from, self) =>
  answering(async ({ id, mode }, send) => {
    if (mode === 'probe') return send(encodeMessage({ type: 'available', ids: [id] }))
    const [block] = self.blocks.values()
    await send(encodePieceHead({ id, blockBytes: block!.length, offset: 0 }), Buffer.alloc(block!.length, 1))
  })(channel, from, self)

test('a block comes from the one peer that has it', async () => {
  const network = new SmallNetwork()
  const [asker, holder, other] = [network.add('asker'), network.add('holder'), network.add('other')]
  const block = random.bytes(900 * KIB)
  holder.keep(block)
  network.connect(asker, holder)
  network.connect(asker, other)
  const fetched = asker.fetch(block)
  await network.clock.run(fetched.done, 5000)
  assert(fetched.into.equals(block))
})

test('many blocks come at once, and no peer is asked twice for one', async () => {
  const network = new SmallNetwork()
  const [asker, one, two] = [network.add('asker'), network.add('one'), network.add('two')]
  const blocks = Array.from({ length: 60 }, () => random.bytes(300 * KIB))
  one.keep(...blocks)
  two.keep(...blocks)
  network.connect(asker, one)
  network.connect(asker, two)
  const fetched = blocks.map((block) => asker.fetch(block))
  await network.clock.run(Promise.all(fetched.map(({ done }) => done)), 60_000)
  for (const [i, { into }] of fetched.entries()) assert(into.equals(blocks[i]!))
  for (const device of [one, two]) {
    const reads = device.asked.filter((ask, i) => device.asked.indexOf(ask) === i)
    assert(reads.length <= device.asked.length)
    assert(device.asked.length > 5, 'both are used')
  }
  assert.equal(one.budget.used + two.budget.used, 0)
})

test('the bytes that somebody waits for come first, behind the head', async () => {
  const network = new SmallNetwork()
  const [asker, holder] = [network.add('asker'), network.add('holder')]
  const block = random.bytes(1000 * KIB)
  holder.keep(block)
  network.connect(asker, holder)
  const fetched = asker.fetch(block, { from: 640 * KIB, to: 704 * KIB })
  await network.clock.run(fetched.done, 5000)
  assert.deepEqual(fetched.parts[0], { from: 640 * KIB, to: 704 * KIB })
  assert(fetched.into.equals(block))
})

test('an urgent want overtakes bulk ones, and so does a bulk one that became urgent', async () => {
  const network = new SmallNetwork()
  const asker = network.add('asker')
  const holder = network.add('holder', { line: { delayMs: 5, bytesPerMs: 1000 } })
  const blocks = Array.from({ length: 30 }, () => random.bytes(1000 * KIB))
  holder.keep(...blocks)
  network.connect(asker, holder)
  const order: number[] = []
  const fetched = blocks.map((block, i) => {
    const handle = asker.fetch(block, i === 20 ? { from: 0, to: 1 } : undefined)
    void handle.done.then(() => order.push(i))
    return handle
  })
  await network.clock.sleep(100)
  fetched[29]!.prefer(0, 1)
  await network.clock.run(Promise.all(fetched.map(({ done }) => done)), 120_000)
  assert(order.indexOf(20) <= 2, `the urgent one was number ${order.indexOf(20)}`)
  assert(order.indexOf(29) <= 4, `the one made urgent was number ${order.indexOf(29)}`)
})

test('a peer that lies is found out, not asked again, and the block comes from another', async () => {
  const network = new SmallNetwork()
  const block = random.bytes(200 * KIB)
  const [asker, liar, holder] = [network.add('asker'), network.add('liar', { behaviour: lying }), network.add('holder')]
  holder.keep(block)
  liar.keep(block)
  network.connect(asker, liar)
  network.connect(asker, holder)
  const fetched = asker.fetch(block)
  await network.clock.run(fetched.done, TIMEOUT_MS)
  assert(fetched.into.equals(block))
  assert(!asker.reputation.isTrusted('liar'))
  assert(asker.reputation.isTrusted('holder'))
})

test('a peer that never answers is hedged by another', async () => {
  const network = new SmallNetwork()
  const block = random.bytes(200 * KIB)
  const [asker, mute, holder] = [
    network.add('asker'),
    network.add('mute', { behaviour: silent }),
    network.add('holder'),
  ]
  holder.keep(block)
  network.connect(asker, mute)
  network.connect(asker, holder)
  const fetched = asker.fetch(block, { from: 0, to: 10 })
  await network.clock.run(fetched.done, 4000)
  assert(fetched.into.equals(block))
})

test('a provider that dies in the middle is replaced', async () => {
  const network = new SmallNetwork()
  const blocks = Array.from({ length: 20 }, () => random.bytes(1000 * KIB))
  const asker = network.add('asker')
  const dying = network.add('dying', { line: { delayMs: 5, bytesPerMs: 20_000 } })
  const holder = network.add('holder', { line: { delayMs: 50, bytesPerMs: 5000 } })
  dying.keep(...blocks)
  holder.keep(...blocks)
  network.connect(asker, dying)
  network.connect(asker, holder)
  const fetched = blocks.map((block) => asker.fetch(block))
  await network.clock.sleep(200)
  dying.die()
  await network.clock.run(Promise.all(fetched.map(({ done }) => done)), 60_000)
  for (const [i, { into }] of fetched.entries()) assert(into.equals(blocks[i]!))
})

test('a block that nobody has is unreachable, in bounded time', async () => {
  const network = new SmallNetwork()
  const [asker, other] = [network.add('asker'), network.add('other')]
  network.connect(asker, other)
  const { done } = asker.fetch(random.bytes(100))
  const error = await network.clock.run(
    done.catch((error) => error),
    TIMEOUT_MS,
  )
  assert.equal(kindOf(error), 'unreachable')
})

test('with nobody there it is unreachable, in bounded time', async () => {
  const network = new SmallNetwork()
  const { done } = network.add('asker').fetch(random.bytes(100), { from: 0, to: 1 })
  assert.equal(
    kindOf(
      await network.clock.run(
        done.catch((error) => error),
        TIMEOUT_MS,
      ),
    ),
    'unreachable',
  )
})

test('a lone peer that never answers: timeout', async () => {
  const network = new SmallNetwork()
  const [asker, mute] = [network.add('asker'), network.add('mute', { behaviour: silent })]
  network.connect(asker, mute)
  const { done } = asker.fetch(random.bytes(100))
  assert.equal(
    kindOf(
      await network.clock.run(
        done.catch((error) => error),
        TIMEOUT_MS + 1,
      ),
    ),
    'timeout',
  )
  assert.deepEqual([...asker.gone], ['mute'])
})

test('a slow peer that still delivers is not taken for gone', async () => {
  const network = new SmallNetwork()
  const [asker, slow] = [network.add('asker'), network.add('slow', { line: { delayMs: 50, bytesPerMs: 100 } })]
  const blocks = Array.from({ length: 4 }, () => random.bytes(300 * KIB))
  slow.keep(...blocks)
  network.connect(asker, slow)
  await network.clock.run(Promise.all(blocks.map((block) => asker.fetch(block).done)), 120_000)
  assert.equal(asker.gone.size, 0)
})

test('a peer that comes up while somebody waits is asked', async () => {
  const network = new SmallNetwork()
  const block = random.bytes(100)
  const [asker, late] = [network.add('asker'), network.add('late')]
  late.keep(block)
  const fetched = asker.fetch(block)
  network.clock.after(2000, () => network.connect(asker, late))
  await network.clock.run(fetched.done, TIMEOUT_MS)
  assert(fetched.into.equals(block))
})

test('as long as peers are being called, a search goes on: until they are there, or the time is up', async () => {
  const network = new SmallNetwork()
  const [asker, holder] = [network.add('asker'), network.add('holder')]
  const block = random.bytes(10 * KIB)
  holder.keep(block)
  asker.expectsMore = true
  const fetched = asker.fetch(block, { from: 0, to: 1 })
  await network.clock.sleep(TIMEOUT_MS - 1000)
  network.connect(asker, holder)
  await network.clock.run(fetched.done, TIMEOUT_MS)
  assert(fetched.into.equals(block))

  const { done } = asker.fetch(random.bytes(100), { from: 0, to: 1 })
  const ended = done.catch((error) => error)
  assert.equal(kindOf(await network.clock.run(ended, 2 * TIMEOUT_MS)), 'timeout')
})

test('a peer that fell silent, was let go and comes back is asked again', async () => {
  const network = new SmallNetwork()
  const asker = network.add('asker')
  const block = random.bytes(10 * KIB)
  network.connect(asker, network.add('holder', { behaviour: silent }))
  const fetched = asker.fetch(block, { from: 0, to: 1 })
  await network.clock.sleep(6000)
  asker.expectsMore = true
  network.devices.get('holder')!.die()
  await network.clock.sleep(3000)
  const holder = network.add('holder')
  holder.keep(block)
  network.connect(asker, holder)
  await network.clock.run(fetched.done, TIMEOUT_MS)
  assert(fetched.into.equals(block))
})

test('a silent peer keeps nobody from asking one that comes up later', async () => {
  const network = new SmallNetwork()
  const block = random.bytes(100)
  const [asker, mute, late] = [network.add('asker'), network.add('mute', { behaviour: silent }), network.add('late')]
  network.connect(asker, mute)
  late.keep(block)
  const fetched = asker.fetch(block)
  network.clock.after(5000, () => network.connect(asker, late))
  await network.clock.run(fetched.done, TIMEOUT_MS)
  assert(fetched.into.equals(block))
})

test('a peer that floods with what nobody asked for is dropped', async () => {
  const network = new SmallNetwork()
  const block = random.bytes(100 * KIB)
  const flooding: Behaviour = async (channel) => {
    try {
      for (let id = 1; ; id++)
        await channel.send(encodePieceHead({ id, blockBytes: 1000, offset: 0 }), Buffer.alloc(1000))
    } catch {
      // It was hung up on.
    }
  }
  const [asker, flood, holder] = [
    network.add('asker'),
    network.add('flood', { behaviour: flooding }),
    network.add('holder'),
  ]
  holder.keep(block)
  network.connect(asker, flood)
  network.connect(asker, holder)
  const fetched = asker.fetch(block)
  await network.clock.run(fetched.done, TIMEOUT_MS)
  assert(fetched.into.equals(block))
  assert(!asker.reputation.isTrusted('flood'))
})

test('a removed member is served nothing more', async () => {
  const network = new SmallNetwork()
  const block = random.bytes(100 * KIB)
  const [asker, holder] = [network.add('asker'), network.add('holder')]
  holder.keep(block)
  network.connect(asker, holder)
  network.removeMember('asker')
  const { done } = asker.fetch(block)
  const error = await network.clock.run(
    done.catch((error) => error),
    TIMEOUT_MS,
  )
  assert(['unreachable', 'timeout'].includes(kindOf(error)))
  assert.equal(holder.asked.length, 0)
})

test('a damaged block is never sent: it counts as missing', async () => {
  const network = new SmallNetwork()
  const block = random.bytes(100 * KIB)
  const [asker, damaged, holder] = [network.add('asker'), network.add('damaged'), network.add('holder')]
  damaged.blocks.set(cidOf(block), Buffer.alloc(block.length))
  holder.keep(block)
  network.connect(asker, damaged)
  const first = asker.fetch(block)
  await network.clock.sleep(100)
  network.connect(asker, holder)
  await network.clock.run(first.done, TIMEOUT_MS)
  assert(asker.reputation.isTrusted('damaged'))
})

test('a seek goes round through peers that lack the block, and the holder answers its origin', async () => {
  const network = new SmallNetwork()
  const block = random.bytes(100 * KIB)
  const [asker, between, behind, holder] = ['asker', 'between', 'behind', 'holder'].map((name) =>
    network.add(name),
  ) as [SmallDevice, SmallDevice, SmallDevice, SmallDevice]
  holder.keep(block)
  network.connect(asker, between)
  network.connect(between, behind)
  network.connect(behind, holder)
  network.connect(holder, between)
  await network.clock.sleep(100)
  const fetched = asker.fetch(block)
  await network.clock.run(fetched.done, TIMEOUT_MS)
  assert(fetched.into.equals(block))
})

test('given up, a fetch ends at once and the peer is told', async () => {
  const network = new SmallNetwork()
  const blocks = Array.from({ length: 10 }, () => random.bytes(1000 * KIB))
  const asker = network.add('asker')
  const holder = network.add('holder', { line: { delayMs: 5, bytesPerMs: 100 } })
  holder.keep(...blocks)
  network.connect(asker, holder)
  const fetched = blocks.map((block) => asker.fetch(block))
  await network.clock.sleep(1000)
  for (const { abort } of fetched) abort()
  for (const { done } of fetched) assert.equal(kindOf(await done.catch((error) => error)), 'aborted')
  await network.clock.sleep(60_000)
  assert.equal(holder.budget.used, 0)
  const sent = holder.channels.reduce((sum, channel) => sum + channel.sentBytes, 0)
  assert(sent < 3 * 1000 * KIB, `${sent} bytes were sent`)
})

test('a peer with too many wants open at a time is hung up on, and its memory is given back', async () => {
  const network = new SmallNetwork()
  const [flood, holder] = [network.add('flood'), network.add('holder')]
  const block = random.bytes(1000 * KIB)
  holder.keep(block)
  const [here, there] = MemoryChannel.pair({ clock: network.clock, delayMs: 1 })
  holder.accept(there, flood)
  const digest = digestOfCid(cidOf(block))
  for (let batch = 0; batch < 8; batch++) {
    const wants = Array.from(
      { length: 200 },
      (_, i) => ({ id: batch * 200 + i, mode: 'urgent', from: 0, to: 0, digest }) as const,
    )
    await here.send(encodeMessage({ type: 'want', wants }))
  }
  await network.clock.sleep(100)
  assert(!here.isOpen)
  assert.equal(holder.budget.used, 0)
})

test('a peer that reads nothing is let go, and others are served meanwhile', async () => {
  const network = new SmallNetwork()
  const [asker, stuck, holder] = [network.add('asker'), network.add('stuck'), network.add('holder')]
  const block = random.bytes(1000 * KIB)
  holder.keep(block)
  const [here, there] = MemoryChannel.pair({ clock: network.clock, delayMs: 1 })
  holder.accept(there, stuck)
  const digest = digestOfCid(cidOf(block))
  const wants = Array.from({ length: 100 }, (_, id) => ({ id, mode: 'bulk', from: 0, to: 0, digest }) as const)
  await here.send(encodeMessage({ type: 'want', wants }))
  network.connect(asker, holder)
  const fetched = asker.fetch(block)
  await network.clock.run(fetched.done, TIMEOUT_MS)
  await network.clock.sleep(60_000)
  assert(!here.isOpen)
  assert.equal(holder.budget.used, 0)
})

test('peers that begin and then stay silent make room for one that delivers', async () => {
  const stalling = answering(async ({ id, mode }, send) => {
    if (mode !== 'probe') await send(encodePieceHead({ id, blockBytes: 300 * KIB, offset: 0 }), Buffer.alloc(10))
  })
  const network = new SmallNetwork()
  const asker = network.add('asker')
  const block = random.bytes(300 * KIB)
  for (let i = 0; i < 4; i++) network.connect(asker, network.add(`stalling ${i}`, { behaviour: stalling }))
  const holder = network.add('holder')
  holder.keep(block)
  network.connect(asker, holder)
  const fetched = asker.fetch(block)
  await network.clock.run(fetched.done, TIMEOUT_MS)
  assert(fetched.into.equals(block))
})

test('whatever the peers do, a fetch ends in time, with the block if an honest peer has it and with nothing else', async () => {
  const behaviours: Record<string, Behaviour> = {
    honest,
    lying,
    silent,
    dying: (channel, from, self) => {
      self.clock.after(30 + from.name.length, () => channel.abort(new Error('died')))
      return honest(channel, from, self)
    },
    denying: answering(({ id }, send) => send(encodeMessage({ type: 'missing', ids: [id] }))),
    rambling: answering((_want, send) => send(Buffer.from('0b', 'hex'))),
    dripping: answering(async ({ id, mode }, send) => {
      if (mode !== 'probe') await send(encodePieceHead({ id, blockBytes: 300 * KIB, offset: 0 }), Buffer.alloc(10))
    }),
  }
  for (let round = 0; round < 40; round++) {
    const seed = seedFrom('DFS_EXCHANGE_SEED') + round
    const dice = new Random(seed)
    const network = new SmallNetwork()
    const asker = network.add('asker')
    const block = dice.bytes(300 * KIB)
    const names = Array.from({ length: 1 + dice.below(5) }, () => dice.pick(Object.keys(behaviours)))
    for (const [i, name] of names.entries()) {
      const peer = network.add(`${name} ${i}`, {
        behaviour: behaviours[name]!,
        line: { delayMs: dice.below(100), bytesPerMs: 500 + dice.below(100_000) },
      })
      peer.keep(block)
      network.connect(asker, peer)
    }
    const fetched = asker.fetch(block, dice.oneIn(2) ? { from: 1000, to: 66_000 } : undefined)
    const error = await network.clock.run(
      fetched.done.catch((error) => error),
      4 * TIMEOUT_MS,
    )
    const what = `${names.join(', ')} (seed ${seed})`
    if (names.includes('honest')) assert.equal(error, undefined, what)
    if (error === undefined) assert(fetched.into.equals(block), what)
    else assert(['unreachable', 'timeout'].includes(kindOf(error)), `${what}: ${error}`)
  }
})
