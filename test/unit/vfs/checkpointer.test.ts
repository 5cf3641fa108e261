import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { kindOf } from '../../../src/errors.ts'
import { SLOT_BYTES, SLOT_OFFSETS } from '../../../src/format/stub.ts'
import { O, syncFilesystem } from '../../../src/posix/files.ts'
import { Checkpointer } from '../../../src/vfs/checkpointer.ts'
import { ROOT_INO } from '../../../src/vfs/operations.ts'
import { replay } from '../../../src/vfs/replay.ts'
import { Versions } from '../../../src/vfs/versions.ts'
import { FaultyBlocks } from './faulty-blocks.ts'
import { CALLER, noise, TestFolder, temporaryDirectory } from './support.ts'

const KIB = 1024

async function write(folder: TestFolder, name: string, content: Buffer): Promise<void> {
  const found = folder.lookup(name)
  const handle =
    found === undefined
      ? (await folder.filesystem.create(ROOT_INO, name, 0o644, O.RDWR, CALLER)).handle
      : await folder.filesystem.open(found.ino, O.RDWR)
  await folder.filesystem.write(handle, 0, content)
  await folder.filesystem.flush(handle)
  folder.filesystem.release(handle)
}

function stub(folder: TestFolder, name: string): string {
  return path.join(folder.path, `${name}.f`)
}

/** A checkpointer that syncs as it is told. */
function checkpointerOf(folder: TestFolder, sync: (fd: number) => Promise<void>): Checkpointer {
  const versions = new Versions(folder.services, { directory: folder.versions, deletedAgeMsMin: 0 })
  return new Checkpointer(folder.services, { committer: folder.committer, versions, syncFilesystem: sync })
}

function slotsOf(file: string): [Buffer, Buffer] {
  const bytes = readFileSync(file)
  return [bytes.subarray(SLOT_OFFSETS[0], SLOT_OFFSETS[0] + SLOT_BYTES), bytes.subarray(SLOT_OFFSETS[1], 8000)]
}

test('a file cut to nothing while others are being stored keeps its old content in the stub', async () => {
  const store = new FaultyBlocks()
  await using folder = await TestFolder.open({ store })
  for (let i = 0; i < 100; i++) await write(folder, `file${i}`, noise(5000, i + 1))
  let open = () => {}
  store.gate = new Promise((resolve) => {
    open = resolve
  })
  const checkpoint = folder.checkpointer.run()
  const handles = []
  for (let i = 0; i < 100; i++) {
    const handle = await folder.filesystem.open(folder.lookup(`file${i}`)!.ino, O.RDWR | O.TRUNC)
    handles.push(handle)
    await folder.filesystem.write(handle, 0, noise(100, 777))
  }
  open()
  await checkpoint
  assert.equal(folder.services.journal.empty, false, 'some had to wait')
  await using after = await TestFolder.open({ directory: folder.path, store })
  await replay(after.services, { committer: after.committer, namespace: after.filesystem.names })
  for (let i = 0; i < 100; i++) assert.ok((await after.read(`file${i}`)).equals(noise(5000, i + 1)))
  for (const handle of handles) {
    await folder.filesystem.flush(handle)
    folder.filesystem.release(handle)
  }
})

test('a file that cannot be stored stands in no other one`s way', async () => {
  const store = new FaultyBlocks()
  await using folder = await TestFolder.open({ store })
  await write(folder, 'bad', noise(64 * KIB))
  store.suspect.add(store.kept[0]!)
  for (let i = 0; i < 5; i++) await write(folder, `good${i}`, noise(5000 * i + 1, i + 1))
  await assert.rejects(folder.checkpointer.run(), { kind: 'io' })
  assert.equal(folder.services.journal.empty, false)
  assert.deepEqual(
    [...folder.committer.journaled].map(({ inode }) => inode.place.name),
    ['bad'],
  )
  store.suspect.clear()
  await folder.checkpointer.run()
  assert.equal(folder.services.journal.empty, true)
  assert.equal(folder.services.dirty.bytes, 0)
})

test('a slot is not written over before the other is known to be durable', async () => {
  await using folder = await TestFolder.open()
  await write(folder, 'file', noise(100, 1))
  await folder.checkpointer.run()
  let isBroken = true
  const checkpointer = checkpointerOf(folder, async (fd) => {
    if (isBroken) throw new Error('the disk is gone')
    await syncFilesystem(fd)
  })
  const before = slotsOf(stub(folder, 'file'))
  await write(folder, 'file', noise(100, 2))
  await assert.rejects(checkpointer.run())
  await write(folder, 'file', noise(100, 3))
  await assert.rejects(checkpointer.run())
  assert.ok(slotsOf(stub(folder, 'file'))[0].equals(before[0]))
  isBroken = false
  await checkpointer.run()
  assert.ok(slotsOf(stub(folder, 'file'))[0].equals(before[0]))
  assert.ok((await folder.read('file')).equals(noise(100, 3)))
})

