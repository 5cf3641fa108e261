/** Copies by reference: a file that only its stub speaks of is taken over as a whole, whatever else goes on. */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { Cid, Ino } from '../../../src/dfs.ts'
import { DfsError } from '../../../src/errors.ts'
import { O } from '../../../src/posix/files.ts'
import type { MemoryBlocks } from '../../../src/store/memory-blocks.ts'
import { ROOT_INO } from '../../../src/vfs/operations.ts'
import { replay } from '../../../src/vfs/replay.ts'
import { FaultyBlocks } from './faulty-blocks.ts'
import { CALLER, noise, TestFolder, temporaryDirectory } from './support.ts'

const KIB = 1024
const CONTENT = noise(1000 * KIB)

/** Blocks that nobody may look for while `isHidden`. */
class HiddenBlocks extends FaultyBlocks {
  isHidden = false

  override has(cid: Cid): boolean {
    assert.equal(this.isHidden, false, 'no block is looked for')
    return super.has(cid)
  }
}

/** A folder with a `source` that is stored, and an empty `target` that is open, until it is disposed of. */
async function copying() {
  const store = new HiddenBlocks()
  const directory = temporaryDirectory()
  const folder = await TestFolder.open({ directory, store })
  const { filesystem, checkpointer } = folder
  const create = (name: string) => filesystem.create(ROOT_INO, name, 0o644, O.RDWR, CALLER)
  const source = await create('source')
  await filesystem.write(source.handle, 0, CONTENT)
  await filesystem.flush(source.handle)
  await checkpointer.run()
  const target = await create('target')
  const at = (handle: number, offset = 0) => ({ handle, offset })
  return {
    store,
    folder,
    source: source.handle,
    target: target.handle,
    sourceIno: source.attributes.ino,
    targetIno: target.attributes.ino,
    copy: async (length = CONTENT.length) => filesystem.copyRange(at(source.handle), at(target.handle), length),
    resize: (ino: Ino, size: number) => filesystem.setattr(ino, { size }),
    /** The folder as it is found when the process is killed now. */
    reopen: async () => {
      const after = await TestFolder.open({ directory, store })
      await replay(after.services, { committer: after.committer, namespace: after.filesystem.names })
      return after
    },
    [Symbol.asyncDispose]: async () => {
      for (const { handle } of [source, target]) {
        await filesystem.flush(handle)
        filesystem.release(handle)
      }
      await folder[Symbol.asyncDispose]()
    },
  }
}

/** What each block was, for they are gone then. */
async function takeAll(store: MemoryBlocks): Promise<() => Promise<void>> {
  const taken: { cid: Cid; bytes: Buffer }[] = []
  for await (const { cid, bytes } of store.list()) {
    taken.push({ cid, bytes: store.open(cid)!.read(0, bytes) })
    assert.ok(store.delete(cid))
  }
  return async () => {
    for (const { cid, bytes } of taken) {
      await store.put({ cid, sealedBytes: bytes.length }, bytes)
      store.unpin(cid)
    }
  }
}

test('a file that is stored is copied without a look at its blocks, and takes as much space', async () => {
  await using place = await copying()
  place.store.isHidden = true
  assert.equal(await place.copy(Number.MAX_SAFE_INTEGER), CONTENT.length)
  place.store.isHidden = false
  const blocks = () => place.folder.lookup('target')!.blocks
  assert.equal(blocks(), CONTENT.length / 512)
  await using after = await place.reopen()
  assert.ok((await after.read('target')).equals(CONTENT), 'what was copied survives the process')
  await place.folder.checkpointer.run({ all: true })
  assert.equal(blocks(), CONTENT.length / 512)
  assert.ok((await place.folder.read('target')).equals(CONTENT))
  assert.ok((await place.folder.read('source')).equals(CONTENT))
})

test('what is on other devices is copied all the same, and can be stored', async () => {
  await using place = await copying()
  const bringBack = await takeAll(place.store.real)
  assert.equal(await place.copy(), CONTENT.length)
  await place.folder.filesystem.fsync(place.target, false)
  await using after = await place.reopen()
  assert.equal(after.lookup('target')!.size, CONTENT.length)
  await place.folder.checkpointer.run({ all: true })
  assert.ok(place.folder.services.journal.empty)
  await bringBack()
  assert.ok((await place.folder.read('target')).equals(CONTENT))
  assert.ok((await after.read('target')).equals(CONTENT))
})

