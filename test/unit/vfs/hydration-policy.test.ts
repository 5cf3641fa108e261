import assert from 'node:assert/strict'
import test from 'node:test'
import type { Program } from '../../../src/posix/program.ts'
import { HydrationPolicy } from '../../../src/vfs/hydration-policy.ts'

const PROGRAMS = new Map<number, Program>([
  [2, { file: 'cat', shortName: 'cat' }],
  [3, { file: 'updatedb', shortName: 'db-thread' }],
  [4, { file: 'python3.11', shortName: 'indexer' }],
  [5, { file: undefined, shortName: 'tracker-miner-f' }],
  [6, { file: undefined, shortName: undefined }],
])

function policy(setting: () => string): (pid: number) => boolean {
  const made = new HydrationPolicy(setting, (pid) => PROGRAMS.get(pid))
  return (pid) => made.mayFetch(pid)
}

test('a program is known by its file, and by the short name that scripts have', () => {
  const mayFetch = policy(() => 'updatedb, indexer,tracker-miner-fs-3')
  assert.deepEqual(
    [2, 3, 4, 5, 6].map((pid) => mayFetch(pid)),
    [true, false, false, false, true],
  )
})

test('who cannot be seen may fetch, who is gone may not', () => {
  const mayFetch = policy(() => 'updatedb')
  assert.equal(mayFetch(0), true)
  assert.equal(mayFetch(7), false)
})

test('with no names everybody may', () => {
  for (const text of ['none', ' none ', ',']) assert.equal(policy(() => text)(3), true)
  assert.equal(policy(() => 'none')(7), true)
})

test('a change of the setting counts at once, and one that cannot be read changes nothing', () => {
  let text: string | undefined = 'cat'
  const mayFetch = policy(() => {
    if (text === undefined) throw new Error('unreadable')
    return text
  })
  assert.deepEqual([mayFetch(2), mayFetch(3)], [false, true])
  text = 'updatedb'
  assert.deepEqual([mayFetch(2), mayFetch(3)], [true, false])
  text = undefined
  assert.deepEqual([mayFetch(2), mayFetch(3)], [true, false])
})
