import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { byteStringOf, exactTextOf, textOf } from '../../../src/bytes/byte-string.ts'

test('text becomes the bytes of its UTF-8 form, one char a byte, and back', () => {
  assert.equal(byteStringOf('né'), 'n\xc3\xa9')
  assert.equal(textOf('n\xc3\xa9'), 'né')
})

test('bytes that are not UTF-8 show as replacement characters', () => {
  assert.equal(textOf('a\xff'), 'a\ufffd')
})

test('an exact text stands for any bytes', () => {
  for (const name of [
    'plain',
    'n\xc3\xa9',
    'a\xffb',
    '\xff\xfe',
    '\xc3',
    'x\xed\xa0\x80y',
    '\xf0\x9f\x98\x80',
    '\xef\xbf\xbd\xff',
    '\xc0\xaf',
  ]) {
    assert.equal(byteStringOf(exactTextOf(name)), name)
    assert.equal(byteStringOf(JSON.parse(JSON.stringify(exactTextOf(name)))), name)
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const name = Buffer.from(bytes).toString('latin1')
      assert.equal(byteStringOf(exactTextOf(name)), name)
    }),
  )
})

test('what is UTF-8 is the same text, exact or not', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      assert.equal(exactTextOf(byteStringOf(text)), text)
    }),
  )
})

test('an exact text smuggles in no separator and no NUL', () => {
  assert.equal(byteStringOf('\udc2f\udc00'), '\xef\xbf\xbd\xef\xbf\xbd')
})
