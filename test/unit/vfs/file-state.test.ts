/** Where a file's content is, as its attributes and its stub tell it, and bringing it back whole. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BlockRef, BlockSource, Cid, PlacedFile, ReplicaCounter, StubState } from '../../../src/dfs.ts'
import { DfsError } from '../../../src/errors.ts'
import { O } from '../../../src/posix/files.ts'
import { MemoryBlocks } from '../../../src/store/memory-blocks.ts'
import { describeState } from '../../../src/vfs/file-state.ts'
import { FolderFiles } from '../../../src/vfs/folder-files.ts'
import { ROOT_INO } from '../../../src/vfs/operations.ts'
import { CALLER, noise, TestFolder } from './support.ts'

const KIB = 1024
const MIB = 1024 * KIB
const NEVER = new AbortController().signal

/** Another device, which has what it was given. */
class OtherDevice implements BlockSource {
  readonly blocks = new Map<Cid, Buffer>()
  readonly asked: Cid[] = []

  fetch({ cid }: BlockRef) {
    this.asked.push(cid)
    const found = this.blocks.get(cid)
    const block =
      found === undefined ? Promise.reject(new DfsError('unreachable', 'nobody has it')) : Promise.resolve(found)
    block.catch(() => {})
    return { block, prefer: () => {}, release: () => {} }
  }

  /** Takes blocks over, and from the store away. */
  take(store: MemoryBlocks, cids: readonly Cid[]): void {
    for (const cid of cids) {
      const handle = store.open(cid)!
      this.blocks.set(cid, handle.read(0, handle.bytes))
      assert.ok(store.delete(cid))
    }
  }
}

class Counter implements ReplicaCounter {
  counted = 0
  readonly files: PlacedFile[] = []
  readonly cids: Cid[] = []

  async count(file: PlacedFile, blocks: AsyncIterable<Cid>) {
    this.files.push(file)
    for await (const cid of blocks) this.cids.push(cid)
    return { counted: this.counted, wanted: 2 }
  }
}

async function setUp() {
  const [store, source, replicas] = [new MemoryBlocks(), new OtherDevice(), new Counter()]
  const folder = await TestFolder.open({ store, source, replicas })
  return { folder, store, source, replicas, files: new FolderFiles(folder.services) }
}

async function write(folder: TestFolder, name: string, content: Buffer): Promise<void> {
  const { handle } = await folder.filesystem.create(ROOT_INO, name, 0o644, O.RDWR, CALLER)
  await folder.filesystem.write(handle, 0, content)
  await folder.filesystem.flush(handle)
  folder.filesystem.release(handle)
}

async function attribute(folder: TestFolder, path: string, name: string): Promise<string | undefined> {
  return (await folder.filesystem.getxattr(folder.lookup(path)!.ino, `user.dfs.${name}`))?.toString()
}

async function stubOf(files: FolderFiles, name: string): Promise<StubState> {
  for await (const stub of files.list(name)) return stub.load()
  throw new Error(`there is no ${name}`)
}

async function dataOf(files: FolderFiles, state: StubState): Promise<Cid[]> {
  const cids: Cid[] = []
  for await (const { cid } of files.dataBlocks(state)) cids.push(cid)
  return cids
}

async function allOf(store: MemoryBlocks): Promise<Cid[]> {
  const cids: Cid[] = []
  for await (const { cid } of store.list()) cids.push(cid)
  return cids
}

