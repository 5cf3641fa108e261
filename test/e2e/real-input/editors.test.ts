/** Editors save in the mount as they do on a disk: by a copy beside the file, in place, or through a temporary file. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { program } from '../../support/requirements.ts'
import { getXattr, setXattr } from '../../support/syscalls.ts'
import { assertContent, noise, withFile } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'
import { runOk } from '../support/process.ts'

mountedSuite('saving as editors do', ({ lasts }) => {
  for (const options of ['backupcopy=no', 'backupcopy=yes', 'nowritebackup', 'backup', 'undofile', 'fsync'])
    lasts(
      `vim saves with ${options}`,
      async (directory) => {
        const path = join(directory, 'text')
        fs.writeFileSync(path, 'second\n', { mode: 0o640 })
        // As it is, vim keeps no copies of what is below /tmp.
        const words = ['-es', '-u', 'NONE', '-N', '-c', `set backupskip= ${options}`]
        for (const line of ['first', 'zeroth']) {
          await runOk('vim', [...words, '-c', `1insert|${line}`, '-c', 'wq', path], { cwd: directory })
        }
        const extra = options === 'backup' ? ['text~'] : options === 'undofile' ? ['.text.un~'] : []
        return () => {
          assertContent(path, 'zeroth\nfirst\nsecond\n')
          assert.equal(fs.statSync(path).mode & 0o7777, 0o640)
          assert.deepEqual(fs.readdirSync(directory).toSorted(), [...extra, 'text'].toSorted())
        }
      },
      { skip: program('vim')() },
    )

  lasts(
    'vim saves through a symlink, which stays one',
    async (directory) => {
      fs.writeFileSync(join(directory, 'text'), 'second\n')
      fs.symlinkSync('text', join(directory, 'link'))
      await runOk('vim', ['-es', '-u', 'NONE', '-N', '-c', '1insert|first', '-c', 'wq', join(directory, 'link')])
      return () => {
        assertContent(join(directory, 'text'), 'first\nsecond\n')
        assert.equal(fs.readlinkSync(join(directory, 'link')), 'text')
      }
    },
    { skip: program('vim')() },
  )

  lasts(
    'an office program saves: lock file, temporary file with rights and attributes of the old one, rename',
    (directory) => {
      const document = join(directory, 'Letter äöü.odt')
      const lock = join(directory, '.~lock.Letter äöü.odt#')
      const temporary = join(directory, 'lu4711abc.tmp')
      fs.writeFileSync(document, noise(150_000, 1), { mode: 0o640 })
      setXattr(document, 'user.xdg.origin.url', Buffer.from('https://example.org'))
      for (let save = 2; save < 6; save++) {
        withFile(lock, 'wx', (fd) => fs.writeSync(fd, ',user,host,01.01.2026 12:00,file:///home/user;'))
        assert.throws(() => fs.openSync(lock, 'wx'), { code: 'EEXIST' })
        const before = fs.statSync(document)
        withFile(temporary, 'wx+', (fd) => {
          for (let at = 0; at < 200_000; at += 32_768) {
            fs.writeSync(fd, noise(200_000, save).subarray(at, at + 32_768), 0, undefined, at)
          }
          fs.fchmodSync(fd, before.mode)
          setXattr(temporary, 'user.xdg.origin.url', getXattr(document, 'user.xdg.origin.url'))
          fs.fsyncSync(fd)
        })
        fs.renameSync(temporary, document)
        assert.notEqual(fs.statSync(document).ino, before.ino)
        fs.unlinkSync(lock)
      }
      return () => {
        assertContent(document, noise(200_000, 5))
        assert.equal(fs.statSync(document).mode & 0o7777, 0o640)
        assert.equal(getXattr(document, 'user.xdg.origin.url').toString(), 'https://example.org')
        assert.deepEqual(fs.readdirSync(directory), ['Letter äöü.odt'])
      }
    },
  )
})
