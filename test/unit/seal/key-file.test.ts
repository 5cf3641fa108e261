import assert from 'node:assert/strict'
import { sign, verify } from 'node:crypto'
import { test } from 'node:test'
import {
  decodeIdentityFile,
  decodePersonalKeyFile,
  encodeIdentityFile,
  encodePersonalKeyFile,
  identityOfSeed,
  newIdentitySeed,
} from '../../../src/seal/key-file.ts'
import { newPersonalKey } from '../../../src/seal/keys.ts'

test('keys come back from their files', () => {
  const older = [1, 3].map((epoch) => ({ personalKey: newPersonalKey(), epoch }))
  for (const file of [
    { personalKey: newPersonalKey(), epoch: 0, older: [] },
    { personalKey: newPersonalKey(), epoch: 4, older },
  ]) {
    assert.deepEqual(decodePersonalKeyFile(encodePersonalKeyFile(file)), file)
  }
  const seed = newIdentitySeed()
  assert.deepEqual(decodeIdentityFile(encodeIdentityFile(seed)), seed)
})

test('an identity is the Ed25519 key of its seed', () => {
  // RFC 8032, section 7.1, test 1.
  const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex')
  const identity = identityOfSeed(seed)
  assert.equal(identity.publicKey.toString('hex'), 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
  const signature = sign(null, Buffer.alloc(0), identity.privateKey)
  assert.match(signature.toString('hex'), /^e5564300c360ac729086e2cc806e828a/)
  assert.ok(verify(null, Buffer.alloc(0), identity.privateKey, signature))
})

test('a damaged file is refused, and nothing of it is repeated', () => {
  const text = encodePersonalKeyFile({ personalKey: newPersonalKey(), epoch: 0, older: [] })
  const key = /key: (\S+)/.exec(text)![1]!
  const damaged = [
    '',
    text.slice(0, 30),
    text.slice(0, -3),
    text.replace('epoch: 0', 'epoch: 1'),
    text.replace('key: ', 'key: a'),
    encodeIdentityFile(newIdentitySeed()),
  ]
  for (const file of damaged) {
    assert.throws(
      () => decodePersonalKeyFile(file),
      (error: Error & { kind: string }) => {
        assert.equal(error.kind, 'corrupt')
        return !error.message.includes(key)
      },
    )
  }
  assert.throws(() => decodeIdentityFile(text), { kind: 'corrupt' })
})

test("a later dfs's file is refused as such", () => {
  const text = encodeIdentityFile(newIdentitySeed()).replace('identity key 1', 'identity key 2')
  assert.throws(() => decodeIdentityFile(text), { kind: 'newer-version' })
})
