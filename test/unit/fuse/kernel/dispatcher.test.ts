/** Serving requests without a kernel: one answer each, and nothing kept that the kernel was not given. */
import assert from 'node:assert/strict'
import { constants as open } from 'node:fs'
import { constants } from 'node:os'
import test from 'node:test'
import type { Ino } from '../../../../src/dfs.ts'
import { settle } from '../../../../src/fuse/kernel/negotiation.ts'
import { MAJOR, OPCODE, WRITE_KILL_SUIDGID } from '../../../../src/fuse/kernel/protocol.ts'
import {
  ATTR,
  CREATE_IN,
  ENTRY_OUT,
  MKDIR_IN,
  OPEN_IN,
  READ_IN,
  WRITE_IN,
  WRITE_OUT,
} from '../../../../src/fuse/kernel/structs.ts'
import { ROOT_INO } from '../../../../src/vfs/operations.ts'
import { MemoryFilesystem } from '../../../e2e/support/memory-filesystem.ts'
import { FakeKernel, message } from './support.ts'

const { ENOENT, ENOSYS, EINVAL, EINTR } = constants.errno
const { O_RDWR, O_CREAT, O_TRUNC } = open
const ROOT = 1
const CALLER = { uid: 0, gid: 0, pid: 1 }
const NOTHING = { inodes: 0, handles: 0 }

function text(...names: string[]): Buffer {
  return Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1')
}

function make(name: string): Buffer {
  const head = Buffer.alloc(MKDIR_IN.bytes)
  head.writeUInt32LE(0o755, MKDIR_IN.mode)
  return Buffer.concat([head, text(name)])
}

function create(name: string, flags = 0): Buffer {
  const head = Buffer.alloc(CREATE_IN.bytes)
  head.writeUInt32LE(O_RDWR | O_CREAT | flags, CREATE_IN.flags)
  head.writeUInt32LE(0o100644, CREATE_IN.mode)
  return Buffer.concat([head, text(name)])
}

test('lookups that the kernel did not take are taken back', async () => {
  const filesystem = new MemoryFilesystem()
  const kernel = new FakeKernel(filesystem)
  assert.equal((await kernel.ask('MKDIR', ROOT, make('dir')))?.errno, 0)
  assert.equal(filesystem.outstanding.inodes, 1)
  await kernel.account.settle()
  kernel.refusal = ENOENT
  await kernel.ask('LOOKUP', ROOT, text('dir'))
  await kernel.ask('CREATE', ROOT, create('file'))
  await kernel.ask('MKDIR', ROOT, make('other'))
  assert.deepEqual(filesystem.outstanding, NOTHING)
})

test('a write that is answered later needs nothing of its request any more', async () => {
  const filesystem = new MemoryFilesystem()
  const write = filesystem.write.bind(filesystem)
  const { promise, resolve } = Promise.withResolvers<void>()
  const late = Object.assign(filesystem, {
    write: async (...written: Parameters<typeof write>) => {
      const bytes = write(...written)
      await promise
      return bytes
    },
  })
  const { attributes, handle } = await filesystem.create(ROOT as Ino, 'file', 0o4755, O_RDWR, CALLER)
  const body = Buffer.alloc(WRITE_IN.bytes + 5)
  body.writeBigUInt64LE(BigInt(handle), WRITE_IN.fh)
  body.writeUInt32LE(5, WRITE_IN.size)
  body.writeUInt32LE(WRITE_KILL_SUIDGID, WRITE_IN.writeFlags)
  body.write('hello', WRITE_IN.bytes)
  const asked = new FakeKernel(late).ask('WRITE', attributes.ino, body)
  resolve()
  const answer = await asked
  assert.deepEqual([answer?.errno, answer?.body.readUInt32LE(WRITE_OUT.size)], [0, 5])
  const found = Buffer.alloc(5)
  await filesystem.read(handle, 0, found)
  assert.equal(found.toString(), 'hello')
  assert.equal((await filesystem.getattr(attributes.ino)).mode & 0o7777, 0o755)
})

