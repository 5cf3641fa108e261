import assert from 'node:assert/strict'
import { linkSync, rmSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import type { Ino } from '../../../src/dfs.ts'

import { O } from '../../../src/posix/files.ts'
import { Background } from '../../../src/vfs/background.ts'
import { ROOT_INO } from '../../../src/vfs/operations.ts'
import { replay } from '../../../src/vfs/replay.ts'
import { FaultyBlocks } from './faulty-blocks.ts'
import { CALLER, noise, TestFolder, type TestFolderOptions, temporaryDirectory } from './support.ts'

const KIB = 1024
const MIB = 1024 * KIB
const PIECE = 128 * KIB

async function create(folder: TestFolder, name: string): Promise<{ ino: Ino; handle: number }> {
  const { attributes, handle } = await folder.filesystem.create(ROOT_INO, name, 0o644, O.RDWR, CALLER)
  return { ino: attributes.ino, handle }
}

async function close(folder: TestFolder, handle: number): Promise<void> {
  await folder.filesystem.flush(handle)
  folder.filesystem.release(handle)
}

async function make(folder: TestFolder, name: string, content: Buffer): Promise<Ino> {
  const { ino, handle } = await create(folder, name)
  await folder.filesystem.write(handle, 0, content)
  await close(folder, handle)
  return ino
}

/** The folder as it is found after its process was killed. */
async function reopen(options: TestFolderOptions): Promise<TestFolder> {
  const folder = await TestFolder.open(options)
  await replay(folder.services, { committer: folder.committer, namespace: folder.filesystem.names })
  return folder
}

test('what cannot be stored is said at the next flush, once, and goes through when there is room', async () => {
  const options = { directory: temporaryDirectory(), store: new FaultyBlocks() }
  const content = noise(300 * KIB)
  {
    await using folder = await TestFolder.open(options)
    const { handle } = await create(folder, 'file')
    options.store.isFull = true
    await folder.filesystem.write(handle, 0, content)
    await Promise.all(folder.committer.sealing)
    // Small enough for the journal: nothing is lost, so nothing is said.
    await folder.filesystem.flush(handle)
    await folder.filesystem.write(handle, 8 * MIB, noise(MIB, 2))
    await assert.rejects(async () => folder.filesystem.flush(handle), { kind: 'no-space' })
    options.store.isFull = false
    await folder.filesystem.flush(handle)
    folder.filesystem.release(handle)
  }
  await using folder = await reopen(options)
  const found = await folder.read('file')
  assert.ok(found.subarray(0, content.length).equals(content))
  assert.ok(found.subarray(8 * MIB).equals(noise(MIB, 2)))
})

test('who writes on hears of what could not be stored before', async () => {
  const store = new FaultyBlocks()
  await using folder = await TestFolder.open({ store })
  const { handle } = await create(folder, 'file')
  store.isFull = true
  await folder.filesystem.write(handle, 0, noise(64 * KIB))
  await Promise.all(folder.committer.sealing)
  const write = async () => folder.filesystem.write(handle, 64 * KIB, noise(10))
  await assert.rejects(write, { kind: 'no-space' })
  await write()
  store.isFull = false
  await close(folder, handle)
})

test('a commit that nobody asked for never splits a write', async () => {
  const store = new FaultyBlocks()
  await using folder = await TestFolder.open({ store })
  const { ino, handle } = await create(folder, 'file')
  const file = folder.services.table.get(ino).file!
  await folder.filesystem.write(handle, 0, noise(PIECE))
  assert.equal(await folder.committer.commitUnasked(file), false)
  await folder.filesystem.write(handle, PIECE, noise(100))
  let open = () => {}
  store.gate = new Promise((resolve) => {
    open = resolve
  })
  await folder.filesystem.write(handle, 2 * PIECE, noise(PIECE - 1))
  const waiting = folder.committer.commitUnasked(file)
  await folder.filesystem.write(handle, 4 * PIECE, noise(PIECE))
  open()
  assert.equal(await waiting, false, 'a write began while the commit waited')
  assert.equal(folder.services.journal.empty, true)
  await close(folder, handle)
  assert.equal(folder.services.journal.empty, false)
})

test('a file that loses the only name known here is stored under its other one', async () => {
  const directory = temporaryDirectory()
  {
    await using folder = await TestFolder.open({ directory })
    await make(folder, 'known', noise(100))
    await folder.checkpointer.run()
  }
  linkSync(path.join(directory, 'known.f'), path.join(directory, 'other.f'))
  await using folder = await TestFolder.open({ directory })
  const handle = await folder.filesystem.open(folder.lookup('known')!.ino, O.RDWR)
  await folder.filesystem.write(handle, 0, noise(5000, 2))
  await folder.filesystem.unlink(ROOT_INO, 'known')
  await folder.filesystem.write(handle, 5000, noise(10, 3))
  await close(folder, handle)
  await folder.checkpointer.run()
  assert.equal(folder.services.journal.empty, true)
  assert.ok((await folder.read('other')).equals(Buffer.concat([noise(5000, 2), noise(10, 3)])))
})

test('a file that was unlinked gives its memory back, open or not', async () => {
  await using folder = await TestFolder.open()
  const { dirty, table } = folder.services
  const size = table.size
  for (let i = 0; i < 10; i++) {
    const ino = await make(folder, `file${i}`, noise(3000, i + 1))
    await folder.filesystem.unlink(ROOT_INO, `file${i}`)
    folder.filesystem.forget(ino, 1)
  }
  assert.equal(dirty.bytes, 0)
  const { ino, handle } = await create(folder, 'open')
  await folder.filesystem.unlink(ROOT_INO, 'open')
  for (let i = 0; i < 20; i++) await folder.filesystem.write(handle, i * 200 * KIB, noise(100 * KIB, i + 1))
  assert.ok(dirty.bytes > 0)
  assert.equal(await folder.committer.shed(), undefined)
  assert.equal(dirty.bytes, 0, 'a file without a name goes into blocks when memory is short')
  const back = Buffer.alloc(100 * KIB)
  await folder.filesystem.read(handle, 19 * 200 * KIB, back)
  assert.ok(back.equals(noise(100 * KIB, 20)))
  await folder.checkpointer.run({ all: true })
  await close(folder, handle)
  folder.filesystem.forget(ino, 1)
  assert.equal(dirty.bytes, 0)
  assert.equal(table.size, size)
})

test('what the kernel forgets while it is being stored stays until it is, and goes then', async () => {
  await using folder = await TestFolder.open()
  const { table, dirty } = folder.services
  const size = table.size
  folder.filesystem.mkdir(ROOT_INO, 'dir', 0o755, CALLER)
  const dir = folder.lookup('dir')!.ino
  const { attributes, handle } = await folder.filesystem.create(dir, 'file', 0o644, O.RDWR, CALLER)
  await folder.filesystem.write(handle, 0, noise(5000))
  await close(folder, handle)
  folder.filesystem.forget(attributes.ino, 1)
  folder.filesystem.forget(dir, 2)
  assert.equal(table.size, size + 2)
  const checkpoint = folder.checkpointer.run()
  await checkpoint
  assert.equal(table.size, size)
  assert.equal(dirty.bytes, 0)
  assert.ok((await folder.read('dir/file')).equals(noise(5000)))
})

test('memory that one file in the midst of a write has filled is freed without a commit', async () => {
  await using folder = await TestFolder.open()
  const { dirty, journal } = folder.services
  const { handle } = await create(folder, 'file')
  for (let i = 0; i < 30; i++) await folder.filesystem.write(handle, (i + 8) * MIB, noise(PIECE, i + 1))
  Object.assign(dirty, { bytesMax: MIB })
  const background = new Background(folder.services, folder)
  await background.relieve()
  await background.stop()
  assert.ok(dirty.bytes <= dirty.bytesMax)
  assert.equal(journal.empty, true)
  await close(folder, handle)
})

test('writers wait while much is being sealed, however much memory there is', async () => {
  const store = new FaultyBlocks()
  await using folder = await TestFolder.open({ store })
  const { committer, services, filesystem } = folder
  const { promise, resolve } = Promise.withResolvers<void>()
  store.gate = promise
  const background = new Background(services, folder)
  const { handle } = await create(folder, 'file')
  for (let i = 0; i < 24; i++) await filesystem.write(handle, (128 + i) * MIB, noise(MIB, i + 1))
  assert.equal(background.relieve(), undefined)
  await filesystem.write(handle, (128 + 24) * MIB, noise(MIB))
  const relief = background.relieve()
  assert.equal(committer.sealingBytes, 25 * MIB)
  resolve()
  await relief
  assert.ok(committer.sealingBytes <= 24 * MIB)
  await background.stop()
  await close(folder, handle)
  assert.equal(committer.sealingBytes, 0)
})

test('relieving ends with the failure when nothing can be stored', async () => {
  const store = new FaultyBlocks()
  await using folder = await TestFolder.open({ store })
  const { dirty } = folder.services
  const { handle } = await create(folder, 'file')
  store.isFull = true
  for (let i = 0; i < 30; i++) await folder.filesystem.write(handle, (i + 8) * MIB, noise(PIECE, i + 1))
  Object.assign(dirty, { bytesMax: MIB })
  const background = new Background(folder.services, folder)
  await assert.rejects(async () => background.relieve(), { kind: 'no-space' })
  store.isFull = false
  await background.relieve()
  await background.stop()
  assert.ok(dirty.bytes <= dirty.bytesMax)
  await close(folder, handle)
})

test('what was committed is stored before what is being written takes what the disk has left', async () => {
  await using folder = await TestFolder.open()
  const background = new Background(folder.services, folder)
  const { file } = folder.services.table.get(await make(folder, 'old', noise(100 * KIB)))
  const isStored = () => !file!.needsCheckpoint
  const { handle } = await create(folder, 'large')
  folder.diskFree = 8 * MIB
  await folder.filesystem.write(handle, 0, noise(MIB))
  assert.deepEqual([background.relieve(), isStored()], [undefined, false], 'there is room for both')
  folder.diskFree = 4 * MIB
  await background.relieve()
  assert.ok(isStored())
  assert.equal(background.relieve(), undefined, 'nothing was committed since')
  await background.stop()
  await close(folder, handle)
})

test('more changed chunks than a record has room for go into several, and come back', async () => {
  const options = { directory: temporaryDirectory(), store: new FaultyBlocks() }
  const chunks = 700_000
  {
    await using folder = await TestFolder.open(options)
    const { ino, handle } = await create(folder, 'file')
    await folder.filesystem.write(handle, 0, noise(3 * 64 * KIB))
    await folder.filesystem.setattr(ino, { size: chunks * MIB })
    await folder.filesystem.fsync(handle, false)
    const { file } = folder.services.table.get(ino)
    const content = folder.committer.touch(file!)
    for (let index = 1; index < chunks; index++) content.setChunk(index, undefined)
    await close(folder, handle)
    assert.equal(file!.changed, false)
  }
  await using folder = await TestFolder.open(options)
  await replay(folder.services, { committer: folder.committer, namespace: folder.filesystem.names })
  const { ino, size } = folder.lookup('file')!
  assert.equal(size, chunks * MIB)
  const handle = await folder.filesystem.open(ino, O.RDONLY)
  const into = Buffer.alloc(3 * 64 * KIB)
  await folder.filesystem.read(handle, 0, into)
  assert.ok(into.subarray(0, 64 * KIB).equals(noise(3 * 64 * KIB).subarray(0, 64 * KIB)))
  assert.ok(into.subarray(64 * KIB).equals(Buffer.alloc(2 * 64 * KIB)))
  folder.filesystem.release(handle)
})

test('memory that belongs to another folder is not waited for', async () => {
  await using folder = await TestFolder.open()
  const { dirty } = folder.services
  const elsewhere = dirty.take(dirty.bytesMax + 1)
  const background = new Background(folder.services, folder)
  await background.relieve()
  await background.stop()
  elsewhere.release()
})

test('a block that a later commit replaced is not needed any more', async () => {
  const options = { directory: temporaryDirectory(), store: new FaultyBlocks() }
  const last = noise(64 * KIB, 2)
  {
    await using folder = await TestFolder.open(options)
    const { handle } = await create(folder, 'file')
    await folder.filesystem.write(handle, 0, noise(64 * KIB, 1))
    await folder.filesystem.flush(handle)
    await folder.filesystem.write(handle, 0, last)
    await folder.filesystem.flush(handle)
    assert.ok(options.store.real.delete(options.store.kept[0]!))
    await folder.filesystem.fsync(handle, false)
  }
  await using folder = await reopen(options)
  assert.ok((await folder.read('file')).equals(last))
})

test('a file whose block is missing ends at the commit before', async () => {
  const options = { directory: temporaryDirectory(), store: new FaultyBlocks() }
  {
    await using folder = await TestFolder.open(options)
    const { handle } = await create(folder, 'file')
    await folder.filesystem.write(handle, 0, noise(3000, 1))
    await folder.filesystem.flush(handle)
    await folder.filesystem.write(handle, 0, noise(64 * KIB, 2))
    await folder.filesystem.flush(handle)
    assert.ok(options.store.real.delete(options.store.kept[0]!))
  }
  await using folder = await reopen(options)
  assert.ok((await folder.read('file')).equals(noise(3000, 1)))
})

test('a file that was removed does not come back because its records are still in the journal', async () => {
  const directory = temporaryDirectory()
  {
    await using folder = await TestFolder.open({ directory })
    const held = await create(folder, 'held')
    await folder.filesystem.write(held.handle, 0, noise(10))
    await folder.filesystem.flush(held.handle)
    await folder.filesystem.setattr(held.ino, { size: 0 })
    await make(folder, 'file', noise(3000))
    await folder.checkpointer.run()
    assert.equal(folder.services.journal.empty, false)
    await folder.filesystem.unlink(ROOT_INO, 'file')
  }
  await using folder = await reopen({ directory })
  assert.equal(folder.lookup('file'), undefined)
  assert.ok((await folder.read('held')).equals(noise(10)))
})

test('replay leaves a file alone that has taken the name of one that is gone', async () => {
  const directory = temporaryDirectory()
  {
    await using folder = await TestFolder.open({ directory })
    await make(folder, 'file', noise(3000, 1))
    await make(folder, 'other', noise(2000, 2))
  }
  rmSync(path.join(directory, 'file.f'))
  linkSync(path.join(directory, 'other.f'), path.join(directory, 'file.f'))
  await using folder = await reopen({ directory })
  assert.ok((await folder.read('file')).equals(noise(2000, 2)))
  assert.ok((await folder.read('other')).equals(noise(2000, 2)))
})

test('replaying leaves nothing in the table that needs no storing', async () => {
  const directory = temporaryDirectory()
  {
    await using folder = await TestFolder.open({ directory })
    folder.filesystem.mkdir(ROOT_INO, 'dir', 0o755, CALLER)
    await make(folder, 'file', noise(3000, 1))
  }
  await using folder = await reopen({ directory })
  await folder.checkpointer.run()
  assert.equal(folder.services.table.size, 3, 'the root, .dfs and its versions')
  assert.equal(folder.services.dirty.bytes, 0)
})