describe('the state of a file', () => {
  it('is replicated once others hold what is in its stub, and not before', async () => {
    const { folder, replicas, files } = await setUp()
    await using _ = folder
    replicas.counted = 1
    await write(folder, 'file', noise(200 * KIB))
    assert.equal(await attribute(folder, 'file', 'state'), 'local')
    assert.equal(await attribute(folder, 'file', 'replicas'), '0')
    await folder.checkpointer.run({ all: true })
    assert.equal(await attribute(folder, 'file', 'state'), 'replicated 1/2')
    assert.equal(await attribute(folder, 'file', 'replicas'), '1')
    assert.deepEqual(replicas.files.at(-1)?.folderId, folder.services.folderId)
    assert.equal(replicas.files.at(-1)?.path, 'file')
    assert.deepEqual(replicas.files.at(-1)?.state.fileId, (await stubOf(files, 'file')).fileId)
    replicas.counted = 0
    assert.equal(await attribute(folder, 'file', 'state'), 'local')
  })

  it('is evicted when something of it is not here, and says how much is', async () => {
    const { folder, store, source, files } = await setUp()
    await using _ = folder
    await write(folder, 'file', noise(200 * KIB))
    await folder.checkpointer.run({ all: true })
    assert.equal(await attribute(folder, 'file', 'local_bytes'), String(200 * KIB))
    const state = await stubOf(files, 'file')
    const [first, ...rest] = await dataOf(files, state)
    source.take(store, [first!])
    assert.equal(await attribute(folder, 'file', 'state'), 'evicted')
    assert.equal(await attribute(folder, 'file', 'local_bytes'), String(136 * KIB))
    source.take(store, rest)
    assert.equal(await attribute(folder, 'file', 'local_bytes'), '0')
    const told = await files.stateOf('file', state)
    assert.deepEqual([describeState(told), told.localBytes], ['evicted', 0])
    assert.deepEqual(source.asked, [], 'telling it fetches nothing')
  })

  it('counts for nothing where the nodes of the manifest are not here, which are not fetched for it', async () => {
    const { folder, store, source, replicas, files } = await setUp()
    await using _ = folder
    await write(folder, 'file', noise(5 * MIB))
    await folder.checkpointer.run({ all: true })
    const state = await stubOf(files, 'file')
    assert.equal(state.content.kind, 'ref')
    source.take(store, await allOf(store))
    await using cold = await TestFolder.open({ store, source, replicas, directory: folder.path })
    replicas.counted = 2
    const told = await new FolderFiles(cold.services).stateOf('file', state)
    assert.deepEqual(told, { localBytes: 0, isWhole: false, replicas: { counted: 0, wanted: 2 } })
    assert.deepEqual(source.asked, [])
  })

  it('of a file within its stub is known without blocks', async () => {
    const { folder, files } = await setUp()
    await using _ = folder
    await write(folder, 'small', noise(1000))
    await write(folder, 'empty', Buffer.alloc(0))
    await folder.checkpointer.run({ all: true })
    for (const [name, bytes] of [
      ['small', 1000],
      ['empty', 0],
    ] as const) {
      const { localBytes, isWhole } = await files.stateOf(name, await stubOf(files, name))
      assert.deepEqual([localBytes, isWhole], [bytes, true])
      assert.equal(await attribute(folder, name, 'local_bytes'), String(bytes))
    }
  })

  it('does not keep in memory what was read to tell it', async () => {
    const { folder, files } = await setUp()
    await using _ = folder
    await write(folder, 'file', noise(200 * KIB))
    await folder.checkpointer.run({ all: true })
    const inode = folder.inode('file')
    await attribute(folder, 'file', 'state')
    assert.equal(inode.file?.content, undefined)
    for await (const stub of files.list('file')) assert.equal(files.isDirty(stub), false)
  })
})

describe('hydrating', () => {
  it('brings back what is not here, and no more', async () => {
    const { folder, store, source, files } = await setUp()
    await using _ = folder
    const content = noise(3 * MIB)
    await write(folder, 'file', content)
    await folder.checkpointer.run({ all: true })
    const state = await stubOf(files, 'file')
    const data = await dataOf(files, state)
    source.take(store, data.slice(5))
    let known = 0
    const paced: number[] = []
    const fetched = await files.hydrate(state, {
      signal: NEVER,
      onBytes: (bytes) => (known += bytes),
      pace: (bytes) => void paced.push(bytes),
    })
    assert.deepEqual(source.asked, data.slice(5), 'in the order of the file')
    assert.equal(
      fetched,
      source.asked.reduce((sum, cid) => sum + source.blocks.get(cid)!.length, 0),
    )
    assert.equal(known, content.length)
    assert.equal(
      paced.reduce((sum, bytes) => sum + bytes),
      fetched,
    )
    assert.ok(data.every((cid) => store.has(cid)))
    assert.equal(await attribute(folder, 'file', 'local_bytes'), String(content.length))
    assert.deepEqual(await folder.read('file'), content)
    assert.equal(await files.hydrate(state, { signal: NEVER }), 0)
  })

  it('fails where nobody has a block, keeps what came, and can be done again', async () => {
    const { folder, store, source, files } = await setUp()
    await using _ = folder
    await write(folder, 'file', noise(MIB))
    await folder.checkpointer.run({ all: true })
    const state = await stubOf(files, 'file')
    const data = await dataOf(files, state)
    source.take(store, data)
    const lost = source.blocks.get(data[7]!)!
    source.blocks.delete(data[7]!)
    await assert.rejects(files.hydrate(state, { signal: NEVER }), { kind: 'unreachable' })
    assert.ok(data.slice(0, 7).every((cid) => store.has(cid)))
    assert.equal(await attribute(folder, 'file', 'state'), 'evicted')
    source.blocks.set(data[7]!, lost)
    await new Promise((resolve) => setTimeout(resolve, 300)) // As long as a failure stands.
    await files.hydrate(state, { signal: NEVER })
    assert.equal(await attribute(folder, 'file', 'state'), 'local')
  })

  it('ends when it is told to', async () => {
    const { folder, store, source, files } = await setUp()
    await using _ = folder
    await write(folder, 'file', noise(3 * MIB))
    await folder.checkpointer.run({ all: true })
    const state = await stubOf(files, 'file')
    source.take(store, await dataOf(files, state))
    const stopping = new AbortController()
    const onBytes = () => stopping.abort()
    await assert.rejects(files.hydrate(state, { signal: stopping.signal, onBytes }), { kind: 'aborted' })
    assert.ok(source.asked.length < source.blocks.size)
  })
})
