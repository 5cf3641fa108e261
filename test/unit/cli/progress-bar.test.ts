import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import test from 'node:test'
import { Pace, progressBar } from '../../../src/cli/progress-bar.ts'

test('nothing is shown where there is no terminal', async () => {
  const stream = new PassThrough()
  {
    using bar = progressBar('adding', stream as unknown as NodeJS.WriteStream)
    bar.onProgress({ done: 1, total: 2, unit: 'bytes' })
  }
  assert.equal(await text(stream.end()), '')
})

test('a rate and the time left are told once they can be known', () => {
  let nowMs = 1000
  const pace = new Pace(() => nowMs)
  const MIB = 1024 * 1024
  assert.equal(pace.describe(10 * MIB, 100 * MIB, 'bytes'), '')
  nowMs += 1000
  assert.equal(pace.describe(20 * MIB, 100 * MIB, 'bytes'), '')
  nowMs += 3000
  assert.equal(pace.describe(50 * MIB, 100 * MIB, 'bytes'), ', 10.0 MiB/s, 5 s left')
  assert.equal(pace.describe(50 * MIB, undefined, 'bytes'), ', 10.0 MiB/s')
  assert.equal(pace.describe(100 * MIB, 100 * MIB, 'bytes'), ', 22.5 MiB/s')
})

test('what is counted has no rate, and what does not go on no time', () => {
  let nowMs = 0
  const pace = new Pace(() => nowMs)
  assert.equal(pace.describe(10, 100, 'files'), '')
  nowMs += 10_000
  assert.equal(pace.describe(10, 100, 'files'), '')
  assert.equal(pace.describe(20, 100, 'files'), ', 80 s left')
})
