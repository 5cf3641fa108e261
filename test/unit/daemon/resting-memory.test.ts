import assert from 'node:assert/strict'
import test from 'node:test'
import { RestingMemory } from '../../../src/daemon/resting-memory.ts'

const MIB = 1024 * 1024

test('memory is given back once when the process comes to rest, and again only after it grew', () => {
  let [used, resident, times] = [0, 300 * MIB, 0]
  using memory = new RestingMemory({
    usedMicroseconds: () => used,
    residentBytes: () => resident,
    giveBack: () => {
      times++
      resident = 100 * MIB
      used += 500_000
    },
  })
  used += 5_000_000
  memory.look()
  assert.equal(times, 0, 'it works')
  memory.look()
  assert.equal(times, 1, 'it rests')
  for (let looks = 0; looks < 5; looks++) memory.look()
  assert.equal(times, 1, 'nothing grew')
  resident = 110 * MIB
  memory.look()
  assert.equal(times, 1, 'a little is no reason')
  resident = 200 * MIB
  used += 9_000_000
  memory.look()
  memory.look()
  assert.equal(times, 2)
})
