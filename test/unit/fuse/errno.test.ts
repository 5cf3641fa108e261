import assert from 'node:assert/strict'
import { constants } from 'node:os'
import test from 'node:test'
import { DfsError } from '../../../src/errors.ts'
import { errnoOf } from '../../../src/fuse/errno.ts'

test('kinds that a file system knows have its errno', () => {
  assert.equal(errnoOf(new DfsError('not-found', 'gone')), constants.errno.ENOENT)
  assert.equal(errnoOf(new DfsError('no-space', 'full')), constants.errno.ENOSPC)
})

test('what cannot be had or proven, and what was never expected, is EIO', () => {
  for (const kind of ['unreachable', 'corrupt', 'cannot-decrypt', 'timeout', 'internal'] as const) {
    assert.equal(errnoOf(new DfsError(kind, kind)), constants.errno.EIO)
  }
  assert.equal(errnoOf(new TypeError('a fault')), constants.errno.EIO)
})
