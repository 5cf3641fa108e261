/** Lines that are slow or lossy: what is read is right, and takes about as long as the line does. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { pair } from '../e2e/support/device.ts'
import { carryStubs, connected, mountAll, putFiles, readIn, readPart } from '../e2e/support/sharing.ts'
import { Cluster, longClusterMissing } from './support/cluster.ts'

const MIB = 1024 * 1024
const MBIT_PER_SECOND = 10
const READ_MS = 60_000

test('a file opens over 10 Mbit/s, and over a line that loses packets', { skip: longClusterMissing() }, async (t) => {
  const cluster = await Cluster.start(t, ['laptop', 'desk'])
  const laptop = await cluster.host('laptop').newDevice()
  const desk = await cluster.host('desk').newDevice()
  await laptop.dfsOk(['init'])
  await cluster.setLine({ delayMs: 5, lossPercent: 0.5 })
  await pair(laptop, desk)
  const files = { slow: randomBytes(6 * MIB), lossy: randomBytes(6 * MIB) }
  await putFiles(laptop, files)
  carryStubs(laptop, desk)
  await mountAll(laptop, desk)
  await connected(desk)
  assert((await readIn(desk, 'lossy', READ_MS)).equals(files.lossy), 'with packets lost')

  await cluster.setLine({ delayMs: 5, mbitPerSecond: MBIT_PER_SECOND })
  const began = performance.now()
  const reading = readIn(desk, 'slow', READ_MS)
  // Somebody who waits for a few bytes does not wait for all that is read ahead.
  const part = await readPart(desk, 'slow', { at: 5 * MIB, bytes: 1000 })
  const partMs = performance.now() - began
  assert(part.equals(files.slow.subarray(5 * MIB, 5 * MIB + 1000)))
  assert((await reading).equals(files.slow), 'over a slow line')
  const wholeMs = performance.now() - began
  const lineMs = (files.slow.length * 8) / (MBIT_PER_SECOND * 1000)
  t.diagnostic(
    `${Math.round(partMs)} ms for the middle, ${Math.round(wholeMs)} for all; the line takes ${Math.round(lineMs)}`,
  )
  assert(wholeMs < 2 * lineMs + 2000, `${wholeMs} ms, where the line takes ${lineMs}`)
  assert(partMs < 0.8 * wholeMs, `${partMs} ms of ${wholeMs} for a few bytes in the middle`)
})
