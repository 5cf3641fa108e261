import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import test, { type TestContext } from 'node:test'
import { endsBySignal } from '../../../src/posix/ending.ts'
import { until } from '../../e2e/support/process.ts'

/** A shell that runs a script, has said "ready", and has a child that it does not wait for. */
async function shell(t: TestContext, script: string): Promise<ChildProcess> {
  const child = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout!, 'data')
  return child
}

/** The number of a child of `sh` that has ended and that nobody has asked after. */
async function endedChild(t: TestContext, how: string): Promise<number> {
  // It ends only when its parent has become one that asks after nobody: a shell would.
  const rest = 'until grep -q sleep /proc/$PPID/comm; do :; done'
  const parent = await shell(t, `sh -c '${rest}; ${how}' & echo $!; exec sleep 60`)
  const children = () => readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, 'utf8').trim()
  await until('it has ended', () => /^State:\tZ/m.test(readFileSync(`/proc/${children()}/status`, 'utf8')))
  return Number(children())
}

test('who was killed ends by a signal, who left does not', async (t) => {
  assert.equal(endsBySignal(await endedChild(t, 'kill -KILL $$')), true)
  assert.equal(endsBySignal(await endedChild(t, 'kill -TERM $$')), true)
  assert.equal(endsBySignal(await endedChild(t, 'exit 9')), false)
})

test('who lives does not, nor who holds a signal off', async (t) => {
  const child = await shell(t, 'trap "" TERM; trap : USR1; echo ready; while read line; do :; done')
  for (const signal of ['SIGTERM', 'SIGUSR1', 'SIGCHLD', 'SIGWINCH'] as const) {
    child.kill(signal)
    assert.equal(endsBySignal(child.pid!), false, signal)
  }
})

test('nobody and who is gone do not', async () => {
  const child = spawn('true')
  await once(child, 'exit')
  assert.equal(endsBySignal(child.pid!), false)
  assert.equal(endsBySignal(0), false)
})
