import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf, keyedHash } from '../../../src/seal/hash.ts'

// BLAKE3's official test vectors (test_vectors.json): input bytes 0, 1, ... 250, 0, 1, ...
const KEY = Buffer.from('whats the Elvish word for friend')
const input = (length: number) => Buffer.from(Array.from({ length }, (_, i) => i % 251))

test('digestOf is BLAKE3-256', () => {
  assert.equal(digestOf(input(0)).toString('hex'), 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262')
  assert.equal(digestOf(input(1)).toString('hex'), '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213')
})

test('keyedHash is keyed BLAKE3-256', () => {
  assert.equal(
    keyedHash(KEY, input(0)).toString('hex'),
    '92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26',
  )
  assert.equal(
    keyedHash(KEY, input(1)).toString('hex'),
    '6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b',
  )
})

test('parts are hashed as one message, and nothing is left over for the next', () => {
  const whole = keyedHash(KEY, input(3000))
  assert.deepEqual(keyedHash(KEY, input(3000).subarray(0, 1), input(3000).subarray(1)), whole)
  assert.deepEqual(keyedHash(KEY, input(3000)), whole)
})
