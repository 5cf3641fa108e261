/** What FORMAT.md says of key files is what `seal/` does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeIdentityFile, decodePersonalKeyFile, type FileKind } from '../../../src/seal/key-file.ts'
import { isSealedKeyFile, openKeyFile } from '../../../src/seal/key-file-seal.ts'
import { unlockHomeKey } from '../../../src/seal/passphrase.ts'
import { readVectors, revive } from './vectors.ts'

const { valid, invalid } = readVectors('sealed')

for (const { name, value, text } of valid.filter(({ what }) => what === 'passphrase file')) {
  test(`sealed: passphrase file "${name}" opens, however its letters are composed`, async () => {
    const { passphrase, homeKey } = revive(value) as { passphrase: string; homeKey: Buffer }
    for (const form of ['NFC', 'NFD']) {
      assert.deepEqual(await unlockHomeKey(text!, passphrase.normalize(form)), homeKey)
    }
    await assert.rejects(unlockHomeKey(text!, `${passphrase} `), { kind: 'wrong-key' })
  })
}

for (const { name, kind, text } of invalid.filter(({ what }) => what === 'passphrase file')) {
  test(`sealed: passphrase file with "${name}" is refused as ${kind}`, async () => {
    await assert.rejects(unlockHomeKey(text!, 'any'), { kind })
  })
}

for (const { name, value, text } of valid.filter(({ what }) => what === 'key file')) {
  test(`sealed: key file "${name}" opens`, () => {
    const { kind, homeKey, key } = revive(value) as { kind: FileKind; homeKey?: Buffer; key: Buffer }
    assert.equal(isSealedKeyFile(kind, text!), homeKey !== undefined)
    const plain = homeKey === undefined ? text! : openKeyFile(kind, text!, homeKey)
    assert.deepEqual(kind === 'personal' ? decodePersonalKeyFile(plain).personalKey : decodeIdentityFile(plain), key)
  })
}
