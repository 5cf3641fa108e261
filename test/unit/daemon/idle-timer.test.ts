import assert from 'node:assert/strict'
import test from 'node:test'
import { IdleTimer } from '../../../src/daemon/idle-timer.ts'

test('counts down only while idle, and at once after the last unmount', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let idle = false
  let ended = 0
  const timer = new IdleTimer({ isIdle: () => idle, onIdle: () => ended++, delayMs: 1000 })
  timer.check()
  t.mock.timers.tick(5000)
  assert.equal(ended, 0)
  idle = true
  timer.check()
  t.mock.timers.tick(999)
  idle = false
  timer.check()
  t.mock.timers.tick(5000)
  assert.equal(ended, 0)
  idle = true
  timer.delayMs = 0
  t.mock.timers.tick(1)
  assert.equal(ended, 1)
})
