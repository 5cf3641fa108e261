/** Holes cost nothing: not to find their end, not to make what is one already. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { O } from '../../../src/posix/files.ts'
import { type Awaitable, ROOT_INO } from '../../../src/vfs/operations.ts'
import { CALLER, noise, TestFolder } from './support.ts'

const KIB = 1024
const TIB = 1024 ** 4
const PETABYTES = 8 * 1024 * TIB - 1
const PUNCH = 3

async function open(folder: TestFolder): Promise<{ handle: number; size: (bytes: number) => Awaitable<unknown> }> {
  const { attributes, handle } = await folder.filesystem.create(ROOT_INO, 'file', 0o644, O.RDWR, CALLER)
  return { handle, size: (bytes) => folder.filesystem.setattr(attributes.ino, { size: bytes }) }
}

for (const where of ['in memory', 'in blocks'] as const)
  test(`what little data there is in a file of petabytes is found, also ${where}`, async () => {
    await using folder = await TestFolder.open()
    const { filesystem } = folder
    const { handle, size } = await open(folder)
    await size(PETABYTES)
    for (const at of [2 * TIB, 2 * TIB + 1024 * KIB, 4000 * TIB]) await filesystem.write(handle, at, noise(10))
    await filesystem.flush(handle)
    if (where === 'in blocks') await folder.checkpointer.run({ all: true })
    const find = (offset: number, what: 'data' | 'hole') => filesystem.seek(handle, offset, what)
    assert.equal(await find(0, 'data'), 2 * TIB)
    assert.equal(await find(2 * TIB, 'hole'), 2 * TIB + 2048 * KIB)
    assert.equal(await find(3 * TIB, 'data'), 4000 * TIB)
    assert.equal(await find(4001 * TIB, 'hole'), 4001 * TIB)
    await assert.rejects(async () => find(4001 * TIB, 'data'), { kind: 'past-end' })
    filesystem.release(handle)
  })

test('a file that would be longer than can be said to the byte is refused', async () => {
  await using folder = await TestFolder.open()
  const { filesystem } = folder
  const { handle, size } = await open(folder)
  await size(Number.MAX_SAFE_INTEGER)
  const end = Number.MAX_SAFE_INTEGER - 10
  await assert.rejects(async () => filesystem.allocate(handle, 0, end, 11), { kind: 'too-large' })
  await assert.rejects(async () => filesystem.write(handle, end, noise(11)), { kind: 'too-large' })
  await filesystem.write(handle, end, noise(10))
  await filesystem.flush(handle)
  filesystem.release(handle)
})

test('a range of petabytes is punched where there is something in it, and nothing else is noted', async () => {
  await using folder = await TestFolder.open()
  const { filesystem } = folder
  const { handle, size } = await open(folder)
  await size(PETABYTES)
  await filesystem.write(handle, 2 * TIB, noise(200 * KIB))
  await filesystem.flush(handle)
  await folder.checkpointer.run({ all: true })
  const before = folder.services.journal.bytes
  await filesystem.allocate(handle, PUNCH, 2 * TIB + 100 * KIB, 3000 * TIB)
  await filesystem.flush(handle)
  assert.ok(folder.services.journal.bytes - before < 2048 * KIB)
  const into = Buffer.alloc(200 * KIB, 1)
  await filesystem.read(handle, 2 * TIB, into)
  assert.ok(into.equals(Buffer.concat([noise(200 * KIB).subarray(0, 100 * KIB), Buffer.alloc(100 * KIB)])))
  filesystem.release(handle)
})
