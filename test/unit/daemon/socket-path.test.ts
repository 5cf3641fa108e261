import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, statSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { chooseSocketPath } from '../../../src/daemon/socket-path.ts'
import { temporaryDirectory } from './temporary.ts'

test('the socket lies in a private directory of the runtime directory', (t) => {
  const runtime = temporaryDirectory(t)
  mkdirSync(path.join(runtime, 'dfs'))
  chmodSync(path.join(runtime, 'dfs'), 0o777)
  const socket = chooseSocketPath('/some/home', { XDG_RUNTIME_DIR: runtime })
  assert.equal(path.dirname(socket), path.join(runtime, 'dfs'))
  assert.equal(statSync(path.dirname(socket)).mode & 0o777, 0o700)
  assert.notEqual(socket, chooseSocketPath('/other/home', { XDG_RUNTIME_DIR: runtime }))
})

test('without a runtime directory it lies in the home', (t) => {
  const home = temporaryDirectory(t)
  assert.equal(chooseSocketPath(home, {}), path.join(home, 'control.sock'))
  assert.equal(chooseSocketPath(home, { XDG_RUNTIME_DIR: path.join(home, 'missing') }), path.join(home, 'control.sock'))
})

test('a path too long for a socket is not chosen', (t) => {
  const home = path.join(temporaryDirectory(t), 'x'.repeat(100))
  const socket = chooseSocketPath(home, {})
  assert.ok(Buffer.byteLength(socket) <= 107, socket)
})
