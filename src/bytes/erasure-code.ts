/**
 * A systematic Reed-Solomon code: `k` data strings of equal length and any number of parity strings, of which any `k`
 * give back the data.
 *
 * Strings are numbered, the data strings first. Parity string `i` (`i` >= `k`) is the sum over the data strings `j` of
 * string `j` / (`i` xor `j`), in the field of 256 elements: a Cauchy matrix, every square part of which has an inverse
 * (Blömer et al., An XOR-Based Erasure-Resilient Coding Scheme, 1995). It is the one that ISA-L calls
 * `gf_gen_cauchy1_matrix`. A parity string does not depend on how many there are.
 */
import assert from 'node:assert/strict'
import { FIELD_SIZE, inverse, invertMatrix } from './galois-field.ts'
import { productOf } from './galois-product.ts'

/** One string of the code, with its number. */
export interface CodedString {
  readonly index: number
  readonly bytes: Uint8Array
}

/** The strings with these numbers (below 256), made from all data strings in their order. Data strings are not copied. */
export function codedStrings(data: readonly Uint8Array[], indexes: readonly number[]): Uint8Array[] {
  const parity = indexes.filter((index) => index >= data.length)
  const made = productOf(
    parity.map((index) => rowOf(index, data.length)),
    data,
  )
  return indexes.map((index) => data[index] ?? made[parity.indexOf(index)]!)
}

/** All data strings in their order, from as many coded strings with different numbers. Those given are not copied. */
export function dataStrings(coded: readonly CodedString[]): Uint8Array[] {
  const count = coded.length
  const given = new Map(coded.map(({ index, bytes }) => [index, bytes]))
  assert(given.size === count, 'no number is given twice')
  const lost = Array.from({ length: count }, (_, index) => index).filter((index) => !given.has(index))
  // What is given is a matrix times the data; so the data is the inverse times what is given.
  const inverted = lost.length === 0 ? [] : invertMatrix(coded.map(({ index }) => rowOf(index, count)))
  const found = productOf(
    lost.map((index) => inverted[index]!),
    coded.map(({ bytes }) => bytes),
  )
  return Array.from({ length: count }, (_, index) => given.get(index) ?? found[lost.indexOf(index)]!)
}

/** The coefficients that make a coded string from the data strings. */
function rowOf(index: number, dataCount: number): Uint8Array {
  assert(index < FIELD_SIZE)
  return Uint8Array.from({ length: dataCount }, (_, column) => {
    if (index < dataCount) return index === column ? 1 : 0
    return inverse(index ^ column)
  })
}
