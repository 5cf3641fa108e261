import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { mountedSuite } from '../support/mounted-suite.ts'

mountedSuite('statfs', (suite) => {
  suite.test('says how large and how full the disk of the store is', (directory) => {
    const seen = fs.statfsSync(directory)
    const store = fs.statfsSync(suite.place.root)
    assert.equal(seen.blocks * seen.bsize, store.blocks * store.bsize)
    assert(Math.abs(seen.bavail * seen.bsize - store.bavail * store.bsize) < 2 ** 30, 'as much is free as on the disk')
    assert(seen.files > 0 && seen.ffree > 0)
  })

  suite.test('a name as long as it says can be made, and a longer one not', (directory) => {
    const fits = 'n'.repeat(253)
    fs.writeFileSync(join(directory, fits), 'content')
    assert.deepEqual(fs.readdirSync(directory), [fits])
    assert.throws(() => fs.writeFileSync(join(directory, 'n'.repeat(256)), ''), { code: 'ENAMETOOLONG' })
  })
})
