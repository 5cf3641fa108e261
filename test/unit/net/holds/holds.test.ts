import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Cid } from '../../../../src/dfs.ts'
import { digestOfCid } from '../../../../src/format/cid.ts'
import { decodeHoldsMessage, encodeHoldsMessage } from '../../../../src/format/hold-message.ts'
import { HOLD_TERM_MS } from '../../../../src/net/holds/lending.ts'
import { type Holder, HolderNetwork, ownerOf } from './network-of-holders.ts'

const GIB = 1024 ** 3

test('a device holds what it is asked to hold, has it then, and both know it', async () => {
  const net = new HolderNetwork()
  const [mine, friend] = [net.add('mine', 'me'), net.add('friend', 'friend')]
  const blocks = Array.from({ length: 2500 }, (_, index) => mine.block(index, 100))
  const outcomes = await net.run(mine.holds.ask(friend.id, blocks))
  assert.deepEqual(new Set(outcomes.values()), new Set(['held']))
  assert.equal(outcomes.size, 2500)
  for (const { cid } of blocks) assert(friend.blocks.has(cid))
  assert.deepEqual(await mine.holds.holdersOf([blocks[0]!.cid]), [[friend.id]])
  assert.deepEqual(await friend.holds.lent(), new Map([[ownerOf('me'), 250_000]]))
  assert.deepEqual([friend.promisedTo(mine, blocks[7]!).length, mine.statusesOf(friend, blocks[7]!)], [1, ['held']])
  assert.deepEqual(new Set((await net.run(mine.holds.ask(friend.id, blocks))).values()), new Set(['held']))
  assert.equal(friend.promisedTo(mine, blocks[7]!).length, 1)
})

test('a copy is deleted once enough others hold it, and only then', async () => {
  const net = new HolderNetwork()
  const [mine, friend, other] = [net.add('mine', 'me', { replicas: 2 }), net.add('friend', 'a'), net.add('other', 'b')]
  const blocks = Array.from({ length: 5 }, (_, index) => mine.block(index))
  const cids = blocks.map(({ cid }) => cid)
  await net.run(mine.holds.ask(friend.id, blocks))
  assert.deepEqual(new Set((await net.run(mine.holds.evict(cids))).values()), new Set(['too-few-holders']))
  await net.run(mine.holds.ask(other.id, blocks))
  assert.deepEqual(new Set((await net.run(mine.holds.evict(cids))).values()), new Set(['evicted']))
  for (const block of blocks) {
    assert(!mine.blocks.has(block.cid) && friend.blocks.has(block.cid) && other.blocks.has(block.cid))
    assert.deepEqual([mine.statusesOf(friend, block), mine.statusesOf(other, block)], [['held'], ['held']])
    assert.equal(friend.promisedTo(mine, block).length, 1)
  }
})

test('a block that is in use here is not deleted, and its holders stay', async () => {
  const { net, mine, friend } = twoDevices()
  const [free, pinned] = [mine.block('free'), mine.block('pinned')]
  await net.run(mine.holds.ask(friend.id, [free, pinned]))
  mine.run.pins.pin(pinned.cid)
  const outcomes = await net.run(mine.holds.evict([free.cid, pinned.cid]))
  assert.deepEqual([outcomes.get(free.cid), outcomes.get(pinned.cid)], ['evicted', 'in-use'])
  assert(mine.blocks.has(pinned.cid))
  mine.run.pins.unpin(pinned.cid)
  assert.deepEqual([...(await net.run(mine.holds.evict([pinned.cid]))).values()], ['evicted'])
})

test('what a device promised it does not delete, nor promise what it is about to delete', async () => {
  const { net, mine, friend } = twoDevices()
  const block = mine.block('one')
  await net.run(mine.holds.ask(friend.id, [block]))
  await net.run(mine.holds.ask(friend.id, [mine.block('other')]))
  assert.deepEqual([...(await net.run(friend.holds.evict([block.cid]))).values()], ['holding'])
  // While it asks whether it may delete, it holds for nobody.
  net.delaysMs = (_, to, message) => (to === mine && kindOfMessage(message) === 'hold' ? [5000] : [0])
  const evicting = mine.holds.evict([block.cid])
  await net.sleep(1000)
  const asked = friend.holds.ask(mine.id, [block])
  assert.deepEqual([...(await net.run(asked)).values()], ['evicting'])
  assert.deepEqual([...(await net.run(evicting)).values()], ['evicted'])
})

