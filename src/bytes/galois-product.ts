/**
 * A matrix over the field of 256 elements times byte strings: output `r` is the sum of each input times its
 * coefficient in row `r`, byte by byte. The inner loop of erasure coding.
 *
 * Products come from tables, one an input, whose entries hold the products for two outputs. The loop reads and writes
 * four bytes at a time and takes in four inputs: measured, twice as fast as a loop over bytes.
 */
import assert from 'node:assert/strict'
import { FIELD_SIZE, multiply } from './galois-field.ts'

const WORD_BYTES = 4
/** Inputs and outputs of one pass. */
const INPUTS = 4
const OUTPUTS = 2

/** One output for each row, as long as the inputs, which are all equally long; there is a coefficient for each. */
export function productOf(rows: readonly Uint8Array[], inputs: readonly Uint8Array[]): Buffer[] {
  const bytes = inputs[0]?.length ?? 0
  assert(inputs.every((input) => input.length === bytes) && rows.every((row) => row.length === inputs.length))
  const words = inputs.map(wordsOf)
  const outputs = rows.map(() => new Int32Array(Math.ceil(bytes / WORD_BYTES)))
  for (let row = 0; row < rows.length; row += OUTPUTS) {
    for (let input = 0; input < inputs.length; input += INPUTS) addProducts(rows, words, outputs, row, input)
  }
  return outputs.map((output) => Buffer.from(output.buffer, 0, bytes))
}

/** Adds what the inputs from `input` on give to the outputs from `row` on: as many of both as one pass takes. */
function addProducts(
  rows: readonly Uint8Array[],
  inputs: readonly Int32Array[],
  outputs: readonly Int32Array[],
  row: number,
  input: number,
): void {
  // Beyond the last input or output stands any, for there the tables have zeroes, which change nothing.
  const tables = Array.from({ length: INPUTS }, (_, i) => tableOf(rows[row]?.[input + i], rows[row + 1]?.[input + i]))
  const [a, b, c, d] = Array.from({ length: INPUTS }, (_, i) => inputs[input + i] ?? inputs[input]!)
  addWords(
    outputs[row]!,
    outputs[row + 1] ?? outputs[row]!,
    a!,
    b!,
    c!,
    d!,
    tables[0]!,
    tables[1]!,
    tables[2]!,
    tables[3]!,
  )
}

/** For each byte its product with `first`, and with `second` 8 bits higher. */
function tableOf(first = 0, second = 0): Int32Array {
  const table = new Int32Array(FIELD_SIZE)
  for (let byte = 0; byte < FIELD_SIZE; byte++) table[byte] = multiply(first, byte) | (multiply(second, byte) << 8)
  return table
}

function addWords(
  first: Int32Array,
  second: Int32Array,
  a: Int32Array,
  b: Int32Array,
  c: Int32Array,
  d: Int32Array,
  ofA: Int32Array,
  ofB: Int32Array,
  ofC: Int32Array,
  ofD: Int32Array,
): void {
  for (let at = 0; at < first.length; at++) {
    const u = a[at]!
    const v = b[at]!
    const w = c[at]!
    const x = d[at]!
    const byte0 = ofA[u & 0xff]! ^ ofB[v & 0xff]! ^ ofC[w & 0xff]! ^ ofD[x & 0xff]!
    const byte1 = ofA[(u >>> 8) & 0xff]! ^ ofB[(v >>> 8) & 0xff]! ^ ofC[(w >>> 8) & 0xff]! ^ ofD[(x >>> 8) & 0xff]!
    const byte2 = ofA[(u >>> 16) & 0xff]! ^ ofB[(v >>> 16) & 0xff]! ^ ofC[(w >>> 16) & 0xff]! ^ ofD[(x >>> 16) & 0xff]!
    const byte3 = ofA[u >>> 24]! ^ ofB[v >>> 24]! ^ ofC[w >>> 24]! ^ ofD[x >>> 24]!
    first[at]! ^= (byte0 & 0xff) | ((byte1 & 0xff) << 8) | ((byte2 & 0xff) << 16) | (byte3 << 24)
    second[at]! ^= (byte0 >>> 8) | (byte1 & 0xff00) | ((byte2 & 0xff00) << 8) | ((byte3 & 0xff00) << 16)
  }
}

/** The bytes as words, zeroes behind the last: a view where they lie so that they can be read as words, else a copy. */
function wordsOf(bytes: Uint8Array): Int32Array {
  const words = Math.ceil(bytes.length / WORD_BYTES)
  if (bytes.byteOffset % WORD_BYTES === 0 && bytes.length % WORD_BYTES === 0) {
    return new Int32Array(bytes.buffer, bytes.byteOffset, words)
  }
  const copy = new Int32Array(words)
  new Uint8Array(copy.buffer).set(bytes)
  return copy
}
