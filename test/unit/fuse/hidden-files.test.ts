import assert from 'node:assert/strict'
import test from 'node:test'
import { HeldInodes } from '../../../src/fuse/fuse-native/held-inodes.ts'
import { HiddenFiles } from '../../../src/fuse/fuse-native/hidden-files.ts'
import { ROOT_INO } from '../../../src/vfs/operations.ts'
import { MemoryFilesystem } from '../../e2e/support/memory-filesystem.ts'

const HIDDEN = '/dir/.fuse_hidden0000000200000001'
const THREAD = {}
const OTHER_THREAD = {}

/** A table in which /dir/file was just hidden, and the list of the names that were removed. */
function hideOne(): { hidden: HiddenFiles; removed: string[] } {
  const removed: string[] = []
  const hidden = new HiddenFiles(new HeldInodes(new MemoryFilesystem()))
  const remove = (): void => void removed.push('/dir/file')
  hidden.hide({ thread: THREAD, path: '/dir/file', hiddenPath: HIDDEN, ino: ROOT_INO, remove })
  return { hidden, removed }
}

test('a name is removed before anything that shows it', async () => {
  for (const path of ['/', '/dir', '/dir/file', HIDDEN]) {
    const { hidden, removed } = hideOne()
    await hidden.settleBefore(OTHER_THREAD, path)
    assert.deepEqual(removed, ['/dir/file'], path)
  }
})

test('a name is removed before the next request of the thread that hid it', async () => {
  const { hidden, removed } = hideOne()
  await hidden.settleBefore(THREAD, '/elsewhere')
  assert.deepEqual(removed, ['/dir/file'])
})

test('a rename over the hidden file leaves the replacing to the file system', async () => {
  const { hidden, removed } = hideOne()
  await hidden.settleBefore(OTHER_THREAD, '/elsewhere')
  assert.equal(hidden.claimReplacement(THREAD, '/dir/file'), true)
  await hidden.settle()
  assert.deepEqual(removed, [])
  assert.equal(hidden.find(HIDDEN), ROOT_INO)
})

test('a rename to another name, or by another thread, claims nothing', () => {
  const { hidden } = hideOne()
  assert.equal(hidden.claimReplacement(THREAD, '/dir/other'), false)
  assert.equal(hidden.claimReplacement(OTHER_THREAD, '/dir/file'), false)
})

test('the hidden path follows its directory, and goes with the last handle', async () => {
  const { hidden } = hideOne()
  await hidden.settle()
  hidden.move('/dir', '/moved')
  assert.equal(hidden.find(HIDDEN), undefined)
  assert.equal(hidden.find('/moved/.fuse_hidden0000000200000001'), ROOT_INO)
  hidden.dropInode(ROOT_INO)
  assert.equal(hidden.find('/moved/.fuse_hidden0000000200000001'), undefined)
})
