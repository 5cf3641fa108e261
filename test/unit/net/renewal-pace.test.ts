import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RENEW_MS_MAX, RenewalPace } from '../../../src/net/renewal-pace.ts'

const HOUR_MS = 3_600_000

function peers(from: number, to: number): Set<string> {
  return new Set(Array.from({ length: to - from }, (_, at) => `peer ${from + at}`))
}

test('while the same peers are told, announcements are renewed daily', () => {
  const pace = new RenewalPace()
  for (let hour = 0; hour < 10; hour++) pace.note(peers(0, 20), hour * HOUR_MS)
  assert.equal(pace.renewMs, RENEW_MS_MAX)
})

test('when half of them are others after an hour, announcements are renewed in two to three hours', () => {
  const pace = new RenewalPace()
  for (let hour = 0; hour < 10; hour++) pace.note(peers(10 * hour, 10 * hour + 20), hour * HOUR_MS)
  assert.ok(pace.renewMs > 2 * HOUR_MS && pace.renewMs < 3 * HOUR_MS, String(pace.renewMs))
})

test('a network that came to rest is believed again after some hours', () => {
  const pace = new RenewalPace()
  pace.note(peers(0, 20), 0)
  pace.note(peers(10, 30), HOUR_MS)
  for (let hour = 2; hour < 8; hour++) pace.note(peers(10, 30), hour * HOUR_MS)
  assert.ok(pace.renewMs > 16 * HOUR_MS, String(pace.renewMs))
})

test('announcements within the hour, and those that reached nobody, change nothing', () => {
  const pace = new RenewalPace()
  pace.note(peers(0, 20), 0)
  pace.note(peers(50, 70), HOUR_MS / 2)
  pace.note(peers(0, 0), HOUR_MS)
  pace.note(peers(0, 20), HOUR_MS)
  assert.equal(pace.renewMs, RENEW_MS_MAX)
})

test('however fast the peers change, nothing is renewed sooner than after an hour', () => {
  const pace = new RenewalPace()
  pace.note(peers(0, 20), 0)
  pace.note(peers(20, 40), HOUR_MS)
  assert.equal(pace.renewMs, HOUR_MS)
})
