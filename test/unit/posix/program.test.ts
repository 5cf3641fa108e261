import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { Worker } from 'node:worker_threads'
import { programOf } from '../../../src/posix/program.ts'

function directory(t: TestContext): string {
  const made = mkdtempSync(path.join(tmpdir(), 'dfs-program-'))
  t.after(() => rmSync(made, { recursive: true }))
  return made
}

/** Runs until the test ends; it has begun when it has said something. */
async function running(t: TestContext, command: string, ...args: string[]): Promise<number> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  child.stdin.write('begin\n')
  await once(child.stdout, 'data')
  return child.pid!
}

test('a program is called as its file, also when that is gone', async (t) => {
  const file = path.join(directory(t), 'a-program-with-a-long-name')
  copyFileSync('/bin/cat', file)
  const pid = await running(t, file, '-')
  assert.deepEqual(programOf(pid), { file: 'a-program-with-a-long-name', shortName: 'a-program-with-' })
  rmSync(file)
  assert.equal(programOf(pid)?.file, 'a-program-with-a-long-name')
})

test('a script is known by its short name', async (t) => {
  const file = path.join(directory(t), 'script')
  writeFileSync(file, '#!/bin/sh\nread line; echo "$line"; read line\n', { mode: 0o755 })
  assert.equal(programOf(await running(t, file))?.shortName, 'script')
})

test('a thread has the names of its process', async (t) => {
  const saysWhoItIs = `
    const { parentPort } = require('node:worker_threads')
    parentPort.on('message', () => {})
    parentPort.postMessage(require('node:fs').readlinkSync('/proc/thread-self'))`
  const worker = new Worker(saysWhoItIs, { eval: true })
  t.after(() => worker.terminate())
  const [link] = (await once(worker, 'message')) as [string]
  const thread = Number(path.basename(link))
  assert.notEqual(thread, process.pid)
  assert.deepEqual(programOf(thread), programOf(process.pid))
})

test('a process that has ended has no program', async () => {
  const child = spawn('true')
  await once(child, 'exit')
  assert.equal(programOf(child.pid!), undefined)
})
