/**
 * The field of 256 elements, one a byte: polynomials over the bits modulo x^8 + x^4 + x^3 + x^2 + 1 (0x11d), as most
 * Reed-Solomon codes of storage use it. Adding is XOR.
 */
import assert from 'node:assert/strict'

export const FIELD_SIZE = 256

const POLYNOMIAL = 0x11d
const ORDER = FIELD_SIZE - 1
/** Powers of the generator 2, twice in a row, so that a sum of two logarithms needs no remainder. */
const POWERS = new Uint8Array(2 * ORDER)
const LOGARITHMS = new Uint8Array(FIELD_SIZE)

for (let exponent = 0, power = 1; exponent < ORDER; exponent++) {
  POWERS[exponent] = power
  POWERS[exponent + ORDER] = power
  LOGARITHMS[power] = exponent
  power <<= 1
  if (power >= FIELD_SIZE) power ^= POLYNOMIAL
}

export function multiply(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : POWERS[LOGARITHMS[a]! + LOGARITHMS[b]!]!
}

/** What gives 1 when multiplied by `a`, which is not 0. */
export function inverse(a: number): number {
  assert(a !== 0, 'zero has no inverse')
  return POWERS[ORDER - LOGARITHMS[a]!]!
}

/** The inverse of a square matrix, given by its rows (Gauss and Jordan). The matrix must have one. */
export function invertMatrix(matrix: readonly Uint8Array[]): Uint8Array[] {
  const size = matrix.length
  // Each row with its row of the unit matrix behind it, which becomes the inverse.
  const rows: Uint8Array[] = matrix.map((row, index) => {
    const wide = new Uint8Array(2 * size)
    wide.set(row)
    wide[size + index] = 1
    return wide
  })
  for (let column = 0; column < size; column++) {
    const pivot = rows.findIndex((row, index) => index >= column && row[column] !== 0)
    assert(pivot >= 0, 'the matrix has no inverse')
    ;[rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!]
    const row = scaled(rows[column]!, inverse(rows[column]![column]!))
    rows[column] = row
    for (const other of rows) if (other !== row) addScaled(other, row, other[column]!)
  }
  return rows.map((row) => row.subarray(size))
}

function scaled(row: Uint8Array, factor: number): Uint8Array {
  return row.map((element) => multiply(element, factor))
}

function addScaled(target: Uint8Array, row: Uint8Array, factor: number): void {
  for (let index = 0; index < target.length; index++) target[index]! ^= multiply(row[index]!, factor)
}
