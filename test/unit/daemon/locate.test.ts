import assert from 'node:assert/strict'
import test from 'node:test'
import { isWithin, locate, locateOrFail } from '../../../src/daemon/locate.ts'

const FOLDERS = [
  { path: '/home/u/cloud', mountpoint: '/mnt/cloud' },
  { path: '/data', mountpoint: undefined },
]

test('a path is found through the folder and through its mount point', () => {
  assert.deepEqual(locate('/home/u/cloud/a/b.f', FOLDERS), { folder: '/home/u/cloud', inside: 'a/b.f' })
  assert.deepEqual(locate('/mnt/cloud/a', FOLDERS), { folder: '/home/u/cloud', inside: 'a' })
  assert.deepEqual(locate('/data', FOLDERS), { folder: '/data', inside: '' })
})

test('names that are not ASCII become byte strings', () => {
  assert.equal(locate('/data/é', FOLDERS)?.inside, '\xc3\xa9')
})

test('a name that only begins alike is another one', () => {
  assert.equal(locate('/database', FOLDERS), undefined)
  assert.equal(isWithin('/a/..b', '/a'), true)
  assert.equal(isWithin('/a', '/a/b'), false)
})

test('a path outside all folders is refused with the mend', () => {
  assert.throws(() => locateOrFail('/etc/passwd', FOLDERS), {
    kind: 'not-found',
    subject: '/etc/passwd',
    mend: /dfs status/,
  })
})
