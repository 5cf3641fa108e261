/** The small parts of the exchange: what has come of a block, in which order it is sent, who is trusted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PIECE_BYTES_MAX } from '../../../../src/format/message.ts'
import { Coverage } from '../../../../src/net/exchange/coverage.ts'
import { planPieces, preferPieces } from '../../../../src/net/exchange/piece-plan.ts'
import { Reputation } from '../../../../src/net/exchange/reputation.ts'
import { TokenBucket } from '../../../../src/net/exchange/token-bucket.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const anyRange = (max: number) =>
  fc.tuple(fc.nat(max), fc.nat(max)).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }))

test('coverage takes each byte once, in any order, and none outside', () => {
  fc.assert(
    fc.property(fc.array(anyRange(60), { maxLength: 30 }), (ranges) => {
      const coverage = new Coverage(50)
      const model = new Set<number>()
      for (const { from, to } of ranges) {
        const bytes = Array.from({ length: to - from }, (_, i) => from + i)
        const fits = bytes.length > 0 && bytes.every((byte) => byte < 50 && !model.has(byte))
        assert.equal(coverage.add(from, to), fits)
        if (fits) for (const byte of bytes) model.add(byte)
        assert.equal(coverage.bytes, model.size)
      }
    }),
  )
})

test('whatever is preferred, every byte of a block is sent once, in pieces that are not too long', () => {
  const anySize = fc.integer({ min: 1, max: 1_049_000 })
  fc.assert(
    fc.property(anySize, anyRange(1_100_000), anyRange(1_100_000), fc.nat(5), (size, first, second, sent) => {
      const pieces = planPieces(Buffer.alloc(size), first)
      const all = [...pieces.slice(0, sent), ...preferPieces(pieces.slice(sent), second)]
      const coverage = new Coverage(size)
      for (const { from, to } of all) {
        assert(to - from <= PIECE_BYTES_MAX)
        assert(coverage.add(from, to))
      }
      assert.equal(coverage.bytes, size)
    }),
  )
})

test('what is preferred comes first, then what lies behind it, then what lies before it', () => {
  const plan = planPieces(Buffer.alloc(1000), { from: 300, to: 400 })
  assert.deepEqual(plan, [
    { from: 300, to: 400 },
    { from: 400, to: 1000 },
    { from: 0, to: 300 },
  ])
})

test('who lied is not trusted for a while, and for longer each time', async () => {
  const clock = new VirtualClock()
  const reputation = new Reputation(clock)
  reputation.punish('liar')
  assert(!reputation.isTrusted('liar'))
  assert(reputation.isTrusted('other'))
  await clock.sleep(60_000)
  assert(reputation.isTrusted('liar'))
  reputation.punish('liar')
  await clock.sleep(60_000)
  assert(!reputation.isTrusted('liar'))
})

test('a bucket lets a burst through at once and the rest at its rate', async () => {
  const clock = new VirtualClock()
  const bucket = new TokenBucket({ perSecond: 10, burst: 5 }, clock)
  assert.equal(bucket.take(5), undefined)
  await clock.run(bucket.take(10)!)
  assert.equal(clock.now(), 1000)
})
