import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HoldRecord } from '../../../../src/format/hold-record.ts'
import { openHoldRecord, signHoldRecord } from '../../../../src/net/holds/signed-hold.ts'
import { signingKeyOfSeed } from '../../../../src/seal/signing.ts'

const [laptop, server] = [signingKeyOfSeed(Buffer.alloc(32, 1)), signingKeyOfSeed(Buffer.alloc(32, 2))]
const parties = {
  network: Buffer.alloc(32, 3),
  owner: Buffer.alloc(32, 4),
  requester: laptop.publicKey,
  holder: server.publicKey,
  nonce: Buffer.alloc(16, 5),
}
const digest = Buffer.alloc(32, 6)
const hold: HoldRecord = { kind: 'hold', ...parties, termMs: 1, blocks: [{ digest, sealedBytes: 7 }] }
const release: HoldRecord = { kind: 'release', ...parties, signer: laptop.publicKey, digests: [digest] }

test('a hold is signed by its holder, a release by who releases', () => {
  assert.deepEqual(openHoldRecord(signHoldRecord(hold, server)), hold)
  assert.deepEqual(openHoldRecord(signHoldRecord(release, laptop)), release)
})

test('what somebody else signed is no hold and no release', () => {
  assert.equal(openHoldRecord(signHoldRecord(hold, laptop)), undefined)
  assert.equal(openHoldRecord(signHoldRecord(release, server)), undefined)
})
