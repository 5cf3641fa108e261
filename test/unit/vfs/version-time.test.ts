import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { formatVersionTime, parseVersionTime } from '../../../src/vfs/version-time.ts'

const ms = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) })

test('a time comes back from its name, to the millisecond', () => {
  assert.equal(formatVersionTime(Date.UTC(2026, 10, 22, 20, 30, 15, 42)), '20261122T203015.042Z')
  fc.assert(fc.property(ms, (time) => parseVersionTime(formatVersionTime(time)) === time))
})

test('names sort as their times do', () => {
  fc.assert(fc.property(ms, ms, (a, b) => Math.sign(a - b) === compare(formatVersionTime(a), formatVersionTime(b))))
})

test('what is no version has no time', () => {
  for (const name of [
    '',
    'notes',
    '20261122T203015Z',
    '20261322T203015.042Z',
    '20261122T203015.042Z.f',
    '2026-11-22',
  ]) {
    assert.equal(parseVersionTime(name), undefined, name)
  }
})

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
