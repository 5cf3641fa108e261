import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { kindOf } from '../../../src/errors.ts'
import { O, openAt } from '../../../src/posix/files.ts'
import { releaseLease, tryWriteLease } from '../../../src/posix/lease.ts'
import { makeFile, scratchDirectory, withFd } from './scratch.ts'

const scratch = scratchDirectory()
const WOULD_WAIT = O.RDONLY | O.NONBLOCK

test('a lease is granted only while nobody else has the file open, for reading or writing', () => {
  makeFile(scratch.fd, 'file', 'x')
  withFd(openAt(scratch.fd, 'file', O.RDONLY), (fd) => {
    for (const flags of [O.RDONLY, O.RDWR]) {
      withFd(openAt(scratch.fd, 'file', flags), () => assert.equal(tryWriteLease(fd), false))
    }
    assert.equal(tryWriteLease(fd), true)
    releaseLease(fd)
  })
})

test('while a lease is held opening the file waits, and the one asked goes on to live, every time', () => {
  makeFile(scratch.fd, 'leased', 'x')
  withFd(openAt(scratch.fd, 'leased', O.RDONLY), (fd) => {
    for (let i = 0; i < 3; i++) {
      assert.equal(tryWriteLease(fd), true)
      assert.throws(
        () => openAt(scratch.fd, 'leased', WOULD_WAIT),
        (error) => kindOf(error) === 'busy',
      )
      releaseLease(fd)
    }
  })
})

test('another process that opens the file goes on when the lease is given back', async () => {
  makeFile(scratch.fd, 'wanted', 'content')
  const fd = openAt(scratch.fd, 'wanted', O.RDONLY)
  assert.equal(tryWriteLease(fd), true)
  const reader = spawn('cat', [join(scratch.path, 'wanted')], { stdio: ['ignore', 'pipe', 'ignore'] })
  const exited = once(reader, 'exit')
  releaseLease(fd)
  const chunks: Buffer[] = []
  for await (const chunk of reader.stdout) chunks.push(chunk)
  await exited
  closeSync(fd)
  assert.equal(Buffer.concat(chunks).toString(), 'content')
})

test('closing the file gives the lease back', () => {
  makeFile(scratch.fd, 'closed', 'x')
  withFd(openAt(scratch.fd, 'closed', O.RDONLY), (fd) => assert.equal(tryWriteLease(fd), true))
  closeSync(openSync(join(scratch.path, 'closed'), WOULD_WAIT))
})
