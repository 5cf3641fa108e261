import assert from 'node:assert/strict'
import test from 'node:test'
import { Slices } from '../../../src/concurrency/slices.ts'

function busyFor(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

test('long work lets others have their turn', async () => {
  const slices = new Slices()
  let turns = 0
  const other = setInterval(() => turns++, 0)
  for (let i = 0; i < 20; i++) {
    busyFor(5)
    await slices.next()
  }
  clearInterval(other)
  assert.ok(turns > 0)
})

test('pieces of work that wait at the same time get a turn each', async () => {
  const slices = new Slices()
  busyFor(5)
  let turn = 0
  const count = () => {
    turn++
    counting = setImmediate(count)
  }
  let counting = setImmediate(count)
  const turns: number[] = []
  const work = async () => {
    await slices.next()
    turns.push(turn)
  }
  await Promise.all(Array.from({ length: 10 }, work))
  clearImmediate(counting)
  assert.equal(new Set(turns).size, 10)
})
