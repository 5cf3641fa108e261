/**
 * Whatever the bytes of a request, it gets one answer, of a length that the kernel takes, and nothing is thrown or kept.
 * DFS_FUZZ_COUNT says how many requests are made, DFS_FUZZ_SEED repeats them.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import { OPCODE } from '../../../../src/fuse/kernel/protocol.ts'
import type { FilesystemOperations } from '../../../../src/vfs/operations.ts'
import { MemoryFilesystem } from '../../../e2e/support/memory-filesystem.ts'
import { type FuzzedRequest, KernelRequests, wrongLength } from '../../../fuzz/kernel-requests.ts'
import { Random, seedFrom } from '../../../support/random.ts'
import { TestFolder } from '../../vfs/support.ts'
import { FakeKernel, message } from './support.ts'

const COUNT = Number(process.env.DFS_FUZZ_COUNT ?? 20_000)
const SILENT: readonly number[] = [OPCODE.FORGET, OPCODE.BATCH_FORGET, OPCODE.INTERRUPT]

test('spoilt requests to a file system in memory are answered, once each and as long as they must be', async () => {
  const filesystem = new MemoryFilesystem()
  await fuzz(filesystem)
  assert.deepEqual(filesystem.outstanding, { inodes: 0, handles: 0 })
})

test('spoilt requests to a folder are, and leave nothing open and nothing looked up', async () => {
  await using folder = await TestFolder.open()
  const { table } = folder.services
  const before = table.size
  await fuzz(folder.filesystem)
  assert.equal(folder.filesystem.openHandles, 0)
  await folder.checkpointer.run({ all: true })
  assert.equal(table.size, before)
})

async function fuzz(filesystem: FilesystemOperations): Promise<void> {
  const seed = seedFrom('DFS_FUZZ_SEED')
  const requests = new KernelRequests(new Random(seed))
  const kernel = new FakeKernel(filesystem)
  for (let unique = 1; unique <= COUNT; unique++) {
    const request = requests.next()
    kernel.answers.length = 0
    await kernel.send(message(request.opcode, unique, request.ino, request.body))
    check(kernel, requests, request, { seed, unique })
  }
  await kernel.account.settle()
}

function check(
  kernel: FakeKernel,
  requests: KernelRequests,
  request: FuzzedRequest,
  { seed, unique }: { seed: number; unique: number },
): void {
  const { opcode, ino, body } = request
  const what = `DFS_FUZZ_SEED=${seed}, request ${unique}, opcode ${opcode}, inode ${ino}, ${body.toString('hex')}`
  const answered = kernel.answers.map((answer) => answer.unique)
  assert.deepEqual(answered, SILENT.includes(opcode) ? [] : [unique], what)
  assert.deepEqual(kernel.faults, [], what)
  const [answer] = kernel.answers
  if (answer === undefined) return
  assert.equal(wrongLength(request, answer.errno, answer.body.length), undefined, what)
  if (answer.errno === 0) requests.learn(opcode, answer.body)
}
