import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { codedStrings, dataStrings } from '../../../src/bytes/erasure-code.ts'

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

/** All ways of choosing `count` of the items. */
function choices<T>(items: readonly T[], count: number): T[][] {
  if (count === 0) return [[]]
  return items.flatMap((item, at) => choices(items.slice(at + 1), count - 1).map((rest) => [item, ...rest]))
}

function coded(data: readonly Uint8Array[], count: number) {
  return codedStrings(data, range(0, count)).map((bytes, index) => ({ index, bytes: new Uint8Array(bytes) }))
}

test('parity strings are those of ISA-L with gf_gen_cauchy1_matrix', () => {
  const data = range(0, 4).map((j) => Uint8Array.from(range(5 * j, 5 * j + 5)))
  const parity = codedStrings(data, [4, 5]).map((bytes) => Buffer.from(bytes).toString('hex'))
  assert.deepEqual(parity, ['baa40be6bd', '1ab179209c'])
})

test('any k of k + m strings give back the data: every choice of small codes', () => {
  for (const [k, m] of [
    [1, 1],
    [1, 3],
    [2, 1],
    [2, 3],
    [3, 3],
    [4, 2],
    [5, 4],
  ] as const) {
    const data = range(0, k).map((j) => Uint8Array.from(range(0, 7), (i) => (i * 31 + j * 57) & 0xff))
    for (const chosen of choices(coded(data, k + m), k)) {
      assert.deepEqual(
        dataStrings(chosen).map((bytes) => new Uint8Array(bytes)),
        data,
        `${k}+${m} from ${chosen.map(({ index }) => index)}`,
      )
    }
  }
})

test('any k strings of a long code give back the data, in any order', () => {
  const anyCase = fc
    .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), fc.nat(40))
    .chain(([k, m, length]) =>
      fc.record({
        data: fc.array(fc.uint8Array({ minLength: length, maxLength: length }), { minLength: k, maxLength: k }),
        chosen: fc.shuffledSubarray(range(0, k + m), { minLength: k, maxLength: k }),
        count: fc.constant(k + m),
      }),
    )
  fc.assert(
    fc.property(anyCase, ({ data, chosen, count }) => {
      const strings = coded(data, count)
      const found = dataStrings(chosen.map((index) => strings[index]!))
      assert.deepEqual(
        found.map((bytes) => new Uint8Array(bytes)),
        data,
      )
    }),
  )
})

test('a parity string does not depend on how many there are', () => {
  const data = [Uint8Array.of(1, 2), Uint8Array.of(3, 4)]
  assert.deepEqual(codedStrings(data, [5])[0], codedStrings(data, range(0, 9))[5])
})

test('a code of 256 strings is the longest', () => {
  const data = range(0, 200).map((j) => Uint8Array.of(j))
  const strings = coded(data, 256)
  assert.deepEqual(
    dataStrings(strings.slice(56)).map((bytes) => bytes[0]),
    range(0, 200),
  )
  assert.throws(() => codedStrings(data, [256]))
})

test('a number given twice is refused', () => {
  const string = { index: 1, bytes: Uint8Array.of(1) }
  assert.throws(() => dataStrings([string, string]))
})
