import assert from 'node:assert/strict'
import test from 'node:test'
import { aclWithMode, modeOfAcl } from '../../../src/posix/acl.ts'

/** user::rwx user:2001:rw- group::r-x mask::rw- other::r--, as setfacl(1) sets it. */
const LIST = Buffer.from(
  ['02000000', '01000700ffffffff', '02000600d1070000', '04000500ffffffff', '10000600ffffffff', '20000400ffffffff'].join(
    '',
  ),
  'hex',
)
/** user::rw- group::r-- other::---. */
const MINIMAL = Buffer.from('0200000001000600ffffffff04000400ffffffff20000000ffffffff', 'hex')

test('a list stands for the bits of owner, mask and others; without a mask for those of the group', () => {
  assert.equal(modeOfAcl(LIST), 0o764)
  assert.equal(modeOfAcl(MINIMAL), 0o640)
})

test('another mode changes those entries, and no other', () => {
  const changed = aclWithMode(LIST, 0o100410)
  assert.equal(modeOfAcl(changed), 0o410)
  assert.equal(aclWithMode(changed, 0o764).toString('hex'), LIST.toString('hex'))
  assert.equal(modeOfAcl(aclWithMode(MINIMAL, 0o751)), 0o751)
})

test('what is no list says no mode, and stays as it is', () => {
  const others = [Buffer.alloc(0), Buffer.from('0100'), LIST.subarray(0, -1), LIST.subarray(0, 12), Buffer.alloc(28)]
  for (const bytes of [...others, Buffer.from(LIST).fill(3, 0, 1)]) {
    assert.equal(modeOfAcl(bytes), undefined)
    assert.equal(aclWithMode(bytes, 0o700).toString('hex'), bytes.toString('hex'))
  }
})
