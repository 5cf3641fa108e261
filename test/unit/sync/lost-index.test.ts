import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { agree, sharedFolder } from './disk-folders.ts'

describe('an index that begins anew', () => {
  it('has equal files be what they are, and no conflict', async () => {
    const [a, b] = await sharedFolder((device) => {
      device.makeDirectory('dir')
      device.create('dir/one', 'one')
      device.create('two', 'two')
      device.disk.link('two', 'three')
    })
    const before = b.shown()
    const { id } = b.at('dir/one')
    await b.loseIndex(a)
    await b.run()
    await agree(a, b)
    assert.deepEqual(b.shown(), before)
    assert.equal(b.at('dir/one').id, id)
    assert.equal(b.at('two').identity, b.at('three').identity)
  })

  it('gives way to what others did meanwhile, and has nothing lost', async () => {
    const [a, b] = await sharedFolder((device) => {
      device.makeDirectory('dir')
      device.create('dir/one', 'one')
      device.create('edited', 'old')
    })
    await b.loseIndex(a)
    a.disk.move('dir', 'moved')
    a.write('edited', 'new')
    a.create('added', 'added')
    await a.run()
    await b.run()
    await agree(a, b)
    const { moved, 'moved/one': one, edited, added, ...rest } = b.shown()
    assert.deepEqual([moved, one, edited, added], ['directory', 'one', 'new', 'added'])
    assert.deepEqual(Object.values(rest), ['old'])
  })

  it('does not bring back what this device had removed before', async () => {
    const [a, b] = await sharedFolder((device) => {
      device.create('kept', 'kept')
      device.create('removed', 'removed')
    })
    a.disk.remove('removed')
    await a.run()
    await agree(a, b)
    await b.loseIndex(a)
    await b.run()
    await agree(a, b)
    assert.deepEqual(a.shown(), { kept: 'kept' })
  })

  it('keeps what others removed meanwhile: nobody can say that they knew of it', async () => {
    const [a, b] = await sharedFolder((device) => {
      device.create('kept', 'kept')
      device.create('removed', 'removed')
    })
    await b.loseIndex(a)
    a.disk.remove('removed')
    await a.run()
    await b.run()
    await agree(a, b)
    assert.deepEqual(a.shown(), { kept: 'kept', removed: 'removed' })
  })
})
