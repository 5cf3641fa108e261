import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cidOfDigest, digestOfCid, parseCid } from '../../../src/format/cid.ts'
import { anyBytes } from './arbitraries.ts'
import { readVectors, revive } from './vectors.ts'

for (const { name, value, hex } of readVectors('cid').valid) {
  test(`cid: "${name}" is written and read as in the vectors`, () => {
    const { digest, text } = revive(value) as { digest: Buffer; text: string }
    const cid = cidOfDigest(digest)
    assert.equal(cid, text)
    assert.deepEqual(digestOfCid(cid), digest)
    assert.equal(parseCid(text), cid)
    assert.equal(hex, `01551e20${digest.toString('hex')}`)
  })
}

for (const { name, text } of readVectors('cid').invalid) {
  test(`cid: text with "${name}" is no CID`, () => assert.equal(parseCid(text!), undefined))
}

test('cid: any digest comes back from its text', () => {
  fc.assert(
    fc.property(anyBytes(32), (digest) => {
      const cid = cidOfDigest(digest)
      assert.deepEqual(digestOfCid(cid), digest)
      assert.equal(parseCid(cid), cid)
    }),
  )
})

test('cid: any text is a CID only if its digest is written so', () => {
  const anyAlmostCid = fc
    .tuple(anyBytes(32).map(cidOfDigest), fc.nat(58), fc.string({ minLength: 1, maxLength: 1 }))
    .map(([cid, at, char]) => cid.slice(0, at) + char + cid.slice(at + 1))
  fc.assert(
    fc.property(fc.oneof(anyAlmostCid, fc.string()), (text) => {
      const cid = parseCid(text)
      if (cid !== undefined) assert.equal(cidOfDigest(digestOfCid(cid)), text)
    }),
  )
})
