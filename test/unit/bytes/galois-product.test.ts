import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { multiply } from '../../../src/bytes/galois-field.ts'
import { productOf } from '../../../src/bytes/galois-product.ts'

function productByHand(rows: readonly Uint8Array[], inputs: readonly Uint8Array[]): Uint8Array[] {
  return rows.map((row) =>
    Uint8Array.from(inputs[0] ?? [], (_, at) =>
      row.reduce((sum, coefficient, input) => sum ^ multiply(coefficient, inputs[input]![at]!), 0),
    ),
  )
}

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const anyProduct = fc.tuple(fc.nat(7), fc.integer({ min: 1, max: 11 }), fc.nat(70)).chain(([rows, inputs, length]) =>
  fc.record({
    rows: fc.array(bytes(inputs), { minLength: rows, maxLength: rows }),
    inputs: fc.array(bytes(length), { minLength: inputs, maxLength: inputs }),
  }),
)

test('a product is, byte by byte, the sum of inputs times coefficients', () => {
  fc.assert(
    fc.property(anyProduct, ({ rows, inputs }) => {
      assert.deepEqual(
        productOf(rows, inputs).map((output) => new Uint8Array(output)),
        productByHand(rows, inputs),
      )
    }),
  )
})

test('it does not matter where in memory the inputs lie, and they stay as they are', () => {
  const rows = [Uint8Array.of(3, 7), Uint8Array.of(250, 1), Uint8Array.of(0, 9)]
  const memory = Uint8Array.from({ length: 100 }, (_, at) => (at * 37) & 0xff)
  for (const length of [0, 1, 3, 4, 8, 15]) {
    for (const start of [0, 1, 2, 3]) {
      const before = memory.slice()
      const inputs = [memory.subarray(start, start + length), memory.subarray(50 - start, 50 - start + length)]
      const outputs = productOf(rows, inputs).map((output) => new Uint8Array(output))
      assert.deepEqual(outputs, productByHand(rows, inputs))
      assert.deepEqual(memory, before)
    }
  }
})