test('a holder that begins a new run while it is asked does not count', async () => {
  const { net, mine, friend } = twoDevices()
  const block = mine.block('one')
  await net.run(mine.holds.ask(friend.id, [block]))
  net.delaysMs = (_, to, message) => (to === mine && kindOfMessage(message) === 'hold' ? [5000] : [0])
  const evicting = mine.holds.evict([block.cid])
  await net.sleep(1000)
  await friend.restart()
  assert(await net.run(mine.holds.offerOf(friend.id)))
  assert.deepEqual([...(await net.run(evicting)).values()], ['too-few-holders'])
  assert(mine.blocks.has(block.cid))
})

test('who offers nothing holds nothing; who has some room holds some', async () => {
  const { net, mine, friend } = twoDevices()
  friend.offerBytes = 0
  const blocks = Array.from({ length: 10 }, (_, index) => mine.block(index, 100))
  assert.deepEqual(await net.run(mine.holds.offerOf(friend.id)), { freeBytes: 0, termMs: HOLD_TERM_MS })
  assert.deepEqual(counted(await net.run(mine.holds.ask(friend.id, blocks))), { 'no-space': 10 })
  friend.offerBytes = 450
  const outcomes = await net.run(mine.holds.ask(friend.id, blocks))
  assert.deepEqual(counted(outcomes), { held: 4, 'no-space': 6 })
  assert.equal((await net.run(mine.holds.offerOf(friend.id)))?.freeBytes, 50)
  // What is held already takes no room when it is held anew.
  const held = [...outcomes].filter(([, outcome]) => outcome === 'held').map(([cid]) => cid)
  assert.deepEqual(counted(await net.run(mine.holds.evict(held))), { evicted: 4 })
  friend.offerBytes = 10_000
  friend.diskFreeBytes = 10 * GIB + 350
  assert.deepEqual(
    counted(
      await net.run(
        mine.holds.ask(
          friend.id,
          blocks.filter(({ cid }) => !held.includes(cid)),
        ),
      ),
    ),
    { held: 3, 'no-space': 3 },
  )
})

test('a device that is away is told of at once, a silent one after a while', async () => {
  const { net, mine, friend } = twoDevices()
  const block = mine.block('one')
  friend.isAway = true
  assert.deepEqual(counted(await net.run(mine.holds.ask(friend.id, [block]))), { unreachable: 1 })
  assert.equal(await net.run(mine.holds.offerOf(friend.id)), undefined)
  assert.equal(net.clock.now(), 0)
  friend.isAway = false
  net.delaysMs = (from) => (from === friend ? [] : [0])
  assert.deepEqual(counted(await net.run(mine.holds.ask(friend.id, [block]))), { unreachable: 1 })
  assert.equal(await net.run(mine.holds.offerOf(friend.id)), undefined)
  assert(net.clock.now() > 0)
  // What it promised meanwhile, it was told to forget.
  assert.deepEqual(friend.promisedTo(mine, block), [])
})

test('a request that was not heard is said again when the device is connected', async () => {
  const { net, mine, friend } = twoDevices()
  const block = mine.block('one')
  net.delaysMs = () => []
  const asking = mine.holds.ask(friend.id, [block])
  await net.sleep(1000)
  net.delaysMs = () => [0]
  mine.holds.memberUp(friend.id, true)
  assert.deepEqual(counted(await net.run(asking)), { held: 1 })
  assert.equal(net.clock.now(), 1000)
})

test('what is lost though both are connected is said again', async () => {
  const { net, mine, friend } = twoDevices()
  const blocks = [mine.block('one'), mine.block('two')]
  for (const lossy of [mine, friend]) {
    const lose = async () => {
      net.delaysMs = (from) => (from === lossy ? [] : [0])
      await net.sleep(1000)
      net.delaysMs = () => [0]
    }
    const block = blocks.pop()!
    const asking = mine.holds.ask(friend.id, [block])
    await lose()
    assert.deepEqual(counted(await net.run(asking)), { held: 1 })
    assert.equal(friend.promisedTo(mine, block).length, 1)
    const evicting = mine.holds.evict([block.cid])
    await lose()
    assert.deepEqual(counted(await net.run(evicting)), { evicted: 1 })
    await net.sleep(1000)
    assert.equal(friend.promisedTo(mine, block).length, 1)
  }
})

