import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countHolders, countHolds } from '../../../../src/net/holds/counting.ts'
import { HOLD_TERM_MS, PROMISES_PER_REQUESTER_MAX } from '../../../../src/net/holds/lending.ts'
import { modeOf } from '../../../../src/net/holds/state.ts'
import { Devices } from './devices.ts'

/** `laptop` needs the block, `server` and `desk` are of the same owner and lend space. */
function trio() {
  const devices = new Devices()
  const laptop = devices.add('laptop')
  const server = devices.add('server', { isNeeded: false })
  const desk = devices.add('desk', { isNeeded: false })
  return { devices, laptop, server, desk }
}

test('a device deletes its copy against a new hold, and the holder keeps the block until it is let go', () => {
  const { devices, laptop, server } = trio()
  laptop.command('ask-hold', server)
  assert.deepEqual([laptop.holders(), modeOf(server.record)], [['server'], 'holding'])
  assert.equal(countHolds(laptop.record, { self: 'laptop', ownerOf: () => 'me' }), 1)

  laptop.command('evict')
  assert.equal(modeOf(laptop.record), 'evicting')
  assert.equal(laptop.command('finish'), undefined)
  assert.deepEqual([laptop.hasBlock, modeOf(laptop.record), laptop.holders()], [false, 'free', ['server']])
  assert.equal(server.record.promises.length, 1, 'the hold of before was released')
  assert.equal(server.command('drop'), 'holding')
  assert.equal(laptop.command('release', server), 'needed')

  laptop.hasBlock = true
  assert.equal(laptop.command('release', server), undefined)
  assert.deepEqual([laptop.record.holds, modeOf(server.record)], [[], 'free'])
  assert.equal(server.command('drop'), undefined)
  assert.equal(server.hasBlock, false)
  assert.deepEqual(devices.said.slice(0, 2), ['laptop>server request', 'server>laptop hold'])
})

test('what is not allowed is refused, and changes nothing', () => {
  const { laptop, server, desk } = trio()
  assert.equal(laptop.command('evict'), 'too-few-holders')
  assert.equal(laptop.command('finish'), 'too-few-holders')
  assert.equal(laptop.command('drop'), 'needed')
  assert.equal(laptop.command('release', server), 'not-held')
  assert.equal(laptop.command('check', server), 'not-held')
  assert.equal(laptop.command('ask-hold', laptop), 'no-member')
  laptop.command('ask-hold', server)
  assert.equal(laptop.command('ask-hold', server), 'already-held')
  assert.equal(laptop.command('hand-over', server), 'too-few-holders')
  laptop.replicas = 0
  assert.equal(laptop.command('hand-over', server), 'too-few-holders', 'no replicas demand one holder all the same')
  server.isAway = true
  laptop.command('evict')
  assert.equal(laptop.command('evict'), 'busy')
  assert.equal(laptop.command('release', server), 'busy')
  assert.equal(laptop.command('finish'), 'too-few-holders')
  desk.command('ask-hold', laptop)
  assert.deepEqual(desk.holders(), [], 'who evicts gives no hold')
  laptop.command('give-up')
  assert.equal(modeOf(laptop.record), 'free')
  laptop.hasBlock = false
  assert.equal(laptop.command('evict'), 'no-block')
  desk.command('ask-hold', laptop)
  assert.deepEqual(desk.holders(), [], 'nor does who has no copy')
})

test('a restart gives up an eviction, and an answer that comes after it counts for nothing', () => {
  const { laptop, server } = trio()
  laptop.command('ask-hold', server)
  server.isAway = true
  laptop.command('evict')
  const { nonce } = laptop.memory.question!
  laptop.restart()
  assert.equal(modeOf(laptop.record), 'free')
  laptop.hear(server, { kind: 'hold', nonce })
  assert.equal(laptop.command('finish'), 'too-few-holders')
  assert.equal(laptop.record.holds.length, 1)
})

test('a holder that was started anew since it was asked does not count', () => {
  for (const how of ['message', 'heard'] as const) {
    const { laptop, server } = trio()
    laptop.command('ask-hold', server)
    laptop.command('evict')
    server.restart()
    const { incarnation } = server
    if (how === 'message') laptop.hear(server, { kind: 'leave', hold: 'unknown' })
    else laptop.give({ kind: 'heard', from: 'server', incarnation })
    assert.equal(laptop.command('finish'), 'too-few-holders', how)
    laptop.command('give-up')
    laptop.command('evict')
    assert.equal(laptop.command('finish'), undefined, how)
  }
})

