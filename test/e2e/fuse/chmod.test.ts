import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { assertContent, noise, withFile } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'

mountedSuite('chmod', ({ lasts, test }) => {
  for (const mode of [0o600, 0o644, 0o755, 0o444, 0o400])
    lasts(`mode ${mode.toString(8)} is kept, and so is the content`, (directory) => {
      const path = join(directory, 'file')
      fs.writeFileSync(path, noise(80_000))
      fs.chmodSync(path, mode)
      return () => {
        assert.equal(fs.statSync(path).mode & 0o7777, mode)
        assertContent(path, noise(80_000))
      }
    })

  lasts('a directory has its own mode, sticky and setgid too', (directory) => {
    const path = join(directory, 'sub')
    fs.mkdirSync(path)
    fs.chmodSync(path, 0o3750)
    return () => assert.equal(fs.statSync(path).mode & 0o7777, 0o3750)
  })

  lasts('chmod while the file is written loses nothing', (directory) => {
    const path = join(directory, 'file')
    withFile(path, 'w', (fd) => {
      fs.writeSync(fd, noise(50_000, 1))
      fs.fchmodSync(fd, 0o640)
      fs.writeSync(fd, noise(50_000, 2))
    })
    return () => {
      assertContent(path, Buffer.concat([noise(50_000, 1), noise(50_000, 2)]))
      assert.equal(fs.statSync(path).mode & 0o777, 0o640)
    }
  })

  test('chmod leaves mtime and changes ctime', (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, 'x')
    fs.utimesSync(path, 1000, 1000)
    const before = fs.statSync(path)
    fs.chmodSync(path, 0o600)
    assert.equal(fs.statSync(path).mtimeMs, 1_000_000)
    assert(fs.statSync(path).ctimeMs >= before.ctimeMs)
  })
})
