import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Auditor } from '../../../../src/daemon/audits/auditor.ts'
import { Standings } from '../../../../src/daemon/audits/standings.ts'
import type { Cid } from '../../../../src/dfs.ts'
import { decodeHoldsMessage } from '../../../../src/format/hold-message.ts'
import type { BlockSize } from '../../../../src/net/holds/hold-service.ts'
import { makeProof } from '../../../../src/seal/storage-proof.ts'
import { forgeProof } from '../../../e2e/support/lying-lender.ts'
import { type Holder, HolderNetwork } from '../../net/holds/network-of-holders.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const NEVER_MS = 2 ** 31 - 1

/** `mine` has blocks that `friend` holds, and audits it by hand; `other` holds nothing yet. */
async function audited(t: TestContext, count: number, bytes = 2000) {
  const net = new HolderNetwork()
  const [mine, friend, other] = [net.add('mine', 'me'), net.add('friend', 'a'), net.add('other', 'b')]
  const blocks = Array.from({ length: count }, (_, index) => mine.block(index, bytes))
  if (count > 0) await net.run(mine.holds.ask(friend.id, blocks))
  let kept: Uint8Array | undefined
  const file = {
    read: async () => kept,
    write: async (body: Uint8Array) => {
      kept = body
    },
  }
  const clock = { nowMs: () => mine.nowMs }
  const lost = new Set<Cid>()
  mine.holds.onHolderLost((_, cids) => {
    for (const cid of cids) lost.add(cid)
  })
  const open = async () => {
    const standings = await Standings.open(file, clock)
    const auditor = new Auditor({
      audits: mine.holds.audits,
      standings,
      clock,
      isMember: (device) => net.devices.get(device)?.owner !== undefined,
      connected: () => [friend, other].filter(({ isAway }) => !isAway).map(({ id }) => id),
      awayMs: () => 14 * DAY_MS,
      times: { firstMs: NEVER_MS, everyMs: NEVER_MS, soonMs: 1 },
    })
    mine.holds.trustBy(auditor)
    return { standings, auditor }
  }
  const opened = await open()
  t.after(() => opened.auditor[Symbol.asyncDispose]())
  const world = { net, mine, friend, other, blocks, cids: blocks.map(({ cid }) => cid), lost, ...opened }
  return {
    ...world,
    /** So much running time passes, with a round of audits now and then. */
    pass: async (ms: number, everyMs = 6 * HOUR_MS) => {
      for (let passed = 0; passed < ms; passed += everyMs) {
        mine.nowMs += everyMs
        await net.run(world.auditor.round())
      }
    },
    restart: async () => {
      await world.auditor[Symbol.asyncDispose]()
      Object.assign(world, await open())
      return world
    },
  }
}

/** What audits send, both ways. */
function countAuditBytes(net: HolderNetwork): { bytes: number } {
  const sum = { bytes: 0 }
  net.delaysMs = (_, __, message) => {
    const { kind } = decodeHoldsMessage(Buffer.from(message))
    if (kind === 'challenge' || kind === 'proof') sum.bytes += message.length
    return [0]
  }
  return sum
}

const evict = async ({ net, mine }: { net: HolderNetwork; mine: Holder }, cids: readonly Cid[]) => [
  ...new Set((await net.run(mine.holds.evict(cids))).values()),
]

test('a month of audits costs less than a hundredth of what is held, however often the daemon starts', async (t) => {
  const world = await audited(t, 240, 262_356)
  const sum = countAuditBytes(world.net)
  for (let day = 0; day < 30; day += 3) {
    await world.pass(3 * DAY_MS)
    await world.restart()
  }
  const share = sum.bytes / (240 * 262_356)
  t.diagnostic(`${sum.bytes} bytes, ${(share * 100).toFixed(2)} % of what is held; ${world.friend.run.proven} proofs`)
  assert(share < 0.01 && share > 0.005, `${share}`)
  assert.equal(world.lost.size, 0)
})

test('what audits cost is what the budget says', async (t) => {
  const { net, friend, standings, auditor } = await audited(t, 60, 65_588)
  const sum = countAuditBytes(net)
  await net.run(auditor.round())
  const before = standings.of(friend.id).credit.bytes
  const said = 128 * 1024 - before
  assert(sum.bytes <= said && sum.bytes > said * 0.8, `${sum.bytes} of ${said} bytes`)
})