const CHANGES = {
  'written to': async ({ folder, source }) => void (await folder.filesystem.write(source, 5000, noise(9000, 2))),
  cut: async ({ resize, sourceIno }) => void (await resize(sourceIno, 64 * KIB * 3)),
  'cut, and made longer again': async ({ resize, sourceIno }) => {
    await resize(sourceIno, 64 * KIB * 3)
    await resize(sourceIno, CONTENT.length)
  },
  'made longer': async ({ resize, sourceIno }) => void (await resize(sourceIno, CONTENT.length + 300 * KIB)),
  'given a hole': async ({ folder, source }) => void (await folder.filesystem.allocate(source, 3, 64 * KIB, 64 * KIB)),
} satisfies Record<string, (place: Awaited<ReturnType<typeof copying>>) => Promise<void>>

for (const [how, change] of Object.entries(CHANGES)) {
  test(`a source that was ${how} since it was stored is copied as it is now`, async () => {
    await using place = await copying()
    await change(place)
    const content = await place.folder.read('source')
    for (let done = 0; done < content.length; ) {
      const at = (handle: number) => ({ handle, offset: done })
      done += await place.folder.filesystem.copyRange(at(place.source), at(place.target), content.length - done)
    }
    assert.ok((await place.folder.read('target')).equals(content))
    await place.folder.filesystem.flush(place.target)
    await using after = await place.reopen()
    assert.ok((await after.read('target')).equals(content))
    await place.folder.checkpointer.run({ all: true })
    assert.ok((await place.folder.read('target')).equals(content))
  })
}

test('a copy can be cut, made longer and written to', async () => {
  await using place = await copying()
  await place.copy()
  await place.resize(place.targetIno, 100 * KIB)
  await place.resize(place.targetIno, 700 * KIB)
  await place.folder.filesystem.write(place.target, 300 * KIB, noise(5000, 3))
  await place.folder.filesystem.flush(place.target)
  const content = Buffer.alloc(700 * KIB)
  CONTENT.copy(content, 0, 0, 100 * KIB)
  noise(5000, 3).copy(content, 300 * KIB)
  await using after = await place.reopen()
  assert.ok((await after.read('target')).equals(content))
  await place.folder.checkpointer.run({ all: true })
  assert.ok((await place.folder.read('target')).equals(content))
})

test('a collection that is under way when a file is copied takes none of its blocks', async () => {
  await using place = await copying()
  const store = place.store.real
  using sweep = store.beginSweep()
  await place.copy()
  await place.folder.filesystem.unlink(ROOT_INO, 'source')
  for await (const { cid } of store.list()) sweep.delete(cid)
  assert.ok((await place.folder.read('target')).equals(CONTENT))
})

test('a target that is being stored, or has lost its name, is copied to chunk by chunk', async () => {
  await using place = await copying()
  await place.folder.filesystem.write(place.target, 0, noise(200 * KIB, 4))
  await place.folder.filesystem.flush(place.target)
  await place.resize(place.targetIno, 0)
  await place.folder.filesystem.flush(place.target)
  let release = () => {}
  place.store.gate = new Promise((resolve) => {
    release = resolve
  })
  const checkpoint = place.folder.checkpointer.run()
  await place.copy()
  release()
  await checkpoint
  assert.ok((await place.folder.read('target')).equals(CONTENT))
  await place.folder.checkpointer.run({ all: true })
  assert.ok((await place.folder.read('target')).equals(CONTENT))
  await place.resize(place.targetIno, 0)
  await place.folder.filesystem.unlink(ROOT_INO, 'target')
  assert.equal(await place.copy(), CONTENT.length)
  const found = Buffer.alloc(CONTENT.length)
  await place.folder.filesystem.read(place.target, 0, found)
  assert.ok(found.equals(CONTENT))
})

test('a copy for which there is no room in the journal leaves an empty file', async (context) => {
  await using place = await copying()
  const append = context.mock.method(place.folder.services.journal, 'append', () => {
    throw new DfsError('no-space', 'the disk is full')
  })
  await assert.rejects(() => place.copy(), { kind: 'no-space' })
  assert.equal(place.folder.lookup('target')!.size, 0)
  append.mock.restore()
  await place.folder.checkpointer.run({ all: true })
  assert.equal((await place.folder.read('target')).length, 0)
  assert.equal(await place.copy(), CONTENT.length)
  assert.ok((await place.folder.read('target')).equals(CONTENT))
})
