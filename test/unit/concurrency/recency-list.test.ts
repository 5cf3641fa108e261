import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { RecencyList } from '../../../src/concurrency/recency-list.ts'

interface Item {
  readonly id: number
  older: Item | undefined
  newer: Item | undefined
}

const idsOf = (list: RecencyList<Item>) => [...list.items()].map(({ id }) => id)

test('a list keeps the order of use, whatever is added, used and removed', () => {
  const step = fc.record({ what: fc.constantFrom('use', 'use', 'remove'), id: fc.nat(7) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const items = Array.from({ length: 8 }, (_, id): Item => ({ id, older: undefined, newer: undefined }))
      const list = new RecencyList<Item>()
      let model: number[] = []
      for (const { what, id } of steps) {
        const item = items[id]!
        const present = model.includes(id)
        model = model.filter((other) => other !== id)
        if (what === 'use') model.push(id)
        if (what === 'remove' && present) list.remove(item)
        if (what === 'use' && present) list.use(item)
        if (what === 'use' && !present) list.add(item)
        assert.deepEqual(idsOf(list), model)
        assert.equal(list.size, model.length)
        assert.equal(list.oldest?.id, model[0])
      }
    }),
  )
})

test('what is given may be removed while the list is walked', () => {
  const list = new RecencyList<Item>()
  for (let id = 0; id < 4; id++) list.add({ id, older: undefined, newer: undefined })
  for (const item of list.items()) if (item.id % 2 === 0) list.remove(item)
  assert.deepEqual(idsOf(list), [1, 3])
})