test('nothing is evicted before its holders have proven themselves, and then at once', async (t) => {
  const { net, mine, friend, cids, auditor } = await audited(t, 40)
  assert(!auditor.isProven(friend.id))
  assert.deepEqual(await evict({ net, mine }, cids.slice(0, 20)), ['evicted'])
  assert(auditor.isProven(friend.id))
  // A few of those that are to be deleted are asked for each time.
  const before = friend.run.proven
  assert.deepEqual(await evict({ net, mine }, cids.slice(20, 30)), ['evicted'])
  assert.equal(friend.run.proven - before, 4)
  // A day later that says nothing any more.
  mine.nowMs += DAY_MS
  assert(!auditor.isProven(friend.id))
  friend.isAway = true
  assert.deepEqual(await evict({ net, mine }, cids.slice(30)), ['too-few-holders'])
})

test('a holder that lost all is found before anything is evicted, and is replaced and barred', async (t) => {
  const { net, mine, friend, other, blocks, cids, lost, auditor, standings, pass } = await audited(t, 40)
  friend.blocks.clear()
  friend.isCut = true
  assert.deepEqual(await evict({ net, mine }, cids), ['too-few-holders'])
  await net.sleep(1000)
  assert.deepEqual(lost, new Set(cids))
  assert(auditor.isBarred(friend.id) && !auditor.isProven(friend.id))
  await net.run(mine.holds.ask(other.id, blocks))
  await net.sleep(1000)
  assert.deepEqual(mine.statusesOf(friend, blocks[0]!), [])
  assert.deepEqual(await evict({ net, mine }, cids), ['evicted'])

  // Whatever it came to hold meanwhile does not count either.
  const late = mine.block('late')
  friend.blocks.set(late.cid, mine.blocks.get(late.cid)!)
  await net.run(mine.holds.ask(friend.id, [late]))
  auditor.noteGiven(friend.id, [late.cid])
  await net.sleep(1000)
  assert.deepEqual(mine.statusesOf(friend, late), ['leaving'])
  const unnoted = mine.block('unnoted')
  friend.blocks.set(unnoted.cid, mine.blocks.get(unnoted.cid)!)
  await net.run(mine.holds.ask(friend.id, [unnoted]))
  await pass(HOUR_MS, HOUR_MS)
  assert.deepEqual(mine.statusesOf(friend, unnoted), ['leaving'])

  // Once the time is over it may hold again; the next time it takes longer.
  await pass(DAY_MS)
  assert.deepEqual([auditor.isBarred(friend.id), standings.of(friend.id).isSuspect], [false, false])
  assert.equal(standings.of(friend.id).strikes, 1)
  const more = Array.from({ length: 5 }, (_, index) => mine.block(`more ${index}`))
  friend.isCut = false
  await net.run(mine.holds.ask(friend.id, more))
  friend.blocks.clear()
  friend.isCut = true
  await net.run(
    auditor.audit(
      friend.id,
      more.map(({ cid }) => cid),
    ),
  )
  await net.sleep(1000)
  await pass(DAY_MS)
  assert(auditor.isBarred(friend.id))
  await pass(DAY_MS)
  assert(!auditor.isBarred(friend.id))
})

test('a holder that lost one block of many loses that hold alone, and is trusted again at once', async (t) => {
  const { net, friend, cids, lost, auditor, standings } = await audited(t, 80)
  friend.blocks.delete(cids[5]!)
  await net.run(auditor.audit(friend.id, cids))
  await net.sleep(1000)
  assert.deepEqual(lost, new Set([cids[5]!]))
  assert.deepEqual([auditor.isBarred(friend.id), auditor.isProven(friend.id)], [false, true])
  assert.equal(standings.of(friend.id).failures, 0)
  assert(friend.blocks.has(cids[5]!), 'it fetched it again')
})

test('a holder of hashes alone, which keeps what it was asked for lately, is found and replaced', async (t) => {
  const { net, mine, friend, other, cids, blocks, lost, auditor, pass } = await audited(t, 200)
  const kept = new Map<Cid, Buffer>()
  const contents = new Map(friend.blocks)
  friend.forge = (challenge) => {
    const block = kept.get(challenge.cid)
    if (block !== undefined) return makeProof(challenge, block)
    // Whatever it was asked for it gets, in case it is asked again.
    kept.set(challenge.cid, contents.get(challenge.cid)!)
    return forgeProof(challenge, contents.get(challenge.cid)!)
  }
  for (let days = 0; days < 30 && !auditor.isBarred(friend.id); days++) {
    await pass(DAY_MS)
    await net.sleep(1000)
    // It asks all the time, and gets nothing deleted on the liar's word.
    if (lost.size > 0) assert.deepEqual(await evict({ net, mine }, cids.slice(0, 3)), ['too-few-holders'])
  }
  assert.deepEqual(lost, new Set(cids))
  await net.run(mine.holds.ask(other.id, blocks))
  assert.deepEqual(await evict({ net, mine }, cids), ['evicted'])
  await net.sleep(1000)
  assert.deepEqual(mine.statusesOf(friend, blocks[9]!), [])
})

