import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { homePath } from '../../../src/cli/home-path.ts'
import { resolvePath } from '../../../src/cli/paths.ts'

test('links are resolved, and what is not there is taken by its name', async (t) => {
  const dir = realpathSync(mkdtempSync(path.join(tmpdir(), 'dfs-cli-')))
  t.after(() => rmSync(dir, { recursive: true }))
  mkdirSync(path.join(dir, 'real'))
  symlinkSync('real', path.join(dir, 'link'))
  assert.equal(await resolvePath(path.join(dir, 'link')), path.join(dir, 'real'))
  assert.equal(await resolvePath(path.join(dir, 'link', 'a', '..', 'b', 'c')), path.join(dir, 'real', 'b', 'c'))
  assert.equal(await resolvePath('/'), '/')
})

test('the home follows DFS_HOME, then XDG_DATA_HOME if it is absolute', async () => {
  assert.equal(await homePath({ DFS_HOME: '/nonexistent/h', XDG_DATA_HOME: '/nonexistent/x' }), '/nonexistent/h')
  assert.equal(await homePath({ XDG_DATA_HOME: '/nonexistent/x' }), '/nonexistent/x/dfs')
  assert.match(await homePath({ XDG_DATA_HOME: 'relative' }), /\/\.local\/share\/dfs$/)
})
