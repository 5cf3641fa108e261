import assert from 'node:assert/strict'
import test from 'node:test'
import { byteStringOf, textOf } from '../../../src/bytes/byte-string.ts'

test('text becomes the bytes of its UTF-8 form, one char a byte, and back', () => {
  assert.equal(byteStringOf('né'), 'n\xc3\xa9')
  assert.equal(textOf('n\xc3\xa9'), 'né')
})

test('bytes that are not UTF-8 show as replacement characters', () => {
  assert.equal(textOf('a\xff'), 'a\ufffd')
})
