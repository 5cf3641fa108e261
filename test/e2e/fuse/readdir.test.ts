import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { mountedSuite } from '../support/mounted-suite.ts'

/** DFS_E2E_ENTRIES=100000 for the long form. */
const ENTRIES = Number(process.env.DFS_E2E_ENTRIES ?? 20_000)

mountedSuite('readdir', ({ lasts, test }) => {
  lasts(`a directory of ${ENTRIES} files lists each once`, (directory) => {
    const names = Array.from({ length: ENTRIES }, (_, index) => `entry-${String(index).padStart(6, '0')}`)
    for (const name of names) fs.closeSync(fs.openSync(join(directory, name), 'w'))
    return () => assert.deepEqual(fs.readdirSync(directory).toSorted(), names)
  })

  lasts('entries say what they are, as stat does', (directory) => {
    fs.writeFileSync(join(directory, 'file'), '')
    fs.mkdirSync(join(directory, 'directory'))
    fs.symlinkSync('file', join(directory, 'link'))
    return () => {
      const kinds = fs.readdirSync(directory, { withFileTypes: true }).map((entry) => {
        const kind = entry.isFile() ? 'file' : entry.isDirectory() ? 'directory' : entry.isSymbolicLink() ? 'link' : '?'
        return [entry.name, kind]
      })
      assert.deepEqual(Object.fromEntries(kinds), { file: 'file', directory: 'directory', link: 'link' })
    }
  })

  test('everything there is removed while the directory is read', (directory) => {
    for (let index = 0; index < 3000; index++) fs.writeFileSync(join(directory, `${index}`), '')
    const listing = fs.opendirSync(directory)
    for (let entry = listing.readSync(); entry !== null; entry = listing.readSync())
      fs.unlinkSync(join(directory, entry.name))
    listing.closeSync()
    assert.deepEqual(fs.readdirSync(directory), [])
  })

  test('a new file is listed at once', (directory) => {
    assert.deepEqual(fs.readdirSync(directory), [])
    fs.writeFileSync(join(directory, 'new'), '')
    assert.deepEqual(fs.readdirSync(directory), ['new'])
  })

  test('the link count of a directory counts its subdirectories', (directory) => {
    fs.mkdirSync(join(directory, 'a'))
    fs.mkdirSync(join(directory, 'b'))
    assert.equal(fs.statSync(directory).nlink, 4)
  })
})
