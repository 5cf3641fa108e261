/** A second computer joins over a line of 20 ms there and back, and opens what only the first has. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { pair } from '../e2e/support/device.ts'
import { carryStubs, connected, mountAll, putFiles, readIn, readPart } from '../e2e/support/sharing.ts'
import { Cluster, clusterMissing } from './support/cluster.ts'

const MIB = 1024 * 1024
const ROUND_TRIP_MS = 20

test('a file opens over a line of 20 ms', { skip: clusterMissing() }, async (t) => {
  const cluster = await Cluster.start(t, ['laptop', 'desk'])
  await cluster.setLine({ delayMs: ROUND_TRIP_MS / 4 })
  const laptop = await cluster.host('laptop').newDevice()
  const desk = await cluster.host('desk').newDevice()
  await laptop.dfsOk(['init', '--name', 'laptop'])
  await pair(laptop, desk)
  const files = { text: Buffer.from('hello'), photo: randomBytes(2 * MIB), film: randomBytes(16 * MIB) }
  await putFiles(laptop, files)
  carryStubs(laptop, desk)
  await mountAll(laptop, desk)
  await connected(desk)

  const began = performance.now()
  const part = await readPart(desk, 'film', { at: 9 * MIB + 5, bytes: 1000 })
  const firstBytesMs = performance.now() - began
  assert(part.equals(files.film.subarray(9 * MIB + 5, 9 * MIB + 1005)))
  // Two round trips, the manifest before the block, and what a busy machine may take.
  assert(firstBytesMs < 2 * 2 * ROUND_TRIP_MS + 1000, `${firstBytesMs} ms`)
  t.diagnostic(`first bytes after ${Math.round(firstBytesMs)} ms`)
  assert((await cluster.carriedBytes('laptop', 'desk')) < 8 * MIB, 'a small read fetches no whole file')
  for (const [name, content] of Object.entries(files)) assert((await readIn(desk, name)).equals(content), name)
  // What has come stays.
  await cluster.partition(['laptop'], ['desk'])
  assert((await readIn(desk, 'film')).equals(files.film))
})
