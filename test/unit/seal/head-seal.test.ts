import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kindOf } from '../../../src/errors.ts'
import type { HeadBody } from '../../../src/format/head-record.ts'
import { openHead, sealHead, verifyHead } from '../../../src/seal/head-seal.ts'
import { Keys } from '../../../src/seal/keys.ts'
import { sealBlock } from '../../../src/seal/seal-block.ts'
import { signingKeyOfSeed } from '../../../src/seal/signing.ts'

const keys = Keys.derive(Buffer.alloc(32, 1))
const device = signingKeyOfSeed(Buffer.alloc(32, 3))
const label = {
  network: Buffer.alloc(32, 4),
  owner: Buffer.alloc(32, 5),
  device: device.publicKey,
  incarnation: 1,
  sequence: 7,
}
const { ref: root } = sealBlock('node', Buffer.from('root'), keys)
const folder = { id: Buffer.alloc(16, 6), name: 'private things', entries: 1, plainFiles: 0, leftOut: 0, root }
const body: HeadBody = { madeAtNs: 5n, folders: [folder] }

test('a head is checked by anybody, and opened by its owner', () => {
  const record = sealHead(label, body, { keys, device })
  const head = verifyHead(record)
  assert.deepEqual(head.label, label)
  assert.deepEqual(openHead(head, keys), body)
})

test('whoever holds a head learns no name, no block and no key from it', () => {
  const record = sealHead(label, body, { keys, device })
  for (const secret of [Buffer.from(folder.name), folder.id, root.key, root.hash]) assert(!record.includes(secret))
  assert(!record.equals(sealHead(label, body, { keys, device })), 'equal heads do not look equal')
})

test('a head of an earlier epoch opens with the keys that came after', () => {
  const record = sealHead(label, body, { keys, device })
  const older = { personalKey: Buffer.alloc(32, 1), epoch: 0 }
  assert.deepEqual(openHead(verifyHead(record), Keys.derive(Buffer.alloc(32, 2), 1, [older])), body)
})

test('a head with any byte changed is refused', () => {
  const record = sealHead(label, body, { keys, device })
  for (let at = 0; at < record.length; at++) {
    const changed = Buffer.from(record)
    changed[at]! ^= 1
    assert.throws(
      () => verifyHead(changed),
      (error) => ['corrupt', 'newer-version'].includes(kindOf(error)),
      `${at}`,
    )
  }
})

test('a device signs for itself alone', () => {
  const other = signingKeyOfSeed(Buffer.alloc(32, 9))
  assert.throws(
    () => sealHead(label, body, { keys, device: other }),
    (error) => kindOf(error) === 'invalid',
  )
})

test('a head of another owner does not open', () => {
  const head = verifyHead(sealHead(label, body, { keys, device }))
  assert.throws(
    () => openHead(head, Keys.derive(Buffer.alloc(32, 2))),
    (error) => kindOf(error) === 'wrong-key',
  )
})

test('a head whose seal was made for another head does not open', () => {
  const head = verifyHead(sealHead(label, body, { keys, device }))
  const other = verifyHead(sealHead({ ...label, sequence: 8 }, body, { keys, device }))
  assert.throws(
    () => openHead({ ...head, aad: other.aad }, keys),
    (error) => kindOf(error) === 'corrupt',
  )
})
