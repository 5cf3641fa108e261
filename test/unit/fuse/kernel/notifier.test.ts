/** What the kernel is told unasked, as bytes, and how it is told by kernels of before. */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { Ino } from '../../../../src/dfs.ts'
import { DfsError } from '../../../../src/errors.ts'
import { Notifier } from '../../../../src/fuse/kernel/notifier.ts'

const ROOT = 1 as Ino
const objects = Array.from({ length: 1001 }, (_, index) => ({
  ino: (0x1_0000_0000 + index) as Ino,
  names: [{ parent: ROOT, name: `f${index}` }],
}))

function codeOf(notice: Buffer): number {
  return notice.readInt32LE(4)
}

test('objects are dropped a thousand at a time by their numbers', async () => {
  const notices: Buffer[] = []
  const notifier = new Notifier(-1, async (_fd, bytes) => void notices.push(Buffer.from(bytes)))
  await notifier.drop(objects)
  assert.deepEqual(notices.map(codeOf), [9, 9])
  assert.equal(
    notices[1]!.toString('hex').match(/../g)!.join(' '),
    '28 00 00 00 09 00 00 00 00 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 e8 03 00 00 01 00 00 00',
  )
  assert.equal(notices[0]!.length, 16 + 16 + 8 * 1000)
})

test('a kernel that does not know that is told of each name, and not asked again', async () => {
  const notices: Buffer[] = []
  const notifier = new Notifier(-1, async (_fd, bytes) => {
    notices.push(Buffer.from(bytes))
    if (codeOf(bytes) === 9) throw new DfsError('invalid', 'EINVAL')
  })
  await notifier.drop(objects)
  await notifier.drop(objects.slice(0, 1))
  await notifier.flushPages(ROOT)
  assert.deepEqual(notices.map(codeOf), [9, ...Array(1002).fill(3), 2])
  assert.equal(notices[1]!.subarray(32).toString(), 'f0\0')
})
