import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { readAddress } from '../../../src/daemon/address.ts'
import { HomeLock } from '../../../src/daemon/home-lock.ts'
import { temporaryDirectory } from './temporary.ts'

test('a home has one daemon at a time', (t) => {
  const home = temporaryDirectory(t)
  const lock = HomeLock.take(home)
  lock.announce({ pid: 4711, socket: '/run/x.sock' })
  assert.throws(() => HomeLock.take(home), { kind: 'locked', mend: /4711/ })
  assert.deepEqual(readAddress(home), { pid: 4711, socket: '/run/x.sock' })
  lock[Symbol.dispose]()
  assert.equal(readFileSync(path.join(home, 'lock'), 'utf8'), '')
  HomeLock.take(home)[Symbol.dispose]()
})

test('the lock of a killed process is free', async (t) => {
  const home = temporaryDirectory(t)
  const module = new URL('../../../src/daemon/home-lock.ts', import.meta.url).href
  const script = `
    const { HomeLock } = await import(${JSON.stringify(module)})
    HomeLock.take(${JSON.stringify(home)}).announce({ pid: process.pid, socket: '/gone' })
    process.stdout.write('taken')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  assert.throws(() => HomeLock.take(home), { kind: 'locked' })
  child.kill('SIGKILL')
  await once(child, 'exit')
  HomeLock.take(home)[Symbol.dispose]()
})
