import assert from 'node:assert/strict'
import { linkSync, mkdirSync, renameSync, truncateSync, unlinkSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { Slices } from '../../../src/concurrency/slices.ts'
import { DfsError } from '../../../src/errors.ts'
import { FolderTree } from '../../../src/sync/folder-tree.ts'
import { ROOT_INO } from '../../../src/vfs/operations.ts'
import { Random } from '../../support/random.ts'
import { CALLER, noise, TestFolder } from '../vfs/support.ts'
import { headOf } from './folder-heads.ts'
import { change, write } from './random-changes.ts'
import { entriesOf, KEYS, MemoryNodes } from './support.ts'

const NEVER = new AbortController().signal

/** The tree of a folder, which hears what the folder tells. */
function treeOf(folder: TestFolder, { settle = () => folder.checkpointer.run() } = {}): FolderTree {
  const source = { directoryFd: folder.services.tree.rootFd, settle }
  const tree = new FolderTree(source, { keys: KEYS, state: undefined })
  folder.services.changes.listen((change) => tree.note(change))
  return tree
}

function update(tree: FolderTree, nodes: MemoryNodes, signal = NEVER): Promise<void> {
  return tree.update({ nodes, slices: new Slices(), signal })
}

/** The tree is the one that a walk of the whole folder gives. */
async function assertIsWhole(folder: TestFolder, tree: FolderTree, nodes: MemoryNodes): Promise<void> {
  const { root } = await headOf(folder.path, nodes)
  if (tree.state!.root.ref.cid !== root.ref.cid) {
    assert.deepEqual(await entriesOf(tree.state!.root, nodes), await entriesOf(root, nodes))
  }
  assert.deepEqual(tree.state!.root, root)
}

test('a tree follows its folder: after any changes it is the one that a walk gives', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const random = new Random(seed)
      const nodes = new MemoryNodes()
      await using folder = await TestFolder.open()
      for (let changes = random.below(30); changes > 0; changes--) await change(folder, random)
      const tree = treeOf(folder)
      for (let round = 0; round < 6; round++) {
        await update(tree, nodes)
        await assertIsWhole(folder, tree, nodes)
        for (let changes = random.below(12); changes >= 0; changes--) await change(folder, random)
      }
    }),
    { numRuns: Number(process.env.DFS_TREE_RUNS ?? 40) },
  )
})

test('what changes while a folder is walked is in the tree after the next time', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const random = new Random(seed)
      const nodes = new MemoryNodes()
      await using folder = await TestFolder.open()
      for (let changes = 40; changes > 0; changes--) await change(folder, random)
      const tree = treeOf(folder)
      const slices = new Slices()
      let left = 15
      slices.next = async () => {
        if (left-- > 0) await change(folder, random)
      }
      await tree.update({ nodes, slices, signal: NEVER })
      await update(tree, nodes)
      await assertIsWhole(folder, tree, nodes)
    }),
    { numRuns: 20 },
  )
})

test('what somebody did below the mount is found with what is changed beside it', async () => {
  const nodes = new MemoryNodes()
  await using folder = await TestFolder.open()
  const inner = folder.filesystem.mkdir(ROOT_INO, 'dir', 0o755, CALLER).ino
  await write(folder, inner, 'moved', noise(100))
  const tree = treeOf(folder)
  await update(tree, nodes)
  mkdirSync(path.join(folder.path, 'new/newer'), { recursive: true })
  renameSync(path.join(folder.path, 'dir/moved.f'), path.join(folder.path, 'new/moved.f'))
  await write(folder, folder.lookup('new/newer')!.ino, 'file', noise(100))
  await update(tree, nodes)
  const paths = (await entriesOf(tree.state!.root, nodes)).map((entry) => entry.path)
  assert.deepEqual(paths, ['', 'dir', 'dir/moved', 'new', 'new/moved', 'new/newer', 'new/newer/file'])
  await folder.filesystem.setattr(inner, { mode: 0o700 })
  folder.services.changes.name(folder.services.table.root, 'dir', true)
  await update(tree, nodes)
  await assertIsWhole(folder, tree, nodes)
})

