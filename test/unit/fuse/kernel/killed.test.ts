/** Requests of processes that were killed while their work goes on. */
import assert from 'node:assert/strict'
import { constants as open } from 'node:fs'
import { constants } from 'node:os'
import test from 'node:test'
import { FATTR, OPCODE } from '../../../../src/fuse/kernel/protocol.ts'
import {
  ATTR,
  ATTR_OUT,
  CREATE_IN,
  FLUSH_IN,
  RENAME_IN,
  SETATTR_IN,
  WRITE_IN,
  WRITE_OUT,
} from '../../../../src/fuse/kernel/structs.ts'
import { MemoryFilesystem } from '../../../e2e/support/memory-filesystem.ts'
import { FakeKernel, message } from './support.ts'

const { EINTR } = constants.errno
const { O_RDWR, O_CREAT } = open
const ROOT = 1
const THREAD = 77
const UNIQUE = 10
const LOOKED_AFTER_TWICE_MS = 500

/** The operation `name` of a file system waits after it has done its work, until `go`. */
function waiting<K extends 'flush' | 'rename' | 'create' | 'setattr' | 'write'>(name: K) {
  const filesystem = new MemoryFilesystem()
  const { promise, resolve } = Promise.withResolvers<void>()
  const work = (filesystem[name] as (...args: unknown[]) => unknown).bind(filesystem)
  Object.assign(filesystem, {
    [name]: async (...args: unknown[]) => {
      const done = await work(...args)
      await promise
      return done
    },
  })
  const kernel = new FakeKernel(filesystem)
  const send = (opcode: number, ino: number, body: Buffer) => kernel.send(message(opcode, UNIQUE, ino, body, THREAD))
  const interrupt = async () => {
    const which = Buffer.alloc(8)
    which.writeBigUInt64LE(BigInt(UNIQUE))
    await kernel.send(message(OPCODE.INTERRUPT, UNIQUE + 1, 0, which))
    await new Promise((settled) => setImmediate(settled))
  }
  const errnos = () => kernel.answers.filter(({ unique }) => unique === UNIQUE).map(({ errno }) => errno)
  return { filesystem, kernel, go: resolve, send, interrupt, errnos }
}

function names(...parts: (Buffer | string)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)))
}

async function fileIn(kernel: FakeKernel): Promise<{ ino: number; handle: bigint }> {
  const head = Buffer.alloc(CREATE_IN.bytes)
  head.writeUInt32LE(O_RDWR | O_CREAT, CREATE_IN.flags)
  head.writeUInt32LE(0o100644, CREATE_IN.mode)
  const { body } = (await kernel.ask('CREATE', ROOT, names(head, 'file')))!
  return { ino: Number(body.readBigUInt64LE(0)), handle: body.readBigUInt64LE(body.length - 16) }
}

test('only who was killed is let go from a flush, which goes on', async () => {
  const { kernel, go, send, interrupt, errnos } = waiting('flush')
  const { ino, handle } = await fileIn(kernel)
  const body = Buffer.alloc(FLUSH_IN.bytes)
  body.writeBigUInt64LE(handle)
  const served = send(OPCODE.FLUSH, ino, body)
  await interrupt()
  assert.deepEqual(errnos(), [])
  kernel.killed.add(THREAD)
  await interrupt()
  assert.deepEqual(errnos(), [EINTR])
  go()
  await served
  assert.deepEqual(errnos(), [EINTR])
})

test('who is killed without the kernel saying so is found', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { kernel, go, send, errnos } = waiting('flush')
  const { ino, handle } = await fileIn(kernel)
  const body = Buffer.alloc(FLUSH_IN.bytes)
  body.writeBigUInt64LE(handle)
  const served = send(OPCODE.FLUSH, ino, body)
  t.mock.timers.tick(LOOKED_AFTER_TWICE_MS)
  assert.deepEqual(errnos(), [])
  kernel.killed.add(THREAD)
  t.mock.timers.tick(LOOKED_AFTER_TWICE_MS)
  assert.deepEqual(errnos(), [EINTR])
  go()
  await served
  assert.deepEqual(errnos(), [EINTR])
})

test('a change of attributes, and a write, are answered with what has happened', async () => {
  const changing = waiting('setattr')
  const file = await fileIn(changing.kernel)
  const change = Buffer.alloc(SETATTR_IN.bytes)
  change.writeUInt32LE(FATTR.SIZE, SETATTR_IN.valid)
  change.writeBigUInt64LE(12_345n, SETATTR_IN.size)
  changing.kernel.killed.add(THREAD)
  const changed = changing.send(OPCODE.SETATTR, file.ino, change)
  await changing.interrupt()
  const { errno, body } = changing.kernel.answers.find(({ unique }) => unique === UNIQUE)!
  assert.equal(errno, 0)
  assert.equal(body.readBigUInt64LE(ATTR_OUT.attr + ATTR.size), 12_345n)

  const writing = waiting('write')
  const { ino, handle } = await fileIn(writing.kernel)
  const head = Buffer.alloc(WRITE_IN.bytes)
  head.writeBigUInt64LE(handle)
  head.writeUInt32LE(6, WRITE_IN.size)
  writing.kernel.killed.add(THREAD)
  const written = writing.send(OPCODE.WRITE, ino, names(head, 'hello'))
  await writing.interrupt()
  const answer = writing.kernel.answers.find(({ unique }) => unique === UNIQUE)!
  assert.equal(answer.body.readUInt32LE(WRITE_OUT.size), 6)
  changing.go()
  writing.go()
  await Promise.all([changed, written])
  assert.deepEqual([...changing.errnos(), ...writing.errnos()], [0, 0])
})

test('names that change after the answer are told to the kernel, and what was opened is closed', async () => {
  const renaming = waiting('rename')
  await fileIn(renaming.kernel)
  renaming.kernel.killed.add(THREAD)
  const head = Buffer.alloc(RENAME_IN.bytes)
  head.writeBigUInt64LE(BigInt(ROOT), RENAME_IN.newdir)
  const renamed = renaming.send(OPCODE.RENAME, ROOT, names(head, 'file', 'other'))
  await renaming.interrupt()
  assert.deepEqual(renaming.errnos(), [EINTR])
  assert.deepEqual(renaming.kernel.notices, [])
  renaming.go()
  await renamed
  assert.deepEqual(renaming.kernel.notices, [
    { parent: ROOT, name: 'file' },
    { parent: ROOT, name: 'other' },
  ])

  const making = waiting('create')
  making.kernel.killed.add(THREAD)
  const made = making.send(OPCODE.CREATE, ROOT, names(Buffer.alloc(CREATE_IN.bytes), 'new'))
  await making.interrupt()
  making.go()
  await made
  assert.deepEqual(making.errnos(), [EINTR])
  assert.deepEqual(making.kernel.notices, [{ parent: ROOT, name: 'new' }])
  assert.deepEqual(making.filesystem.outstanding, { inodes: 0, handles: 0 })
})