test('two devices that hold for each other come free by asking to leave', () => {
  const { laptop, desk } = trio()
  laptop.command('ask-hold', desk)
  desk.command('ask-hold', laptop)
  assert.equal(laptop.command('evict'), 'holding')
  laptop.command('ask-to-leave')
  assert.deepEqual(desk.holders('leaving'), ['laptop'])
  assert.equal(desk.command('release', laptop), undefined)
  laptop.command('evict')
  assert.equal(laptop.command('finish'), undefined)
  assert.deepEqual([laptop.hasBlock, desk.hasBlock], [false, true])
})

test('a lender that lowers its offer is let go once another holds', () => {
  const { laptop, server, desk } = trio()
  laptop.command('ask-hold', server)
  laptop.command('evict')
  laptop.command('finish')
  server.command('ask-to-leave')
  assert.equal(laptop.command('hand-over', server), 'too-few-holders')
  laptop.command('ask-hold', desk)
  assert.equal(laptop.command('hand-over', server), undefined)
  assert.equal(laptop.command('finish'), undefined)
  assert.deepEqual([laptop.holders(), modeOf(server.record), modeOf(desk.record)], [['desk'], 'free', 'holding'])
})

test('a hold that is not known is given back only by who cannot depend on it', () => {
  const { devices, laptop, server } = trio()
  const releases = () => devices.said.filter((line) => line === 'laptop>server release').length
  laptop.hasBlock = false
  laptop.hear(server, { kind: 'leave', hold: 'from an older life' })
  assert.equal(releases(), 0)
  laptop.hasBlock = true
  laptop.hear(server, { kind: 'leave', hold: 'from an older life' })
  assert.equal(releases(), 1)
})

test('a device that depends on a holder releases nothing for a newer hold, until it asks for one to hand over', () => {
  const { laptop, server, desk } = trio()
  laptop.command('ask-hold', server)
  laptop.command('evict')
  laptop.command('finish')
  server.command('ask-to-leave')
  laptop.command('ask-hold', server)
  assert.deepEqual([laptop.holders(), laptop.holders('leaving')], [['server'], ['server']])
  assert.equal(server.record.promises.length, 2)
  laptop.command('ask-hold', desk)
  laptop.command('hand-over', desk)
  assert.equal(laptop.command('finish'), undefined)
  assert.deepEqual([laptop.record.holds.length, server.record.promises.length, modeOf(desk.record)], [1, 1, 'free'])
})

test('the requester releases; if it was removed, any device of its owner; nobody else', () => {
  const devices = new Devices()
  const laptop = devices.add('laptop')
  const heir = devices.add('heir')
  const friend = devices.add('friend', { owner: 'friend' })
  const server = devices.add('server', { owner: 'friend', isNeeded: false })
  laptop.command('ask-hold', server)
  const { nonce } = server.record.promises[0]!
  const release = { kind: 'release', requester: 'laptop', hold: nonce } as const
  server.hear(heir, release)
  server.hear(friend, release)
  assert.equal(modeOf(server.record), 'holding')
  laptop.owner = undefined
  server.hear(friend, release)
  assert.equal(modeOf(server.record), 'holding')
  server.hear(heir, release)
  assert.equal(modeOf(server.record), 'free')
})

test('a hold ends with its term only when that is asked for, and a check begins the term anew', () => {
  const { laptop, server } = trio()
  laptop.command('ask-hold', server)
  server.nowMs = HOLD_TERM_MS - 1
  server.command('forget-expired')
  assert.equal(modeOf(server.record), 'holding')
  laptop.command('check', server)
  server.nowMs = HOLD_TERM_MS + 1
  server.command('forget-expired')
  assert.equal(modeOf(server.record), 'holding')
  server.nowMs = 2 * HOLD_TERM_MS
  assert.equal(server.command('drop'), 'holding', 'a term that is over ends nothing by itself')
  server.command('forget-expired')
  assert.equal(modeOf(server.record), 'free')
  laptop.command('check', server)
  assert.deepEqual(laptop.record.holds, [], 'who is told that there is no hold believes it')
})

test('a removed owner is owed nothing once space is short', () => {
  const { devices, laptop, server } = trio()
  laptop.command('ask-hold', server)
  server.command('forget-expired')
  assert.equal(modeOf(server.record), 'holding')
  devices.removedOwners.add('me')
  server.command('forget-expired')
  assert.equal(modeOf(server.record), 'free')
})

test('a holder that takes its word back does not count, and is forgotten', () => {
  const { laptop, server } = trio()
  laptop.command('ask-hold', server)
  laptop.command('evict')
  const { nonce } = laptop.memory.question!
  laptop.hear(server, { kind: 'refusal', nonce, reason: 'no-such-hold' })
  assert.equal(laptop.command('finish'), 'too-few-holders')
  assert.deepEqual(laptop.holders(), [])
})

