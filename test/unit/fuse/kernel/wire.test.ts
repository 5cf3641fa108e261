/** Requests and answers of the kernel protocol, byte by byte as test/vectors/fuse-kernel.json has them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { encodeEntry, LASTING } from '../../../../src/fuse/kernel/attributes.ts'
import { Reply } from '../../../../src/fuse/kernel/reply.ts'
import { Request } from '../../../../src/fuse/kernel/request.ts'
import { ENTRY_OUT, IN_HEADER, SETATTR_IN, WRITE_IN } from '../../../../src/fuse/kernel/structs.ts'
import type { Attributes } from '../../../../src/vfs/operations.ts'

type Parts = [about: string, hex: string][]

const vectors = JSON.parse(readFileSync(new URL('../../../vectors/fuse-kernel.json', import.meta.url), 'utf8'))

function bytesOf(parts: Parts): Buffer {
  return Buffer.concat(parts.map(([, hex]) => Buffer.from(hex.replaceAll(' ', ''), 'hex')))
}

function requestOf(bytes: Buffer): Request {
  const request = new Request(4096)
  bytes.copy(request.buffer)
  assert(request.begin(bytes.length))
  return request
}

/** What of a request a vector may name. */
function read(request: Request): Record<string, unknown> {
  return {
    opcode: request.opcode,
    unique: request.unique,
    ino: request.ino,
    ...request.caller,
    get name() {
      return request.name(0)
    },
    get handle() {
      return request.handle(WRITE_IN.fh)
    },
    get offset() {
      return request.u64(WRITE_IN.offset)
    },
    get size() {
      return request.u32(WRITE_IN.size)
    },
    get data() {
      return request.bytes(WRITE_IN.bytes, request.u32(WRITE_IN.size)).toString()
    },
    get valid() {
      return request.u32(SETATTR_IN.valid)
    },
    get mtimeNs() {
      return String(request.time(SETATTR_IN.mtime, SETATTR_IN.mtimensec))
    },
    get ctimeNs() {
      return String(request.time(SETATTR_IN.ctime, SETATTR_IN.ctimensec))
    },
  }
}

for (const { name, parts, fields } of vectors.requests) {
  test(`a request is read as it was sent: ${name}`, () => {
    const seen = read(requestOf(bytesOf(parts)))
    for (const [field, value] of Object.entries(fields)) assert.deepEqual(seen[field], value, field)
  })
}

for (const { name, unique, attributes, parts } of vectors.answers) {
  test(`an answer is written as the kernel reads it: ${name}`, () => {
    const { atimeNs, mtimeNs, ctimeNs } = attributes
    const times = { atimeNs: BigInt(atimeNs), mtimeNs: BigInt(mtimeNs), ctimeNs: BigInt(ctimeNs) }
    const reply = new Reply(4096)
    reply.buffer.fill(0xff)
    encodeEntry(reply.begin(ENTRY_OUT.bytes), 0, { ...attributes, ...times } as Attributes, LASTING)
    assert.deepEqual(reply.buffer.subarray(0, reply.seal(unique)).toString('hex'), bytesOf(parts).toString('hex'))
  })
}

for (const { name, unique, error, parts } of vectors.errors) {
  test(`a refusal is written as the kernel reads it: ${name}`, () => {
    const reply = new Reply(4096)
    assert.deepEqual(reply.buffer.subarray(0, reply.begin(0).seal(unique, error)), bytesOf(parts))
  })
}

test('what says another length than it has is no request', () => {
  const request = new Request(4096)
  bytesOf(vectors.requests[0].parts).copy(request.buffer)
  assert.equal(request.begin(44), false)
  assert.equal(request.begin(IN_HEADER.bytes - 1), false)
  assert.equal(request.begin(0), false)
})

test('a name without an end, an empty one, one with a slash and the dots are refused', () => {
  for (const [bytes, kind] of [
    ['abc', 'invalid'],
    ['\0', 'invalid'],
    ['a/b\0', 'invalid'],
    ['.\0', 'invalid'],
    ['..\0', 'invalid'],
    [`${'x'.repeat(256)}\0`, 'name-too-long'],
  ] as const) {
    const header = Buffer.alloc(IN_HEADER.bytes)
    header.writeUInt32LE(IN_HEADER.bytes + bytes.length)
    assert.throws(() => requestOf(Buffer.concat([header, Buffer.from(bytes)])).name(0), { kind })
  }
})

test('a length that numbers cannot say is too large, and a position is where nothing is', () => {
  const bytes = bytesOf(vectors.requests[1].parts)
  bytes.fill(0xff, IN_HEADER.bytes + WRITE_IN.offset, IN_HEADER.bytes + WRITE_IN.offset + 8)
  assert.throws(() => requestOf(bytes).u64(WRITE_IN.offset), { kind: 'too-large' })
  assert.equal(requestOf(bytes).position(WRITE_IN.offset), Number.MAX_SAFE_INTEGER)
})

test('bytes beyond the end of a request are refused', () => {
  const request = requestOf(bytesOf(vectors.requests[1].parts))
  assert.equal(request.bytes(WRITE_IN.bytes, 5).toString(), 'hello')
  assert.throws(() => request.bytes(WRITE_IN.bytes, 6), { kind: 'invalid' })
})
