import assert from 'node:assert/strict'
import test from 'node:test'
import { asCalled } from '../../../src/cli/first-run.ts'

test('the next commands are given as they work for whoever came by npx, or by dfs itself', () => {
  assert.equal(asCalled('dfs umount /c', { npm_command: 'exec' }), 'npx dfs umount /c')
  assert.equal(asCalled('dfs umount /c', { npm_command: 'test' }), 'dfs umount /c')
  assert.equal(asCalled('dfs umount /c', {}), 'dfs umount /c')
  assert.equal(asCalled('cp FILES /c', { npm_command: 'exec' }), 'cp FILES /c')
})
