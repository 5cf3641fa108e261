import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'

const PROGRAM = `
  import { writeSync } from 'node:fs'
  import { markStderr } from '${new URL('../../../src/fuse/fuse-native/stderr-mark.ts', import.meta.url)}'
  writeSync(2, 'before\\n')
  const saidSince = markStderr()
  writeSync(2, 'fusermount3: no\\n')
  process.stdout.write(saidSince())`

test('what was written to standard error since is read back from its file', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'dfs-stderr-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = path.join(directory, 'log')
  appendFileSync(file, 'an earlier run\n')
  const fd = openSync(file, 'a')
  t.after(() => closeSync(fd))
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM], {
    stdio: ['ignore', 'pipe', fd],
  })
  assert.equal(stdout.toString(), 'fusermount3: no')
  assert.equal(readFileSync(file, 'utf8'), 'an earlier run\nbefore\nfusermount3: no\n')
})

test('where standard error is no file nothing is read back', () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM])
  assert.equal(stdout.toString(), '')
  assert.equal(stderr.toString(), 'before\nfusermount3: no\n')
})