test('a request that comes again while it waits is answered once, and takes no place of others', async () => {
  const { net, mine, friend } = twoDevices()
  const missing = Array.from({ length: 100 }, (_, index) => mine.block(`missing ${index}`))
  mine.blocks.clear()
  const answers: string[] = []
  net.delaysMs = (_, to, bytes) => {
    const message = decodeHoldsMessage(Buffer.from(bytes))
    if (to === mine && message.kind === 'refusal') answers.push(...message.refused.map(({ reason }) => reason))
    return message.kind === 'request' ? Array(20).fill(0) : [0]
  }
  assert.deepEqual(counted(await net.run(mine.holds.ask(friend.id, missing))), { 'no-block': 100 })
  await net.sleep(10_000)
  assert.equal(answers.length, 100)
})

test('while what one request brought is made durable, the blocks of the next one are pulled', async () => {
  const { net, mine, friend } = twoDevices()
  const [one, two] = [mine.block('one'), mine.block('two')]
  const syncing = Promise.withResolvers<void>()
  friend.syncing = () => syncing.promise
  const first = mine.holds.ask(friend.id, [one])
  const second = mine.holds.ask(friend.id, [two])
  await net.sleep(3_000)
  assert(friend.blocks.has(two.cid))
  assert.deepEqual(friend.promisedTo(mine, one), [])
  syncing.resolve()
  assert.deepEqual((await net.run(Promise.all([first, second]))).map(counted), [{ held: 1 }, { held: 1 }])
})

test('two who ask for the same share what comes of it', async () => {
  const { net, mine, friend } = twoDevices()
  const blocks = [mine.block('one'), mine.block('two')]
  const both = Promise.all([mine.holds.ask(friend.id, blocks), mine.holds.ask(friend.id, blocks.slice(1))])
  assert.deepEqual((await net.run(both)).map(counted), [{ held: 2 }, { held: 1 }])
  assert.equal(friend.promisedTo(mine, blocks[1]!).length, 1)
})

test('who gives up asking leaves nothing behind', async () => {
  const { net, mine, friend } = twoDevices()
  const blocks = [mine.block('one'), mine.block('two')]
  const ending = new AbortController()
  net.delaysMs = (from) => (from === friend ? [1000] : [0])
  const asking = mine.holds.ask(friend.id, blocks, ending.signal)
  const evicting = mine.holds.evict([blocks[0]!.cid], ending.signal)
  await net.sleep(500)
  ending.abort()
  await assert.rejects(net.run(asking), { kind: 'aborted' })
  assert.deepEqual(counted(await evicting), { 'too-few-holders': 1 })
  await net.sleep(5000)
  assert.deepEqual([friend.promisedTo(mine, blocks[0]!), mine.statusesOf(friend, blocks[0]!)], [[], []])
})

test('what is called off while the holder makes it durable is not promised, and does not stay; what waits is not fetched', async () => {
  const { net, mine, friend } = twoDevices()
  const [own, ...blocks] = Array.from({ length: 4 }, (_, index) => mine.block(index))
  friend.blocks.set(own!.cid, mine.blocks.get(own!.cid)!)
  const durable = Promise.withResolvers<void>()
  friend.syncing = () => durable.promise
  const ending = new AbortController()
  // Two requests are served at a time: the third one waits.
  const asked = [[own!, blocks[0]!], [blocks[1]!], [blocks[2]!]]
  const asking = Promise.allSettled(asked.map((those) => mine.holds.ask(friend.id, those, ending.signal)))
  await net.sleep(500)
  assert.equal(friend.run.fetched, 2)
  ending.abort()
  assert.deepEqual(new Set((await net.run(asking)).map(({ status }) => status)), new Set(['rejected']))
  await net.sleep(500)
  durable.resolve()
  await net.sleep(500)
  for (const block of [own!, ...blocks]) assert.deepEqual(friend.promisedTo(mine, block), [])
  assert.deepEqual([...friend.blocks.keys()], [own!.cid], 'its own stays')
  assert.deepEqual([friend.run.fetched, (await friend.holds.lent()).size], [2, 0])
  assert.deepEqual(counted(await net.run(mine.holds.ask(friend.id, blocks))), { held: 3 })
})

test('what is released is forgotten by the holder, and deleted if it is of no use to it', async () => {
  const { net, mine, friend } = twoDevices()
  const blocks = Array.from({ length: 3 }, (_, index) => mine.block(index))
  const common = blocks[0]!
  friend.blocks.set(common.cid, mine.blocks.get(common.cid)!)
  await net.run(mine.holds.ask(friend.id, blocks))
  friend.isAway = true
  await net.run(mine.holds.release(blocks.map(({ cid }) => cid)))
  assert.deepEqual(mine.statusesOf(friend, blocks[1]!), ['releasing'])
  assert.deepEqual(await mine.holds.holdersOf([blocks[1]!.cid]), [[]])
  friend.isAway = false
  mine.holds.memberUp(friend.id, true)
  await net.sleep(100)
  for (const block of blocks) {
    assert.deepEqual([friend.promisedTo(mine, block), mine.statusesOf(friend, block)], [[], []])
    assert.equal(friend.blocks.has(block.cid), block === common)
  }
  assert.deepEqual(await friend.holds.lent(), new Map())
})