test('the journal of a run that was killed is dropped only after a sync', async () => {
  const directory = temporaryDirectory()
  {
    await using killed = await TestFolder.open({ directory })
    await write(killed, 'file', noise(100))
    const checkpointer = checkpointerOf(killed, async () => {
      throw new Error('killed')
    })
    await assert.rejects(checkpointer.run())
  }
  await using folder = await TestFolder.open({ directory })
  await replay(folder.services, { committer: folder.committer, namespace: folder.filesystem.names })
  assert.equal(folder.committer.journaled.size, 0, 'the stub has it already')
  let synced = 0
  const checkpointer = checkpointerOf(folder, async () => {
    synced++
    assert.equal(folder.services.journal.empty, false)
  })
  await checkpointer.run()
  assert.equal(synced, 1)
  assert.equal(folder.services.journal.empty, true)
})

test('a stub that was taken away below comes back, and what is written on is stored too', async () => {
  await using folder = await TestFolder.open()
  await write(folder, 'file', noise(100, 1))
  const handle = await folder.filesystem.open(folder.lookup('file')!.ino, O.RDWR)
  rmSync(stub(folder, 'file'))
  await folder.checkpointer.run()
  await folder.filesystem.write(handle, 100, noise(100, 2))
  await folder.filesystem.flush(handle)
  folder.filesystem.release(handle)
  await folder.checkpointer.run()
  await using after = await TestFolder.open({ directory: folder.path })
  assert.ok((await after.read('file')).equals(Buffer.concat([noise(100, 1), noise(100, 2)])))
})

test('unlinking, renaming and rewriting race a checkpoint', async () => {
  const store = new FaultyBlocks()
  const directory = temporaryDirectory()
  {
    await using folder = await TestFolder.open({ directory, store })
    for (const name of ['gone', 'moved', 'rewritten', 'replaced']) await write(folder, name, noise(70 * KIB, 1))
    let open = () => {}
    store.gate = new Promise((resolve) => {
      open = resolve
    })
    const checkpoint = folder.checkpointer.run()
    await folder.filesystem.unlink(ROOT_INO, 'gone')
    await folder.filesystem.rename(ROOT_INO, 'moved', ROOT_INO, 'replaced')
    const rewritten = write(folder, 'rewritten', noise(200, 2))
    open()
    await Promise.all([checkpoint, rewritten])
    await folder.checkpointer.run()
    assert.equal(folder.services.journal.empty, true)
    assert.equal(folder.services.dirty.bytes, 0)
  }
  await using folder = await TestFolder.open({ directory, store })
  assert.equal(folder.lookup('gone'), undefined)
  assert.equal(folder.lookup('moved'), undefined)
  assert.ok((await folder.read('replaced')).equals(noise(70 * KIB, 1)))
  const rewritten = noise(70 * KIB, 1)
  noise(200, 2).copy(rewritten)
  assert.ok((await folder.read('rewritten')).equals(rewritten))
})

for (const damaged of [0, 1] as const) {
  test(`a stub whose ${damaged === 1 ? 'newer' : 'older'} slot is damaged is ${damaged === 1 ? 'EIO, never its older content' : 'read'}`, async () => {
    const directory = temporaryDirectory()
    {
      await using folder = await TestFolder.open({ directory })
      for (const seed of [1, 2]) {
        await write(folder, 'file', noise(100, seed))
        await folder.checkpointer.run()
      }
    }
    const file = path.join(directory, 'file.f')
    const bytes = readFileSync(file)
    bytes[SLOT_OFFSETS[damaged] + 100]! ^= 1
    writeFileSync(file, bytes)
    await using folder = await TestFolder.open({ directory })
    if (damaged === 0) assert.ok((await folder.read('file')).equals(noise(100, 2)))
    else
      assert.throws(
        () => folder.lookup('file'),
        (error) => kindOf(error) === 'corrupt',
      )
  })
}

test('a slot that a power loss tore is made whole from the journal', async () => {
  const directory = temporaryDirectory()
  {
    await using folder = await TestFolder.open({ directory })
    await write(folder, 'file', noise(100, 1))
    await folder.checkpointer.run()
    await write(folder, 'file', noise(100, 2))
    const checkpointer = checkpointerOf(folder, async () => {
      throw new Error('the power is gone')
    })
    await assert.rejects(checkpointer.run())
  }
  const file = path.join(directory, 'file.f')
  const bytes = readFileSync(file)
  bytes.fill(0, SLOT_OFFSETS[1] + 60)
  writeFileSync(file, bytes)
  await using folder = await TestFolder.open({ directory })
  await replay(folder.services, { committer: folder.committer, namespace: folder.filesystem.names })
  assert.ok((await folder.read('file')).equals(noise(100, 2)))
  await folder.checkpointer.run()
  await using after = await TestFolder.open({ directory })
  assert.ok((await after.read('file')).equals(noise(100, 2)))
})
