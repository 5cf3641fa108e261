import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Group } from '../../../src/store/group.ts'

describe('Group', () => {
  it('begins a round after the call that it serves', async () => {
    const rounds: number[][] = []
    const gates: PromiseWithResolvers<void>[] = []
    const group = new Group(async (items: number[]) => {
      rounds.push(items)
      gates.push(Promise.withResolvers())
      await gates.at(-1)!.promise
    })
    const first = group.run(1)
    await Promise.resolve()
    await Promise.resolve()
    const others = [group.run(2), group.run(3)]
    assert.deepEqual(rounds, [[1]])
    gates[0]!.resolve()
    await first
    await new Promise(setImmediate)
    assert.deepEqual(rounds, [[1], [2, 3]])
    gates[1]!.resolve()
    await Promise.all(others)
  })

  it('gives the failure of a round to its callers only', async () => {
    const group = new Group(async (items: string[]) => {
      if (items.includes('bad')) throw new Error('bad round')
      return items.length
    })
    const bad = [group.run('bad'), group.run('unlucky')]
    for (const call of bad) await assert.rejects(call, /bad round/)
    assert.equal(await group.run('good'), 1)
  })
})
