import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { linkCommand } from '../../../../src/cli/setup/link.ts'

/** A launcher, and a directory for links that is not there yet. */
function place(t: TestContext) {
  const root = mkdtempSync(path.join(tmpdir(), 'dfs-link-'))
  t.after(() => rmSync(root, { recursive: true }))
  const launcher = path.join(root, 'dfs.js')
  writeFileSync(launcher, '#!/bin/sh\n')
  chmodSync(launcher, 0o755)
  return { root, launcher, bin: path.join(root, 'bin') }
}

test('a link is made where there is none, and found again', (t) => {
  const { launcher, bin } = place(t)
  const link = path.join(bin, 'dfs')
  assert.deepEqual(linkCommand(launcher, bin, { PATH: '/bin' }), { link, state: 'made', inPath: false })
  assert.equal(readlinkSync(link), launcher)
  assert.deepEqual(linkCommand(launcher, bin, { PATH: '/bin' }), { link, state: 'present', inPath: false })
  assert.deepEqual(linkCommand(launcher, '/nonexistent', { PATH: `/bin:${bin}` }), {
    link,
    state: 'present',
    inPath: true,
  })
})

test('what is another program, or a link to one, stays', (t) => {
  const { root, launcher, bin } = place(t)
  mkdirSync(bin)
  writeFileSync(path.join(bin, 'dfs'), 'another')
  assert.equal(linkCommand(launcher, bin, { PATH: bin }).state, 'taken')
  assert.equal(readFileSync(path.join(bin, 'dfs'), 'utf8'), 'another')
  const other = path.join(root, 'other')
  mkdirSync(other)
  symlinkSync('/nonexistent/dfs', path.join(other, 'dfs'))
  assert.equal(linkCommand(launcher, other, {}).state, 'taken')
})
