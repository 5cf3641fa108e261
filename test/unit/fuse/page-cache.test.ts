import assert from 'node:assert/strict'
import test from 'node:test'
import { PageCache } from '../../../src/fuse/fuse-native/page-cache.ts'

const VERSION = { statIno: 7, size: 100, mtimeNs: 5n, ctimeNs: 6n }

test('pages stay while path, size and times are those that were noted', () => {
  const pages = new PageCache()
  assert.equal(pages.isCurrent('/a', VERSION), false)
  pages.note('/a', VERSION)
  assert.equal(pages.isCurrent('/a', VERSION), true)
  assert.equal(pages.isCurrent('/b', VERSION), false)
  for (const change of [{ statIno: 8 }, { size: 99 }, { mtimeNs: 6n }, { ctimeNs: 7n }]) {
    assert.equal(pages.isCurrent('/a', { ...VERSION, ...change }), false)
  }
  pages.note('/a', { ...VERSION, ctimeNs: 9n })
  assert.equal(pages.isCurrent('/a', VERSION), false)
  pages.forget(7)
  assert.equal(pages.isCurrent('/a', { ...VERSION, ctimeNs: 9n }), false)
})

test('of more files than it has room for the last noted are remembered', () => {
  const pages = new PageCache(2)
  const version = (statIno: number) => ({ ...VERSION, statIno })
  for (const statIno of [1, 2, 1, 3]) pages.note(`/${statIno}`, version(statIno))
  assert.deepEqual(
    [1, 2, 3].map((statIno) => pages.isCurrent(`/${statIno}`, version(statIno))),
    [true, false, true],
  )
})
