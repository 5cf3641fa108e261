import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accrued, affordable, auditCost, firstCredit, spent } from '../../../../src/daemon/audits/audit-budget.ts'
import { RandomFew } from '../../../../src/daemon/audits/random-few.ts'
import { FRESH_MS, Standings } from '../../../../src/daemon/audits/standings.ts'
import { isTooMany } from '../../../../src/daemon/audits/verdict.ts'

const MIB = 1024 * 1024
const DAY_MS = 24 * 3_600_000

test('a block that is lost now and then is forgiven; more than a few, or all there was, are not', () => {
  const counts = (good: number, failed: number) => ({ good, failed, unreachable: 0 })
  assert(!isTooMany(counts(64, 0), 64, 1))
  assert(!isTooMany(counts(63, 1), 64, 2))
  assert(isTooMany(counts(58, 6), 64, 7))
  assert(isTooMany(counts(8, 2), 10, 3))
  assert(isTooMany(counts(0, 1), 1, 2))
  assert(isTooMany(counts(0, 0), 0, 1), 'nothing is left of what it held')
  assert(!isTooMany(counts(0, 0), 0, 0))
  assert(!isTooMany(counts(0, 0), 64, 3), 'silence is no failure')
  assert(isTooMany(counts(63, 1), 64, 16), 'too often')
})

test('credit grows with what is held, to a bound, and never for time that went back', () => {
  const holding = { blocks: 10_000, bytes: 10_000 * 65_588 }
  const monthly = 0.008 * holding.bytes
  const none = { bytes: 0, atMs: 0 }
  assert.equal(Math.round(accrued(none, holding, 3 * DAY_MS).bytes), Math.round(monthly / 10))
  assert.equal(accrued(none, holding, 300 * DAY_MS).bytes, monthly / 4)
  assert.equal(accrued({ bytes: 5, atMs: DAY_MS }, holding, 0).bytes, 5)
  // Each block once a month is enough.
  const long = { blocks: 1000, bytes: 1000 * MIB }
  assert.equal(Math.round(accrued(none, long, 3 * DAY_MS).bytes), 100 * auditCost(MIB))
  assert.equal(affordable({ bytes: 10 * auditCost(MIB) + 1, atMs: 0 }, long), 10)
  const inDebt = spent(firstCredit(0), 100 * MIB)
  assert.equal(inDebt.bytes, -512 * 1024)
  assert.equal(affordable(inDebt, long), 0)
})

test('some of many are drawn, each as likely as any other', () => {
  const times = new Map<number, number>()
  for (let round = 0; round < 2000; round++) {
    const few = new RandomFew<number>(3)
    for (let item = 0; item < 10; item++) few.add(item)
    assert.equal(new Set(few.items).size, 3)
    for (const item of few.items) times.set(item, (times.get(item) ?? 0) + 1)
  }
  for (let item = 0; item < 10; item++) {
    const count = times.get(item) ?? 0
    assert(count > 450 && count < 750, `${item}: ${count} of 6000`)
  }
})

test('what is known of holders is there after a new start; a bar is twice as long the next time, and forgiven in the end', async () => {
  let kept: Uint8Array | undefined
  const file = {
    read: async () => kept,
    write: async (body: Uint8Array) => {
      kept = body
    },
  }
  let nowMs = DAY_MS
  const open = () => Standings.open(file, { nowMs: () => nowMs })
  const standings = await open()
  standings.change('friend', { provenMs: nowMs, answeredMs: 7 })
  standings.bar('other')
  standings.change('other', { isSuspect: true, provenMs: nowMs })
  await standings.save()
  const again = await open()
  assert.deepEqual(again.all, standings.all)
  assert.deepEqual([again.isProven('friend'), again.isProven('other'), again.isProven('unknown')], [true, false, false])
  nowMs += FRESH_MS
  assert.deepEqual([again.isProven('friend'), again.isBarred('other')], [false, false])
  again.bar('other')
  nowMs += DAY_MS
  assert(again.isBarred('other'))
  nowMs += DAY_MS
  assert(!again.isBarred('other'))
  again.retain(new Set())
  assert.deepEqual([...again.all.keys()], ['other'])
  nowMs += 100 * DAY_MS
  again.bar('other')
  nowMs += DAY_MS
  assert(!again.isBarred('other'))
})
