import assert from 'node:assert/strict'
import { test } from 'node:test'
import { argon2id, argon2idInJavaScript } from '../../../src/seal/argon2.ts'
import { encodeIdentityFile, newIdentitySeed } from '../../../src/seal/key-file.ts'
import { isSealedKeyFile, openKeyFile, sealKeyFile } from '../../../src/seal/key-file-seal.ts'
import { lockHomeKey, newHomeKey, unlockHomeKey } from '../../../src/seal/passphrase.ts'

test('a home key opens with its passphrase alone, and is sealed anew each time', async () => {
  const homeKey = newHomeKey()
  const [one, other] = [await lockHomeKey(homeKey, 'secret'), await lockHomeKey(homeKey, 'secret')]
  assert.notEqual(one, other)
  for (const text of [one, other]) assert.deepEqual(await unlockHomeKey(text, 'secret'), homeKey)
  await assert.rejects(unlockHomeKey(one, 'Secret'), { kind: 'wrong-key', message: 'the passphrase is wrong' })
})

test('both ways to compute Argon2id agree', async () => {
  const cost = { memoryKib: 256, passes: 2, lanes: 4 }
  const [message, salt] = [Buffer.from('passphrase'), Buffer.alloc(16, 3)]
  assert.deepEqual(await argon2id(message, salt, cost), await argon2idInJavaScript(message, salt, cost))
})

test('a sealed key file opens with its home key, as what it is', () => {
  const [homeKey, plain] = [newHomeKey(), encodeIdentityFile(newIdentitySeed())]
  const sealed = sealKeyFile('identity', plain, homeKey)
  assert.ok(isSealedKeyFile('identity', sealed) && !isSealedKeyFile('identity', plain))
  assert.equal(openKeyFile('identity', sealed, homeKey), plain)
  assert.notEqual(sealKeyFile('identity', plain, homeKey), sealed)
  assert.throws(() => openKeyFile('identity', sealed, newHomeKey()), { kind: 'wrong-key' })
  assert.throws(() => openKeyFile('personal', sealed, homeKey), { kind: 'corrupt' })
  assert.throws(() => openKeyFile('identity', sealed.replace('sealed: ', 'sealed: a'), homeKey), { kind: 'corrupt' })
})