test('a release that is not acknowledged is said again, less and less often', async () => {
  const { net, mine, friend } = twoDevices()
  const block = mine.block('one')
  await net.run(mine.holds.ask(friend.id, [block]))
  mine.holds.memberUp(friend.id, true)
  let releases = 0
  net.delaysMs = (_, __, message) => {
    if (kindOfMessage(message) === 'release') releases++
    return []
  }
  await net.run(mine.holds.release([block.cid]))
  await net.sleep(24 * 3_600_000)
  assert(releases > 10 && releases < 40, `${releases} times`)
  net.delaysMs = () => [0]
  await net.sleep(3_600_000)
  assert.deepEqual([friend.promisedTo(mine, block), mine.statusesOf(friend, block)], [[], []])
})

test('a lender that lowers its offer asks to be let go, and is once others hold what it held', async () => {
  const { net, mine, friend } = twoDevices()
  const other = net.add('other', 'other')
  const blocks = Array.from({ length: 20 }, (_, index) => mine.block(index))
  await net.run(mine.holds.ask(friend.id, blocks))
  const evicted = blocks.slice(0, 10).map(({ cid }) => cid)
  await net.run(mine.holds.evict(evicted))
  const lost = new Set<string>()
  mine.holds.onHolderLost((holder, cids) => {
    assert.equal(holder, friend.id)
    for (const cid of cids) lost.add(cid)
  })
  await friend.holds.start()
  friend.offerBytes = 5000
  await net.sleep(700_000)
  assert.equal(lost.size, 15)
  const moving = blocks.filter(({ cid }) => lost.has(cid))
  assert.deepEqual(new Set((await mine.holds.holdersOf([...lost] as Cid[])).flat()), new Set())
  assert.deepEqual(counted(await net.run(mine.holds.ask(other.id, moving))), { held: 15 })
  await net.sleep(60_000)
  for (const block of moving) {
    assert.deepEqual([friend.promisedTo(mine, block), mine.statusesOf(other, block)], [[], ['held']])
    assert(!friend.blocks.has(block.cid) && other.blocks.has(block.cid))
  }
  assert.deepEqual(await friend.holds.lent(), new Map([[ownerOf('me'), 5000]]))
})

test('when all is lent, who has more than an equal share is asked to make room', async () => {
  const { net, mine, friend } = twoDevices()
  const late = net.add('late', 'late')
  friend.offerBytes = 10_000
  const blocks = Array.from({ length: 10 }, (_, index) => mine.block(index))
  assert.deepEqual(counted(await net.run(mine.holds.ask(friend.id, blocks))), { held: 10 })
  const lost: Cid[] = []
  mine.holds.onHolderLost((_, cids) => lost.push(...cids))
  const wanted = [late.block('a'), late.block('b')]
  assert.deepEqual(counted(await net.run(late.holds.ask(friend.id, wanted))), { 'no-space': 2 })
  await net.sleep(1000)
  assert.equal(lost.length, 2)
  await net.run(mine.holds.release(lost))
  await net.sleep(1000)
  assert.deepEqual(counted(await net.run(late.holds.ask(friend.id, wanted))), { held: 2 })
})

test('a term that is over ends nothing while there is room, and makes room when there is none', async () => {
  const { net, mine, friend } = twoDevices()
  friend.offerBytes = 2000
  const blocks = [mine.block('a'), mine.block('b')]
  await net.run(mine.holds.ask(friend.id, blocks))
  friend.nowMs = 2 * HOLD_TERM_MS
  await friend.holds.start()
  await net.sleep(700_000)
  assert.equal(friend.promisedTo(mine, blocks[0]!).length, 1)
  friend.offerBytes = 1500
  await net.sleep(700_000)
  assert(friend.ledger.lentBytes <= 1500)
})

