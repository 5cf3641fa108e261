import assert from 'node:assert/strict'
import test from 'node:test'
import type { Ino } from '../../../src/dfs.ts'
import { statArray, statfsArray } from '../../../src/fuse/fuse-native/stat-array.ts'

const ATTRIBUTES = {
  ino: 7 as Ino,
  statIno: 8,
  mode: 0o100644,
  nlink: 2,
  uid: 1000,
  gid: 1001,
  rdev: 0,
  size: 2 ** 33 + 5,
  blocks: 3,
  atimeNs: 1_700_000_000_123_456_789n,
  mtimeNs: -1n,
  ctimeNs: 0n,
}

test('sizes and times take two places each, the lower half first', () => {
  const stat = statArray(ATTRIBUTES)
  assert.deepEqual([...stat.subarray(3, 5)], [5, 2])
  assert.equal(stat[12]! + stat[13]! * 2 ** 32, 1_700_000_000_123)
})

test('a time before 1970, which cannot be passed on, shows as 1970', () => {
  assert.deepEqual([...statArray(ATTRIBUTES).subarray(14, 16)], [0, 0])
})

test('inode numbers of 32 bits are kept, larger ones folded', () => {
  assert.equal(statArray({ ...ATTRIBUTES, statIno: 2 ** 32 - 1 })[7], 2 ** 32 - 1)
  assert.notEqual(statArray({ ...ATTRIBUTES, statIno: 2 ** 32 + 8 })[7], 8)
})

test('a disk of more than 2^32 blocks is shown in larger ones', () => {
  const disk = { blockBytes: 4096, blocks: 2 ** 35, blocksFree: 2 ** 34, blocksAvailable: 2 ** 33 }
  const statfs = statfsArray({ ...disk, files: 2 ** 40, filesFree: 5, nameBytesMax: 253 })
  assert.equal(statfs[0]! * statfs[2]!, 4096 * 2 ** 35)
  assert.equal(statfs[1]! * statfs[4]!, 4096 * 2 ** 33)
  assert.deepEqual([statfs[5], statfs[6], statfs[10]], [2 ** 32 - 1, 5, 253])
})