test('all names of a file change with it, also those that nobody looked up', async () => {
  const nodes = new MemoryNodes()
  await using folder = await TestFolder.open()
  const ino = await write(folder, ROOT_INO, 'known', noise(100))
  await folder.checkpointer.run()
  mkdirSync(path.join(folder.path, 'dir'))
  linkSync(path.join(folder.path, 'known.f'), path.join(folder.path, 'dir/other.f'))
  const tree = treeOf(folder)
  await update(tree, nodes)
  await folder.filesystem.setattr(ino, { mode: 0o600 })
  await update(tree, nodes)
  await assertIsWhole(folder, tree, nodes)
  // Open, and without a name that is known.
  const handle = await folder.filesystem.open(ino, 2)
  await folder.filesystem.unlink(ROOT_INO, 'known')
  await update(tree, nodes)
  await folder.filesystem.write(handle, 0, noise(200))
  await folder.filesystem.flush(handle)
  await update(tree, nodes)
  await assertIsWhole(folder, tree, nodes)
  folder.filesystem.release(handle)
})

test('a folder that cannot be read keeps its tree, and is looked at again', async () => {
  const nodes = new MemoryNodes()
  await using folder = await TestFolder.open()
  await write(folder, ROOT_INO, 'a', noise(100))
  let failure: DfsError | undefined
  const settle = async () => {
    if (failure !== undefined) throw failure
    await folder.checkpointer.run()
  }
  const tree = treeOf(folder, { settle })
  await update(tree, nodes)
  const before = tree.state
  await write(folder, ROOT_INO, 'b', noise(100))
  failure = new DfsError('io', 'the disk is gone')
  await assert.rejects(update(tree, nodes), { kind: 'io' })
  failure = undefined
  await assert.rejects(update(tree, nodes, AbortSignal.abort(new DfsError('aborted', 'enough'))), { kind: 'aborted' })
  assert.deepEqual(tree.state, before)
  assert(tree.isDirty)
  await update(tree, nodes)
  await assertIsWhole(folder, tree, nodes)
})

test('a stub that is damaged keeps the entry it had', async () => {
  const nodes = new MemoryNodes()
  await using folder = await TestFolder.open()
  await write(folder, ROOT_INO, 'a', noise(100))
  const tree = treeOf(folder)
  await update(tree, nodes)
  const before = await entriesOf(tree.state!.root, nodes)
  const stub = path.join(folder.path, 'a.f')
  truncateSync(stub, 300)
  tree.note({ path: 'a', isTree: false })
  await update(tree, nodes)
  assert.deepEqual(await entriesOf(tree.state!.root, nodes), before)
  tree.forget()
  await update(tree, nodes)
  assert.deepEqual([await entriesOf(tree.state!.root, nodes), tree.state!.leftOut], [before, 1])
  unlinkSync(stub)
  tree.note({ path: 'a', isTree: false })
  await update(tree, nodes)
  assert.equal((await entriesOf(tree.state!.root, nodes)).length, 1)
})

test('a tree that cannot be read is made whole again', async () => {
  const nodes = new MemoryNodes()
  await using folder = await TestFolder.open()
  await write(folder, ROOT_INO, 'a', noise(100))
  const tree = treeOf(folder)
  await update(tree, nodes)
  nodes.blocks.clear()
  await write(folder, ROOT_INO, 'b', noise(100))
  await assert.rejects(update(tree, nodes), { kind: 'unreachable' })
  await update(tree, nodes)
  await assertIsWhole(folder, tree, nodes)
})

test('too many changes are a new walk, and one change costs a few nodes', async () => {
  const nodes = new MemoryNodes()
  await using folder = await TestFolder.open()
  for (let i = 0; i < 400; i++) await write(folder, ROOT_INO, `file ${i}`, noise(900, i))
  const tree = treeOf(folder)
  await update(tree, nodes)
  nodes.forget()
  await write(folder, ROOT_INO, 'one more', noise(900))
  await update(tree, nodes)
  await assertIsWhole(folder, tree, nodes)
  for (let i = 0; i < 200_001; i++) tree.note({ path: `nothing ${i}`, isTree: false })
  await update(tree, nodes)
  await assertIsWhole(folder, tree, nodes)
})
