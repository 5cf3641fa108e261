import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import test from 'node:test'
import { DfsError } from '../../../src/errors.ts'
import { errnoName, fromNodeError, kindOfErrno, posixError } from '../../../src/posix/errno.ts'

const { ENOENT, ENOSPC, EDQUOT, EAGAIN, EPROTO, EOPNOTSUPP } = constants.errno

test('an errno has its kind, and io is the kind of all others', () => {
  assert.equal(kindOfErrno(ENOENT), 'not-found')
  assert.equal(kindOfErrno(ENOSPC), 'no-space')
  assert.equal(kindOfErrno(EDQUOT), 'over-quota')
  assert.equal(kindOfErrno(EOPNOTSUPP), 'unsupported')
  assert.equal(kindOfErrno(EPROTO), 'io')
  assert.equal(kindOfErrno(4711), 'io')
})

test('an errno has its usual name', () => {
  assert.equal(errnoName(ENOENT), 'ENOENT')
  assert.equal(errnoName(EAGAIN), 'EAGAIN')
  assert.equal(errnoName(4711), 'errno 4711')
})

test('the error of a system call says the call, the errno and the subject', () => {
  const error = posixError('openat', ENOENT, 'a/b')
  assert.deepEqual([error.kind, error.op, error.subject], ['not-found', 'openat', 'a/b'])
  assert.match(error.message, /^openat: .*ENOENT/)
  assert.match(posixError('write', EDQUOT).message, /EDQUOT/)
})

test('what node:fs throws becomes a DfsError with the original as its cause', () => {
  const thrown = failureOf(() => readFileSync('/nowhere/at/all'))
  const error = fromNodeError(thrown, 'read', '/nowhere')
  assert.equal(error.kind, 'not-found')
  assert.match(error.message, /ENOENT/)
  assert.equal(error.cause, thrown)
})

test('arguments that node refuses are invalid', () => {
  assert.equal(
    fromNodeError(
      failureOf(() => readFileSync('a\0b')),
      'read',
    ).kind,
    'invalid',
  )
})

test('a DfsError stays as it is, and what is no system error is internal', () => {
  const error = new DfsError('corrupt', 'damaged')
  assert.equal(fromNodeError(error, 'read'), error)
  assert.equal(fromNodeError(new Error('odd'), 'read').kind, 'internal')
})

function failureOf(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  return assert.fail('should have thrown')
}
