import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { RangeSet } from '../../../src/vfs/range-set.ts'

const LENGTH = 40
const range = fc.tuple(fc.nat(LENGTH), fc.nat(LENGTH)).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }))

function inSet(set: RangeSet): boolean[] {
  const bytes = new Array<boolean>(LENGTH).fill(false)
  for (const { from, to } of set) bytes.fill(true, from, to)
  return bytes
}

test('holds what was added, sorted and merged', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 30 }), range, (added, asked) => {
      const set = new RangeSet()
      const model = new Array<boolean>(LENGTH).fill(false)
      for (const { from, to } of added) {
        set.add(from, to)
        model.fill(true, from, to)
      }
      assert.deepEqual(inSet(set), model)
      const ranges = [...set]
      for (const [i, { from, to }] of ranges.entries()) {
        assert.ok(from < to)
        assert.ok(i === 0 || ranges[i - 1]!.to < from, 'ranges neither overlap nor touch')
      }
      assert.equal(set.bytes, model.filter(Boolean).length)
      assert.equal(set.isEmpty, !model.includes(true))
      assert.equal(set.covers(asked.from, asked.to), !model.slice(asked.from, asked.to).includes(false))
      const gaps = new Array<boolean>(LENGTH).fill(false)
      for (const { from, to } of set.gaps(asked.from, asked.to)) gaps.fill(true, from, to)
      assert.deepEqual(
        gaps,
        model.map((there, at) => at >= asked.from && at < asked.to && !there),
      )
    }),
    { numRuns: 500 },
  )
})

test('a clone does not follow its original', () => {
  const set = new RangeSet()
  set.add(0, 10)
  const clone = set.clone()
  set.add(20, 30)
  assert.deepEqual([...clone], [{ from: 0, to: 10 }])
})
