import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import test from 'node:test'
import { collectorOfHeld } from '../../../src/concurrency/heap.ts'

const MIB = 1024 * 1024

/** In a process of its own: what few objects of many are left when the heap was compacted, in MiB of the heap's pages. */
const PROGRAM = `
  const { heapCollector } = await import(${JSON.stringify(import.meta.resolve('../../../src/concurrency/heap.ts'))})
  const collect = heapCollector()
  const kept = new Map()
  for (let i = 0; i < 400_000; i++) kept.set(i, { number: i, name: 'file ' + i, inside: new Set([i]) })
  const full = process.memoryUsage().rss
  for (const i of kept.keys()) if (i % 64 !== 0) kept.delete(i)
  collect('compact')
  console.log(full, process.memoryUsage().rss)
`

test('compacting gives back the pages of which only a little is used', () => {
  const [full, compact] = execFileSync(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
    encoding: 'utf8',
  })
    .split(' ')
    .map(Number)
  assert(full! - compact! > 60 * MIB, `${Math.round(full! / MIB)} MiB, then ${Math.round(compact! / MIB)}`)
})

/** Memory of which some stays, whatever is collected. */
function memory({ stays }: { stays: number }) {
  const state = { garbage: 0, collections: 0 }
  const collect = collectorOfHeld(10, {
    heldBytes: () => stays + state.garbage,
    collect: () => {
      state.garbage = 0
      state.collections++
    },
  })
  return { state, collect }
}

test('garbage is collected when there is more of it than may gather', () => {
  const { state, collect } = memory({ stays: 0 })
  for (let i = 0; i < 44; i++) {
    state.garbage++
    collect()
    assert.ok(state.garbage <= 10)
  }
  assert.equal(state.collections, 4)
})

test('what stays is no reason to collect, however much it is', () => {
  const { state, collect } = memory({ stays: 1000 })
  for (let i = 0; i < 44; i++) collect()
  assert.equal(state.collections, 0)
})
