/** How bulk that is sent to others gives way to those who read here. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GivingWay } from '../../../../src/net/exchange/giving-way.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const MIB = 1024 * 1024
const PIECE = MIB / 4

/** Somebody who reads so much in each millisecond until `stop` is called. */
function reader(clock: VirtualClock, bytesPerMs: number) {
  let read = 0
  let isReading = true
  const step = () => {
    read += bytesPerMs
    if (isReading) clock.after(1, step)
  }
  clock.after(1, step)
  return { read: () => read, stop: () => (isReading = false) }
}

/** Sends so many pieces, each in one millisecond, and gives how long that took. */
async function send(clock: VirtualClock, givingWay: GivingWay, pieces: number, isBulk = () => true): Promise<number> {
  const begun = clock.now()
  for (let piece = 0; piece < pieces; piece++) {
    const waited = givingWay.turn(PIECE, isBulk)
    if (waited !== undefined) await clock.run(waited)
    await clock.sleep(1)
  }
  return clock.now() - begun
}

test('while nobody reads, or somebody reads a little, nothing is held up', async () => {
  const clock = new VirtualClock()
  assert.equal(await send(clock, new GivingWay(clock, () => 7), 64), 64)
  const slow = reader(clock, PIECE / 10)
  assert.equal(await send(clock, new GivingWay(clock, slow.read), 64), 64)
})

test('who reads much gets sixteen bytes for each that is sent', async () => {
  const clock = new VirtualClock()
  const fast = reader(clock, PIECE)
  const givingWay = new GivingWay(clock, fast.read)
  const before = fast.read()
  await send(clock, givingWay, 400)
  const share = (fast.read() - before) / (400 * PIECE)
  assert(share > 15 && share < 20, `${share}`)
})

test('when reading ends, it goes on at once', async () => {
  const clock = new VirtualClock()
  const fast = reader(clock, PIECE)
  const givingWay = new GivingWay(clock, fast.read)
  await send(clock, givingWay, 40)
  fast.stop()
  const tookMs = await send(clock, givingWay, 64)
  assert(tookMs < 64 + 50, `${tookMs} ms`)
})

test('what is urgent by now waits no longer', async () => {
  const clock = new VirtualClock()
  const fast = reader(clock, PIECE)
  const givingWay = new GivingWay(clock, fast.read)
  await send(clock, givingWay, 3)
  const tookMs = await send(clock, givingWay, 8, () => false)
  assert(tookMs < 20, `${tookMs} ms`)
})

test('it never waits for long, however slowly somebody goes on reading', async () => {
  const clock = new VirtualClock()
  const steady = reader(clock, PIECE / 3)
  const tookMs = await send(clock, new GivingWay(clock, steady.read), 40)
  assert(tookMs <= 40 + 10 * 105, `${tookMs} ms`)
})
