import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { inverse, invertMatrix, multiply } from '../../../src/bytes/galois-field.ts'

const ALL = Array.from({ length: 256 }, (_, element) => element)

/** By the definition: the product of two polynomials, bit by bit, and its remainder. */
function multiplyByHand(a: number, b: number): number {
  let product = 0
  for (let bit = 0; bit < 8; bit++) if (b & (1 << bit)) product ^= a << bit
  for (let bit = 15; bit >= 8; bit--) if (product & (1 << bit)) product ^= 0x11d << (bit - 8)
  return product
}

test('every product is that of the polynomials', () => {
  for (const a of ALL) for (const b of ALL) assert.equal(multiply(a, b), multiplyByHand(a, b))
})

test('every element but zero has an inverse', () => {
  for (const a of ALL.slice(1)) assert.equal(multiply(a, inverse(a)), 1)
  assert.throws(() => inverse(0))
})

const anyMatrix = fc
  .integer({ min: 1, max: 8 })
  .chain((size) => fc.array(fc.uint8Array({ minLength: size, maxLength: size }), { minLength: size, maxLength: size }))

test('a matrix times its inverse is the unit matrix; one without an inverse is refused', () => {
  let inverted = 0
  fc.assert(
    fc.property(anyMatrix, (matrix) => {
      let inverse: Uint8Array[]
      try {
        inverse = invertMatrix(matrix)
      } catch {
        return
      }
      inverted++
      for (const [row, elements] of matrix.entries()) {
        for (const column of matrix.keys()) {
          const sum = elements.reduce((sum, element, i) => sum ^ multiply(element, inverse[i]![column]!), 0)
          assert.equal(sum, row === column ? 1 : 0)
        }
      }
    }),
  )
  assert(inverted > 0)
  assert.throws(() => invertMatrix([Uint8Array.of(1, 2), Uint8Array.of(2, 4)]))
  assert.deepEqual(invertMatrix([Uint8Array.of(0, 1), Uint8Array.of(1, 0)]), [Uint8Array.of(0, 1), Uint8Array.of(1, 0)])
})