test('a device that was removed holds nothing, and is owed nothing', async () => {
  const { net, mine, friend } = twoDevices()
  const [kept, released] = [mine.block('kept'), mine.block('released')]
  await net.run(mine.holds.ask(friend.id, [kept, released]))
  friend.isAway = true
  await net.run(mine.holds.release([released.cid]))
  const lost: Cid[] = []
  mine.holds.onHolderLost((_, cids) => lost.push(...cids))
  friend.owner = undefined
  await net.run(mine.holds.membersLeft([friend.id]))
  assert.deepEqual(lost, [kept.cid])
  assert.deepEqual([mine.statusesOf(friend, released), await mine.holds.holdersOf([kept.cid])], [[], [[]]])
  assert.deepEqual(counted(await net.run(mine.holds.ask(friend.id, [mine.block('new')]))), { 'no-member': 1 })
})

test('a device that was removed while this one was off is told of at its start', async () => {
  const { net, mine, friend } = twoDevices()
  const block = mine.block('one')
  await net.run(mine.holds.ask(friend.id, [block]))
  friend.owner = undefined
  const lost: Cid[] = []
  mine.holds.onHolderLost((_, cids) => lost.push(...cids))
  await net.run(mine.holds.start())
  assert.deepEqual(lost, [block.cid])
})

test('what says nothing true is refused, and nothing comes of it', async () => {
  const { net, mine, friend } = twoDevices()
  const liar = net.add('liar', 'liar')
  const block = mine.block('one')
  const said: [Holder, Buffer][] = []
  net.delaysMs = (from, _, message) => {
    said.push([from, Buffer.from(message)])
    return [0]
  }
  await net.run(mine.holds.ask(friend.id, [block]))
  const [, hold] = said.find(([, message]) => kindOfMessage(message) === 'hold')!
  await net.run(mine.holds.evict([block.cid]))
  for (let at = 0; at < hold.length; at++) {
    const changed = Buffer.from(hold)
    changed[at]! ^= 1
    // The incarnation is the sender's own word, and not signed.
    if (at < 2 || at >= 10) await assert.rejects(mine.holds.receive(friend.id, changed), { name: 'DfsError' })
  }
  await assert.rejects(mine.holds.receive(liar.id, hold), { kind: 'corrupt' })
  await assert.rejects(friend.holds.receive(friend.id, hold), { kind: 'corrupt' })
  await net.run(mine.holds.release([block.cid]))
  const [, release] = said.findLast(([, message]) => kindOfMessage(message) === 'release')!
  await assert.rejects(friend.holds.receive(liar.id, release), { kind: 'corrupt' })
  await assert.rejects(liar.holds.receive(mine.id, release), { kind: 'corrupt' })
})

test('a device that asks for what nobody has, or for too much at once, costs little and keeps nobody waiting', async () => {
  const { net, mine, friend } = twoDevices()
  const liar = net.add('liar', 'liar')
  const missing = Array.from({ length: 1000 }, (_, index) => liar.block(`missing ${index}`))
  liar.blocks.clear()
  const asks = Array.from({ length: 20 }, (_, index) => {
    const nonce = Buffer.alloc(16, index + 1)
    const blocks = missing.map(({ cid, bytes }) => ({ digest: digestOfCid(cid), sealedBytes: bytes }))
    blocks.sort((a, b) => Buffer.compare(a.digest, b.digest))
    return encodeHoldsMessage({ kind: 'request', incarnation: Buffer.alloc(8), nonce, blocks })
  })
  const reasons: string[] = []
  net.delaysMs = (_, to, bytes) => {
    const message = decodeHoldsMessage(Buffer.from(bytes))
    if (to === liar && message.kind === 'refusal') reasons.push(...message.refused.map(({ reason }) => reason))
    return [0]
  }
  const flood = Promise.all(asks.map((ask) => friend.holds.receive(liar.id, ask)))
  const block = mine.block('one')
  assert.deepEqual(counted(await net.run(mine.holds.ask(friend.id, [block]))), { held: 1 })
  await net.run(flood)
  await net.sleep(10_000)
  assert.equal(reasons.length, 20_000)
  assert.deepEqual(new Set(reasons), new Set(['unavailable', 'no-block']))
  assert(friend.run.fetched < 300, `${friend.run.fetched} fetches`)
  assert.deepEqual(await friend.holds.lent(), new Map([[ownerOf('me'), 1000]]))
})

function twoDevices() {
  const net = new HolderNetwork()
  return { net, mine: net.add('mine', 'me'), friend: net.add('friend', 'friend') }
}

function counted(outcomes: ReadonlyMap<Cid, string>): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const outcome of outcomes.values()) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}

function kindOfMessage(message: Buffer): string {
  return decodeHoldsMessage(Buffer.from(message)).kind
}
