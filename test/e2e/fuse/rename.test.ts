import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { assertContent, assertFails, noise, withFile } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'

mountedSuite('rename', ({ lasts, test }) => {
  lasts('a file has its new name and no longer its old one', (directory) => {
    fs.writeFileSync(join(directory, 'old'), noise(70_000))
    fs.renameSync(join(directory, 'old'), join(directory, 'new'))
    return () => {
      assert.deepEqual(fs.readdirSync(directory), ['new'])
      assertContent(join(directory, 'new'), noise(70_000))
    }
  })

  lasts('rename replaces an existing file', (directory) => {
    fs.writeFileSync(join(directory, 'target'), noise(70_000, 1))
    fs.writeFileSync(join(directory, 'source'), noise(70_000, 2))
    fs.renameSync(join(directory, 'source'), join(directory, 'target'))
    return () => {
      assert.deepEqual(fs.readdirSync(directory), ['target'])
      assertContent(join(directory, 'target'), noise(70_000, 2))
    }
  })

  test('rename replaces an open file, whose handle still reads what it had', (directory) => {
    const target = join(directory, 'target')
    fs.writeFileSync(target, 'old content')
    fs.writeFileSync(join(directory, 'source'), 'new content')
    withFile(target, 'r', (fd) => {
      fs.renameSync(join(directory, 'source'), target)
      assert.equal(fs.readFileSync(fd, 'utf8'), 'old content')
      assertContent(target, 'new content')
    })
  })

  lasts('a file renamed while it is written is written under its new name', (directory) => {
    withFile(join(directory, 'old'), 'w', (fd) => {
      fs.writeSync(fd, 'first, ')
      fs.renameSync(join(directory, 'old'), join(directory, 'new'))
      fs.writeSync(fd, 'second')
    })
    return () => assertContent(join(directory, 'new'), 'first, second')
  })

  lasts('the old name can be used again at once', (directory) => {
    fs.writeFileSync(join(directory, 'log'), 'old log')
    fs.renameSync(join(directory, 'log'), join(directory, 'log.1'))
    fs.writeFileSync(join(directory, 'log'), 'new log')
    return () => {
      assertContent(join(directory, 'log'), 'new log')
      assertContent(join(directory, 'log.1'), 'old log')
    }
  })

  lasts('a directory moves with all that is in it, open files too', (directory) => {
    fs.mkdirSync(join(directory, 'from', 'deep'), { recursive: true })
    withFile(join(directory, 'from', 'deep', 'file'), 'w', (fd) => {
      fs.mkdirSync(join(directory, 'parent'))
      fs.renameSync(join(directory, 'from'), join(directory, 'parent', 'to'))
      fs.writeSync(fd, 'written after the move')
    })
    return () => assertContent(join(directory, 'parent', 'to', 'deep', 'file'), 'written after the move')
  })

  test('a directory replaces an empty one only, and never a file', (directory) => {
    for (const name of ['a', 'empty', 'full']) fs.mkdirSync(join(directory, name))
    fs.writeFileSync(join(directory, 'full', 'file'), '')
    fs.writeFileSync(join(directory, 'file'), '')
    assertFails('ENOTEMPTY', () => fs.renameSync(join(directory, 'a'), join(directory, 'full')))
    assertFails('ENOTDIR', () => fs.renameSync(join(directory, 'a'), join(directory, 'file')))
    assertFails('EISDIR', () => fs.renameSync(join(directory, 'file'), join(directory, 'a')))
    assertFails('EINVAL', () => fs.renameSync(join(directory, 'a'), join(directory, 'a', 'below')))
    fs.renameSync(join(directory, 'a'), join(directory, 'empty'))
    assert.deepEqual(fs.readdirSync(directory).toSorted(), ['empty', 'file', 'full'])
  })

  test('two names of one file stay two names', (directory) => {
    fs.writeFileSync(join(directory, 'a'), 'content')
    fs.linkSync(join(directory, 'a'), join(directory, 'b'))
    fs.renameSync(join(directory, 'a'), join(directory, 'b'))
    assert.deepEqual(fs.readdirSync(directory).toSorted(), ['a', 'b'])
  })

  test('what is not there cannot be renamed', (directory) => {
    assertFails('ENOENT', () => fs.renameSync(join(directory, 'nothing'), join(directory, 'something')))
    assert.deepEqual(fs.readdirSync(directory), [])
  })
})
