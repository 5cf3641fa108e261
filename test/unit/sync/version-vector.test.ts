import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { VersionVector } from '../../../src/format/version-vector.ts'
import {
  advance,
  compareVectors,
  covers,
  includes,
  mergeVectors,
  NO_CHANGES,
} from '../../../src/sync/version-vector.ts'

const anyVector: fc.Arbitrary<VersionVector> = fc
  .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 1, max: 4 })), {
    selector: ([writer]) => writer,
  })
  .map((pairs) => new Map(pairs))
const of = (...pairs: [string, number][]): VersionVector => new Map(pairs)

describe('a version vector', () => {
  it('is before, after, equal to or concurrent with another', () => {
    const one = of(['a', 1], ['b', 2])
    assert.equal(compareVectors(one, of(['b', 2], ['a', 1])), 'equal')
    assert.equal(compareVectors(one, of(['b', 2])), 'after')
    assert.equal(compareVectors(one, of(['a', 2], ['b', 2], ['c', 1])), 'before')
    assert.equal(compareVectors(one, of(['a', 2], ['b', 1])), 'concurrent')
    assert.equal(compareVectors(NO_CHANGES, NO_CHANGES), 'equal')
  })

  it('includes the changes of each writer up to a counter', () => {
    const vector = advance(of(['a', 1]), { writer: 'b', counter: 5 })
    assert(includes(vector, { writer: 'b', counter: 5 }) && includes(vector, { writer: 'b', counter: 2 }))
    assert(!includes(vector, { writer: 'b', counter: 6 }) && !includes(vector, { writer: 'c', counter: 1 }))
  })

  it('merged with another includes what either does, and no more', () => {
    fc.assert(
      fc.property(anyVector, anyVector, anyVector, (a, b, c) => {
        const merged = mergeVectors(a, b)
        assert(covers(merged, a) && covers(merged, b))
        if (covers(c, a) && covers(c, b)) assert(covers(c, merged))
        assert.equal(compareVectors(merged, mergeVectors(b, a)), 'equal')
        assert.equal(compareVectors(mergeVectors(merged, c), mergeVectors(a, mergeVectors(b, c))), 'equal')
      }),
    )
  })
})
