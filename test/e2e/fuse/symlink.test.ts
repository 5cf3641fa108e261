import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { assertContent, assertFails } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'

mountedSuite('symlink', ({ lasts }) => {
  lasts('a symlink leads to its file, and its target is kept byte for byte', (directory) => {
    fs.writeFileSync(join(directory, 'file'), 'content')
    fs.symlinkSync('./file', join(directory, 'link'))
    return () => {
      assert.equal(fs.readlinkSync(join(directory, 'link')), './file')
      assertContent(join(directory, 'link'), 'content')
      assert.equal(fs.lstatSync(join(directory, 'link')).size, './file'.length)
    }
  })

  lasts('a symlink may lead nowhere', (directory) => {
    const link = join(directory, 'link')
    fs.symlinkSync('no/such/file', link)
    return () => {
      assertFails('ENOENT', () => fs.readFileSync(link))
      assert(fs.lstatSync(link).isSymbolicLink())
    }
  })

  lasts('a target may be long, and need not be UTF-8', (directory) => {
    const target = Buffer.concat([Buffer.from('x'.repeat(3000)), Buffer.from([0xff, 0xfe])])
    fs.symlinkSync(target, join(directory, 'link'))
    return () => assert(fs.readlinkSync(join(directory, 'link'), 'buffer').equals(target))
  })

  lasts('a symlink may be called like a stub', (directory) => {
    fs.writeFileSync(join(directory, 'file'), 'content')
    fs.symlinkSync('file', join(directory, 'link.f'))
    return () => {
      assert.deepEqual(fs.readdirSync(directory).toSorted(), ['file', 'link.f'])
      assertContent(join(directory, 'link.f'), 'content')
    }
  })

  lasts('writing through a symlink writes its file', (directory) => {
    fs.mkdirSync(join(directory, 'sub'))
    fs.symlinkSync('../target', join(directory, 'sub', 'link'))
    fs.writeFileSync(join(directory, 'sub', 'link'), 'through the link')
    return () => assertContent(join(directory, 'target'), 'through the link')
  })
})
