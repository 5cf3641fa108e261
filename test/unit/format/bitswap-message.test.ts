import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeBitswapWants, decodeVarint, encodeBitswapAnswer } from '../../../src/format/bitswap-message.ts'
import { anyBytes, assertRefusesDamage } from './arbitraries.ts'

// As Helia 7 and Kubo write it: one block with priority 1, wanted whole, "don't have" wanted too.
const CID = Buffer.from(`01551e20${'ab'.repeat(32)}`, 'hex')
const WANTLIST = Buffer.concat([
  Buffer.from('0a30', 'hex'),
  Buffer.from('0a2e', 'hex'),
  Buffer.from('0a24', 'hex'),
  CID,
  Buffer.from('1001', 'hex'),
  Buffer.from('18002000', 'hex'),
  Buffer.from('2801', 'hex'),
])

test('bitswap: a wantlist as others write it is understood', () => {
  assert.deepEqual(decodeBitswapWants(WANTLIST), [
    { cid: CID, digest: CID.subarray(4), isCancel: false, isHave: false, sendDontHave: true },
  ])
})

test('bitswap: a CID that is not a block of dfs keeps its bytes and has no digest', () => {
  const sha256 = Buffer.from(WANTLIST)
  sha256[8] = 0x12
  const [want] = decodeBitswapWants(sha256)
  assert.equal(want!.digest, undefined)
  assert.equal(want!.cid.length, CID.length)
})

test('bitswap: answers are laid out as the protocol says', () => {
  const block = encodeBitswapAnswer({ kind: 'block', bytes: Buffer.from('block') })
  assert.equal(block.toString('hex'), `0f1a0d0a0401551e201205${Buffer.from('block').toString('hex')}`)
  const have = encodeBitswapAnswer({ kind: 'have', cid: CID })
  assert.equal(have.toString('hex'), `2a22280a24${CID.toString('hex')}1000`)
  const not = encodeBitswapAnswer({ kind: 'dont-have', cid: CID })
  assert.equal(not.subarray(-1)[0], 1)
})

test('bitswap: the length before an answer is a varint that comes back', () => {
  fc.assert(
    fc.property(anyBytes({ minLength: 0, maxLength: 70_000 }), (bytes) => {
      const answer = encodeBitswapAnswer({ kind: 'block', bytes })
      const { value, end } = decodeVarint(answer)!
      assert.equal(value + end, answer.length)
    }),
    { numRuns: 50 },
  )
})

test('bitswap: damaged wantlists are refused or read, never worse', () => {
  assertRefusesDamage(fc.constant(WANTLIST), decodeBitswapWants)
})
