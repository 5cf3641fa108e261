import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { agree, sharedFolder } from './disk-folders.ts'

describe('a clock', () => {
  const CENTURY_MS = 100 * 365 * 86_400_000

  for (const [title, offMs] of [
    ['in the past', Date.UTC(1970, 0) - Date.UTC(2025, 6, 1)],
    ['before 1970', -CENTURY_MS],
    ['a century ahead', CENTURY_MS],
  ] as const) {
    it(`that is ${title} holds up no edit and no removal of either side`, async () => {
      const [a, b] = await sharedFolder((device) => device.create('file', 'text'))
      b.clockOffMs = offMs
      for (let round = 0; round < 3; round++) {
        for (const [device, name] of [
          [b, 'b'],
          [a, 'a'],
        ] as const) {
          device.write('file', `${name} ${round}`)
          device.create(`${name} ${round}`, 'new')
          await device.run()
          await agree(a, b)
          assert.equal(a.shown().file, `${name} ${round}`)
        }
      }
      a.disk.remove('b 0')
      await a.run()
      await agree(a, b)
      assert.equal(b.shown()['b 0'], undefined)
      b.disk.remove('a 0')
      await b.run()
      await agree(a, b)
      assert.equal(a.shown()['a 0'], undefined)
    })
  }

  it('that went back loses none of what it dated later', async () => {
    const [a, b] = await sharedFolder((device) => device.create('file', 'text'))
    b.clockOffMs = CENTURY_MS
    b.write('file', 'from the future')
    await b.run()
    b.clockOffMs = 0
    await b.restart()
    b.write('file', 'later')
    await b.run()
    await agree(a, b)
    assert.deepEqual(a.shown(), { file: 'later' })
    a.write('file', 'latest')
    await a.run()
    await agree(a, b)
    assert.deepEqual(b.shown(), { file: 'latest' })
  })
})
