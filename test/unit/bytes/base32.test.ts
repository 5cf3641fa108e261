import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { decodeBase32, encodeBase32 } from '../../../src/bytes/base32.ts'

// RFC 4648, section 10, in lower case and without padding.
const VECTORS: [string, string][] = [
  ['', ''],
  ['f', 'my'],
  ['fo', 'mzxq'],
  ['foo', 'mzxw6'],
  ['foob', 'mzxw6yq'],
  ['fooba', 'mzxw6ytb'],
  ['foobar', 'mzxw6ytboi'],
]

test('base32 gives the vectors of RFC 4648 both ways', () => {
  for (const [plain, text] of VECTORS) {
    assert.equal(encodeBase32(Buffer.from(plain)), text)
    assert.equal(decodeBase32(text).toString(), plain)
  }
})

test('any bytes come back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      assert.deepEqual(decodeBase32(encodeBase32(bytes)), Buffer.from(bytes))
    }),
  )
})

test('whatever decodes is the one text of its bytes', () => {
  const character = fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz234567')
  fc.assert(
    fc.property(fc.string({ unit: character, maxLength: 20 }), (text) => {
      let bytes: Buffer
      try {
        bytes = decodeBase32(text)
      } catch {
        return
      }
      assert.equal(encodeBase32(bytes), text)
    }),
  )
})

for (const [why, text] of [
  ['upper case', 'MY'],
  ['padding', 'my======'],
  ['a digit outside the alphabet', 'm1'],
  ['a character beyond ASCII', 'mé'],
  ['a length that no bytes give', 'mzx'],
  ['bits set after the last byte', 'mz'],
] as const) {
  test(`base32 refuses ${why}`, () => {
    assert.throws(() => decodeBase32(text), { kind: 'invalid' })
  })
}