test('a file that is there where the kernel makes one, and is cut to nothing by that, is shown as nothing', async () => {
  const filesystem = new MemoryFilesystem()
  const kernel = new FakeKernel(filesystem)
  await kernel.ask('CREATE', ROOT, create('file'))
  const ino = filesystem.lookup(ROOT_INO, 'file')!.ino
  filesystem.setattr(ino, { size: 1000 })
  const answer = await kernel.ask('CREATE', ROOT, create('file', O_TRUNC))
  assert.equal(answer!.body.readBigUInt64LE(ENTRY_OUT.attr + ATTR.size), 0n)
})

test('entries of a listing that the kernel did not take are taken back', async () => {
  const filesystem = new MemoryFilesystem()
  const kernel = new FakeKernel(filesystem)
  for (const name of ['a', 'b', 'c']) await kernel.ask('MKDIR', ROOT, make(name))
  await kernel.account.settle()
  const handle = (await kernel.ask('OPENDIR', ROOT, Buffer.alloc(OPEN_IN.bytes)))!.body.readBigUInt64LE(0)
  const read = Buffer.alloc(READ_IN.bytes)
  read.writeBigUInt64LE(handle, READ_IN.fh)
  read.writeUInt32LE(4096, READ_IN.size)
  kernel.refusal = ENOENT
  await kernel.ask('READDIRPLUS', ROOT, read)
  assert.deepEqual(filesystem.outstanding, { inodes: 0, handles: 1 })
  kernel.refusal = 0
  await kernel.ask('READDIRPLUS', ROOT, read)
  assert.deepEqual(filesystem.outstanding, { inodes: 3, handles: 1 })
  await kernel.account.settle()
  assert.deepEqual(filesystem.outstanding, NOTHING)
})

test('a listing of entries counts only those that fit, and neither dot', async () => {
  const filesystem = new MemoryFilesystem()
  const kernel = new FakeKernel(filesystem)
  for (const name of ['a', 'b', 'c']) await kernel.ask('MKDIR', ROOT, make(name))
  await kernel.account.settle()
  const handle = (await kernel.ask('OPENDIR', ROOT, Buffer.alloc(OPEN_IN.bytes)))!.body.readBigUInt64LE(0)
  const read = Buffer.alloc(READ_IN.bytes)
  read.writeBigUInt64LE(handle, READ_IN.fh)
  // An entry takes 160 bytes: both dots and one name.
  read.writeUInt32LE(3 * 160 + 159, READ_IN.size)
  assert.equal((await kernel.ask('READDIRPLUS', ROOT, read))?.body.length, 3 * 160)
  assert.equal(filesystem.outstanding.inodes, 1)
})

test('a request of an unknown kind is answered with ENOSYS, one that is too short with EINVAL', async () => {
  const kernel = new FakeKernel(new MemoryFilesystem())
  assert.equal((await kernel.ask(4711, ROOT, Buffer.alloc(8)))?.errno, ENOSYS)
  assert.equal((await kernel.ask('GETATTR', ROOT, Buffer.alloc(4)))?.errno, EINVAL)
})

test('a read that waits is answered with EINTR when it is interrupted, once', async () => {
  const filesystem = new MemoryFilesystem()
  const waiting = Promise.withResolvers<number>()
  filesystem.read = (() => waiting.promise) as unknown as typeof filesystem.read
  const kernel = new FakeKernel(filesystem)
  const read = kernel.send(message(OPCODE.READ, 10, ROOT, Buffer.alloc(READ_IN.bytes)))
  const which = Buffer.alloc(8)
  which.writeBigUInt64LE(10n)
  await kernel.send(message(OPCODE.INTERRUPT, 11, 0, which))
  await kernel.send(message(OPCODE.INTERRUPT, 11, 0, which))
  waiting.resolve(0)
  await read
  assert.deepEqual(
    kernel.answers.map(({ unique, errno }) => ({ unique, errno })),
    [{ unique: 10, errno: EINTR }],
  )
})

test('a kernel that speaks an older protocol is refused, a newer one is met half-way', () => {
  assert.throws(() => settle({ major: MAJOR, minor: 30, maxReadahead: 0, flags: 0 }, { acls: false }), {
    kind: 'unsupported',
  })
  assert.equal(settle({ major: MAJOR, minor: 99, maxReadahead: 0, flags: 0 }, { acls: false }).minor, 45)
  assert.equal(settle({ major: MAJOR, minor: 31, maxReadahead: 0, flags: 0 }, { acls: false }).flags, 0)
})
