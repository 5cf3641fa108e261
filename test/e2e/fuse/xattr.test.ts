import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { getXattr, listXattrs, removeXattr, setXattr } from '../../support/syscalls.ts'
import { assertContent, assertFails } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'

mountedSuite('extended attributes', ({ lasts, test }) => {
  lasts('an attribute of a file or a directory is kept, binary, empty or long', (directory) => {
    const file = join(directory, 'file')
    fs.writeFileSync(file, 'content')
    const values = [Buffer.alloc(0), Buffer.from([0, 255, 10]), Buffer.alloc(2000, 7)]
    for (const path of [file, directory])
      for (const [index, value] of values.entries()) setXattr(path, `user.test-${index}`, value)
    return () => {
      for (const path of [file, directory]) {
        for (const [index, value] of values.entries()) assert(getXattr(path, `user.test-${index}`).equals(value))
        assert.deepEqual(listXattrs(path).toSorted(), ['user.test-0', 'user.test-1', 'user.test-2'])
      }
    }
  })

  lasts('attributes stay when the content changes and when the file is renamed', (directory) => {
    fs.writeFileSync(join(directory, 'old'), 'content')
    setXattr(join(directory, 'old'), 'user.color', Buffer.from('green'))
    fs.writeFileSync(join(directory, 'old'), 'other content')
    fs.renameSync(join(directory, 'old'), join(directory, 'new'))
    return () => assert.equal(getXattr(join(directory, 'new'), 'user.color').toString(), 'green')
  })

  test('a removed attribute is gone, and one that is not there says so', (directory) => {
    const file = join(directory, 'file')
    fs.writeFileSync(file, 'content')
    setXattr(file, 'user.color', Buffer.from('green'))
    removeXattr(file, 'user.color')
    assertFails('ENODATA', () => getXattr(file, 'user.color'))
    assertFails('ENODATA', () => removeXattr(file, 'user.color'))
    assert.deepEqual(listXattrs(file), [])
    assertContent(file, 'content')
  })
})

mountedSuite(
  'the attributes of dfs itself',
  ({ test }) => {
    test('a file says its state when asked by name, lists nothing, and takes no change', (directory) => {
      const file = join(directory, 'file')
      fs.writeFileSync(file, 'content')
      assert.equal(getXattr(file, 'user.dfs.state').toString(), 'local')
      assert.deepEqual(listXattrs(file), [])
      assert.throws(() => setXattr(file, 'user.dfs.state', Buffer.from('evicted')))
    })
  },
  'dfs',
)
