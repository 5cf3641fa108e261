import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Following } from '../../../../src/daemon/heads/following.ts'
import { DfsError } from '../../../../src/errors.ts'
import { until } from '../../../e2e/support/process.ts'

/** Keepers that take a head, or fail first. */
function keepersOf(holders: readonly string[], failures: Record<string, number> = {}) {
  const current = new Map<string, boolean>()
  const tries: string[] = []
  return {
    tries,
    current,
    list: () => [...holders],
    isCurrent: (holder: string) => current.get(holder) === true,
    giveTo: async (holder: string) => {
      tries.push(holder)
      if ((failures[holder] ?? 0) > 0) {
        failures[holder]!--
        throw new DfsError('unreachable', 'is away')
      }
      current.set(holder, true)
    },
  }
}

const TIMES = { retryMsMin: 1, retryMsMax: 4 }

test('every keeper gets a new head, those that fail again and again', async () => {
  const keepers = keepersOf(['a', 'b'], { b: 5 })
  await using following = new Following(keepers, TIMES)
  following.all()
  await until('all have it', () => keepers.current.size === 2)
  assert.equal(keepers.tries.filter((holder) => holder === 'a').length, 1)
  keepers.current.clear()
  following.all()
  await until('all have the next', () => keepers.current.size === 2)
})

test('a keeper that comes back is tried at once, and nobody else', async () => {
  const keepers = keepersOf(['a'], { a: 1 })
  await using following = new Following(keepers, { retryMsMin: 60_000, retryMsMax: 60_000 })
  following.all()
  await until('it was tried', () => keepers.tries.length === 1)
  following.came('stranger')
  following.came('a')
  await until('it has it', () => keepers.isCurrent('a'))
  assert.deepEqual(keepers.tries, ['a', 'a'])
})

test('at the end nothing is tried any more', async () => {
  const keepers = keepersOf(['a'], { a: 1000 })
  const following = new Following(keepers, TIMES)
  following.all()
  await until('it is tried', () => keepers.tries.length > 2)
  await following[Symbol.asyncDispose]()
  const { length } = keepers.tries
  following.all()
  await new Promise((resolve) => setTimeout(resolve, 30))
  assert.equal(keepers.tries.length, length)
})
