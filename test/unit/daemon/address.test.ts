import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { readAddress } from '../../../src/daemon/address.ts'
import { temporaryDirectory } from './temporary.ts'

test('a lock file that says nothing usable is no address', (t) => {
  const home = temporaryDirectory(t)
  assert.equal(readAddress(home), undefined)
  for (const text of ['', 'null', '{"pid":"1","socket":"/x"}', '{"pid":1}']) {
    writeFileSync(path.join(home, 'lock'), text)
    assert.equal(readAddress(home), undefined)
  }
})
