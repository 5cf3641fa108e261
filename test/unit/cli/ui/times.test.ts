import assert from 'node:assert/strict'
import test from 'node:test'
import { shownTime, timeText, versionMs } from '../../../../src/cli/ui/times.ts'

test('the name of a version is a moment', () => {
  assert.equal(versionMs('20261123T195438.517Z'), Date.UTC(2026, 10, 23, 19, 54, 38, 517))
  assert.ok(Number.isNaN(versionMs('yesterday')))
})

test('moments show in local time, and what is none as nothing', () => {
  const atMs = new Date(2026, 0, 2, 3, 4, 5).getTime()
  assert.equal(timeText(atMs), '2026-01-02 03:04')
  assert.equal(timeText(atMs, { toTheSecond: true }), '2026-01-02 03:04:05')
  assert.equal(shownTime(Number.NaN).text, '')
  assert.equal(shownTime(0).text, '')
})