test('a holder that is doubted counts for no eviction, and is let go once another holds', () => {
  const { laptop, server, desk } = trio()
  laptop.command('ask-hold', server)
  assert.equal(laptop.command('distrust', desk), 'not-held')
  assert.equal(laptop.command('distrust', server), undefined)
  assert.deepEqual([laptop.holders(), laptop.holders('leaving')], [[], ['server']])
  assert.equal(modeOf(server.record), 'holding', 'it is bound still')
  assert.equal(laptop.command('evict'), 'too-few-holders')
  laptop.command('ask-hold', desk)
  laptop.command('evict')
  assert.equal(laptop.command('finish'), undefined)
  laptop.command('hand-over', server)
  assert.equal(laptop.command('finish'), undefined)
  assert.deepEqual([laptop.holders(), laptop.record.holds.length, modeOf(server.record)], [['desk'], 1, 'free'])
})

test('who did not prove lately to have what it promised is not asked, and does not count', () => {
  const { laptop, server } = trio()
  laptop.command('ask-hold', server)
  laptop.unproven.add('server')
  assert.equal(laptop.command('evict'), 'too-few-holders')
  laptop.unproven.clear()
  laptop.command('evict')
  laptop.unproven.add('server')
  assert.equal(laptop.command('finish'), 'too-few-holders')
  laptop.unproven.clear()
  assert.equal(laptop.command('finish'), undefined)
})

test('a holder whose copy is gone confirms nothing, and is not forgotten', () => {
  const { devices, laptop, server } = trio()
  laptop.command('ask-hold', server)
  server.hasBlock = false
  laptop.command('check', server)
  assert.equal(devices.said.at(-1), 'server>laptop refusal')
  assert.deepEqual(laptop.holders(), ['server'])
  laptop.command('evict')
  assert.equal(laptop.command('finish'), 'too-few-holders')
})

test('a request that comes again is answered again, without another promise; there are never too many', () => {
  const { devices, laptop, server } = trio()
  for (const nonce of ['one', 'one', 'two', 'three', 'four', 'five']) server.hear(laptop, { kind: 'request', nonce })
  assert.equal(server.record.promises.length, PROMISES_PER_REQUESTER_MAX)
  assert.equal(server.persisted, PROMISES_PER_REQUESTER_MAX)
  assert.deepEqual(devices.said.slice(-2), ['server>laptop hold', 'server>laptop refusal'])
})

test('who is no member gets no hold', () => {
  const { devices, server } = trio()
  const stranger = devices.add('stranger', { owner: undefined })
  server.hear(stranger, { kind: 'request', nonce: 'one' })
  assert.equal(modeOf(server.record), 'free')
})

test('a release is said again until the holder has heard it, or is no member any more', () => {
  const { devices, laptop, server } = trio()
  laptop.command('ask-hold', server)
  server.isAway = true
  laptop.command('release', server)
  laptop.command('repeat-releases')
  assert.deepEqual(laptop.holders('releasing'), ['server'])
  assert.equal(devices.said.filter((line) => line === 'laptop>server release').length, 2)
  server.isAway = false
  laptop.command('repeat-releases')
  assert.deepEqual([laptop.record.holds, modeOf(server.record)], [[], 'free'])

  laptop.command('ask-hold', server)
  server.isAway = true
  laptop.command('release', server)
  server.owner = undefined
  laptop.command('repeat-releases')
  assert.deepEqual(laptop.record.holds, [])
})

test('a request that is called off leaves no hold behind', () => {
  const { laptop, server } = trio()
  server.isAway = true
  laptop.command('ask-hold', server)
  const { nonce } = laptop.memory.requests[0]!
  assert.equal(laptop.command('ask-hold', server), 'busy')
  server.isAway = false
  server.hear(laptop, { kind: 'request', nonce })
  assert.deepEqual(laptop.holders(), ['server'])
  laptop.command('release', server)

  server.isAway = true
  laptop.command('ask-hold', server)
  const late = laptop.memory.requests[0]!.nonce
  laptop.command('cancel-request', server)
  laptop.hear(server, { kind: 'hold', nonce: late })
  assert.deepEqual(laptop.holders(), [])
})

test('distinct other members count, and one device of each other owner', () => {
  const owners: Record<string, string> = { a: 'me', b: 'me', c: 'me', x: 'friend', y: 'friend', z: 'other' }
  const ownerOf = (name: string) => owners[name]
  const count = (self: string, ...holders: string[]) => countHolders(holders, { self, ownerOf })
  assert.equal(count('a'), 0)
  assert.equal(count('a', 'a'), 0)
  assert.equal(count('a', 'b', 'b'), 1)
  assert.equal(count('a', 'b', 'c'), 2)
  assert.equal(count('a', 'x', 'y'), 1)
  assert.equal(count('a', 'b', 'x', 'y', 'z'), 3)
  assert.equal(count('a', 'stranger'), 0)
  assert.equal(count('stranger', 'a', 'b'), 0)
})