test('who is silent for longer than it may is replaced, and what is too much is released when it comes back', async (t) => {
  const { net, mine, friend, other, blocks, cids, lost, auditor, standings, pass } = await audited(t, 30)
  await pass(DAY_MS)
  friend.isAway = true
  await pass(13 * DAY_MS)
  assert.equal(lost.size, 0)
  await pass(2 * DAY_MS)
  assert.deepEqual(lost, new Set(cids))
  assert(standings.of(friend.id).isAway)
  assert(!auditor.isBarred(friend.id), 'silence is no failure')
  assert.deepEqual(mine.statusesOf(friend, blocks[0]!), ['leaving'], 'what it holds stays noted')
  assert.deepEqual(new Set((await net.run(mine.holds.ask(other.id, blocks.slice(1)))).values()), new Set(['held']))
  friend.isAway = false
  mine.holds.memberUp(friend.id, true)
  auditor.memberCame(friend.id)
  await net.sleep(1000)
  assert(!standings.of(friend.id).isAway)
  assert.deepEqual(friend.promisedTo(mine, blocks[1]!), [])
  assert.equal(friend.promisedTo(mine, blocks[0]!).length, 1, 'it is the only one that has it')
  await net.run(mine.holds.ask(friend.id, [blocks[0]!]))
  assert.equal(friend.run.fetched, 30, 'it had it still')
  assert.deepEqual(await mine.holds.holdersOf([blocks[0]!.cid]), [[friend.id]])
})

test('as long as nobody is there it is not the others who are away; restarts do not make them young again', async (t) => {
  const world = await audited(t, 5)
  const { friend, other, lost, pass } = world
  await pass(DAY_MS)
  friend.isAway = true
  other.isAway = true
  await pass(100 * DAY_MS, DAY_MS)
  assert.equal(lost.size, 0)
  const { standings } = await world.restart()
  assert(!standings.of(friend.id).isAway)
  other.isAway = false
  await pass(HOUR_MS, HOUR_MS)
  assert.equal(lost.size, 0, 'whoever comes first makes nobody be away')
  await pass(HOUR_MS, HOUR_MS)
  assert.equal(lost.size, 5)
})

test('who is there and proves nothing is replaced in the end, too, and gets nothing new', async (t) => {
  const { net, friend, lost, auditor, standings, pass, mine } = await audited(t, 5)
  net.delaysMs = (from) => (from === friend ? [] : [0])
  await pass(13 * DAY_MS, DAY_MS)
  assert.equal(lost.size, 0)
  await pass(2 * DAY_MS, DAY_MS)
  assert.equal(lost.size, 5)
  assert(auditor.isBarred(friend.id) && standings.of(friend.id).isAway)
  await pass(DAY_MS, DAY_MS)
  assert(!auditor.isBarred(friend.id) && !standings.of(friend.id).isAway)
  await net.run(auditor.freshen(new Map([[friend.id, []]])))
  await pass(15 * DAY_MS, DAY_MS)
  assert(!auditor.isBarred(friend.id), 'nothing is expected of who holds nothing')
  standings.bar(friend.id)
  // No clock that jumps is asked: only running time counts.
  mine.nowMs -= HOUR_MS
  await pass(HOUR_MS, HOUR_MS)
  assert(auditor.isBarred(friend.id))
})

test('what was newly given is audited soon', async (t) => {
  const { net, mine, friend, auditor } = await audited(t, 0)
  const blocks = Array.from({ length: 100 }, (_, index) => mine.block(index))
  await net.run(mine.holds.ask(friend.id, blocks))
  auditor.noteGiven(
    friend.id,
    blocks.map(({ cid }: BlockSize) => cid),
  )
  const proven = Promise.withResolvers<void>()
  friend.slowly = async () => proven.resolve()
  await proven.promise
  await net.sleep(100)
  assert.equal(friend.run.proven, 16)
})
