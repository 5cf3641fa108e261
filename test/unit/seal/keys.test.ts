import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Keys, newPersonalKey } from '../../../src/seal/keys.ts'

const secretsOf = (keys: Keys) => [
  keys.blockSecret,
  keys.nodeSecret,
  keys.hashSecret,
  keys.stubSecret,
  keys.journalSecret,
]

test('the same personal key gives the same secrets, in every epoch', () => {
  const personalKey = newPersonalKey()
  const keys = Keys.derive(personalKey)
  assert.deepEqual(secretsOf(Keys.derive(personalKey, 3)), secretsOf(keys))
  assert.deepEqual(Keys.derive(personalKey, 3).keyId, keys.keyId)
  assert.equal(Keys.derive(personalKey, 3).epoch, 3)
})

test('secrets differ from each other, from the personal key, and between personal keys', () => {
  const personalKey = newPersonalKey()
  const all = [personalKey, ...secretsOf(Keys.derive(personalKey)), ...secretsOf(Keys.derive(newPersonalKey()))]
  assert.equal(new Set(all.map((secret) => secret.toString('hex'))).size, all.length)
  assert.ok(all.every((secret) => secret.length === 32))
})

test('the key id has eight bytes', () => {
  assert.equal(Keys.derive(newPersonalKey()).keyId.length, 8)
})

// Pinned from this implementation; the same values come out of another one of BLAKE3, @noble/hashes 2.4.0.
test('derivation never changes', () => {
  const keys = Keys.derive(Buffer.alloc(32, 7))
  assert.equal(keys.keyId.toString('hex'), 'db1e04022439daa5')
  assert.deepEqual(
    secretsOf(keys).map((secret) => secret.toString('hex')),
    [
      '99f8845d8c8a4b43c09c17980b71f32ed68219d01854543d34c4b947f448e4f1',
      'ff39b7f24051637d0ea1a88ef2d9bec4136dceba95c2b3aedd6997f608882b3c',
      '8c78dc28de75900c57fa8532ed06c0c79ace4fe23b6fc275a3c5c41b8819218d',
      '9aceaafb2197a772146f8a8896bb53d703aac0959a1ba68fc98d923d7231ebfd',
      '13c7047f88e90450968d8730a27e3de34edb9fdecc0dae9e87402dfae5c3d334',
    ],
  )
})

test('a personal key of another length is refused', () => {
  assert.throws(() => Keys.derive(Buffer.alloc(31)), { kind: 'invalid' })
})
