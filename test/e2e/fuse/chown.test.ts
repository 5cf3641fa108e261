import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { root } from '../../support/requirements.ts'
import { assertContent, withFile } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'

const OTHER = { uid: 12_345, gid: 23_456 }

mountedSuite('chown', ({ lasts }) => {
  lasts(
    'a file, a directory and a symlink belong to whom root gives them',
    (directory) => {
      const paths = ['file', 'sub', 'link'].map((name) => join(directory, name))
      fs.writeFileSync(paths[0]!, 'content')
      fs.mkdirSync(paths[1]!)
      fs.symlinkSync('file', paths[2]!)
      for (const path of paths) fs.lchownSync(path, OTHER.uid, OTHER.gid)
      return () => {
        for (const path of paths) {
          const { uid, gid } = fs.lstatSync(path)
          assert.deepEqual({ uid, gid }, OTHER)
        }
        assertContent(paths[0]!, 'content')
      }
    },
    { skip: root() },
  )

  lasts(
    'a change of owner while the file is written loses nothing',
    (directory) => {
      const path = join(directory, 'file')
      withFile(path, 'w', (fd) => {
        fs.writeSync(fd, 'before, ')
        fs.fchownSync(fd, OTHER.uid, OTHER.gid)
        fs.writeSync(fd, 'after')
      })
      return () => {
        assertContent(path, 'before, after')
        assert.equal(fs.statSync(path).uid, OTHER.uid)
      }
    },
    { skip: root() },
  )

  lasts('a change of only the group leaves the owner', (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, 'content')
    fs.chownSync(path, -1 >>> 0, process.getgid!())
    return () => assert.equal(fs.statSync(path).uid, process.getuid!())
  })
})
