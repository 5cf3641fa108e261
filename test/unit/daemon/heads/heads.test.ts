import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Heads } from '../../../../src/daemon/heads/heads.ts'
import type { MadeHead } from '../../../../src/daemon/heads/made-head.ts'
import type { Cid } from '../../../../src/dfs.ts'
import { supersedes } from '../../../../src/format/head-record.ts'
import { verifyHead } from '../../../../src/seal/head-seal.ts'
import { ManifestTree } from '../../../../src/seal/manifest-tree.ts'
import { MemorySyncStore } from '../../../../src/sync/memory-sync-store.ts'
import { SyncIndex } from '../../../../src/sync/sync-index.ts'
import { ROOT_INO } from '../../../../src/vfs/operations.ts'
import { entryOf, idOf } from '../../../conformance/sync-store.ts'
import { until } from '../../../e2e/support/process.ts'
import { Random } from '../../../support/random.ts'
import { change, write } from '../../sync/random-changes.ts'
import { noise, TestFolder } from '../../vfs/support.ts'
import { allOf, cidsOf, headed, ID, newRig, type Rig, untilHead } from './rig.ts'

/** What the files of the folder are made of. */
async function blocksIn({ folder, store }: Rig): Promise<string[]> {
  const cids = new Set<string>()
  await folder.checkpointer.run()
  for (const { file } of folder.services.table.values()) {
    if (file === undefined) continue
    const { content, meta } = folder.services.tree.withStub(file.inode, 0, (fd) =>
      folder.services.tree.loadFd(fd, folder.services.tree.stat(file.inode)),
    ).state
    for await (const { ref } of ManifestTree.of(content, meta.size).blocks(folder.services.reader)) cids.add(ref.cid)
  }
  assert([...cids].every((cid) => store.has(cid as Cid)))
  return [...cids].sort()
}

test('a head is made when a folder is opened, and after each change; listeners hear which blocks are new', async (t) => {
  await using rig = await newRig(t)
  const { heads, folder } = rig
  const told: { head: MadeHead; added: string[] }[] = []
  heads.onHead(async (head, added) => void told.push({ head, added: cidsOf(await allOf(added)) }))
  await write(folder, ROOT_INO, 'a', noise(60_000, 1))
  heads.opened(headed(folder))
  await until('the first is told of', () => told.length === 1)
  const first = await blocksIn(rig)
  assert.deepEqual(told[0]!.added, first)
  assert.deepEqual(cidsOf(await allOf(heads.blocks())), first)
  assert.deepEqual([told[0]!.head.label.incarnation, told[0]!.head.label.sequence], [1, 1])
  assert.deepEqual(
    told[0]!.head.folders.map(({ name }) => name),
    ['cloud'],
  )
  await write(folder, ROOT_INO, 'b', noise(70_000, 2))
  const wanted = (await blocksIn(rig)).filter((cid) => !first.includes(cid))
  assert(wanted.length > 0)
  const since = () => [...new Set(told.slice(1).flatMap(({ added }) => added))].sort()
  await until('the new file is told of', () => since().length === wanted.length)
  assert.deepEqual(since(), wanted)
})

test('a listener that fails hears of it again with the next head, and one that is slow of both at once', async (t) => {
  await using rig = await newRig(t)
  const { heads, folder } = rig
  let failures = 1
  const heard: string[][] = []
  const gate = Promise.withResolvers<void>()
  heads.onHead(async (_, added) => {
    const blocks = cidsOf(await allOf(added))
    if (failures-- > 0) throw new Error('not now')
    heard.push(blocks)
    if (heard.length === 1) await gate.promise
  })
  await write(folder, ROOT_INO, 'a', noise(60_000, 1))
  const first = await blocksIn(rig)
  heads.opened(headed(folder))
  await untilHead(rig)
  await until('it has failed', () => failures === 0)
  for (const [name, seed] of [
    ['b', 2],
    ['c', 3],
    ['d', 4],
  ] as const) {
    const before = heads.current
    await write(folder, ROOT_INO, name, noise(60_000, seed))
    await folder.checkpointer.run()
    await untilHead(rig, before)
    if (name === 'b') await until('it is told again', () => heard.length === 1)
    assert.equal(heard.length, 1)
    assert(first.every((cid) => heard[0]!.includes(cid)))
  }
  gate.resolve()
  const all = await blocksIn(rig)
  await until('all is told', () => new Set(heard.flat()).size === all.length)
})

test('a keeper holds all nodes before it gets the record, and follows by itself', async (t) => {
  await using rig = await newRig(t)
  const { heads, folder, keepers } = rig
  await assert.rejects(heads.giveTo('friend'), { kind: 'no-data' })
  await write(folder, ROOT_INO, 'a', noise(60_000, 1))
  heads.opened(headed(folder))
  await untilHead(rig)
  await heads.giveTo('friend')
  await heads.giveTo('friend')
  const nodes = async () =>
    cidsOf((await allOf(heads.references.references() as AsyncIterable<Cid>)).map((cid) => ({ cid, bytes: 0 })))
  assert.deepEqual([...keepers.get('friend')!.held].sort(), await nodes())
  assert(keepers.get('friend')!.record!.equals(heads.current!.record))
  const random = new Random(1)
  for (let round = 0; round < 5; round++) {
    for (let changes = 0; changes < 5; changes++) await change(folder, random)
    await write(folder, ROOT_INO, `round ${round}`, noise(100))
    const before = heads.current
    await untilHead(rig, before)
    await until('the keeper follows', () => keepers.get('friend')!.record!.equals(heads.current!.record))
  }
  for (const cid of await nodes()) assert(keepers.get('friend')!.held.has(cid as Cid))
})

test('who keeps a file at its place is known, and forgotten with a node that is lost', async (t) => {
  await using rig = await newRig(t)
  const { heads, folder, keepers } = rig
  const ino = await write(folder, ROOT_INO, 'a', noise(100, 1))
  heads.opened(headed(folder))
  await untilHead(rig)
  await heads.giveTo('friend')
  const id = Buffer.from(ID, 'hex')
  const stateOf = () =>
    folder.services.tree.withStub(folder.inode('a'), 0, (fd) =>
      folder.services.tree.loadFd(fd, folder.services.tree.stat(folder.inode('a'))),
    ).state
  const state = stateOf()
  assert.deepEqual(await heads.keepersOf(id, 'a', state), ['friend'])
  assert.deepEqual(await heads.keepersOf(id, 'b', state), [])
  assert.deepEqual(await heads.keepersOf(Buffer.alloc(16), 'a', state), [])
  keepers.get('friend')!.isReachable = false
  const handle = await folder.filesystem.open(ino, 2)
  await folder.filesystem.write(handle, 0, noise(200, 2))
  await folder.filesystem.flush(handle)
  folder.filesystem.release(handle)
  await folder.checkpointer.run()
  const before = heads.current
  await untilHead(rig, before)
  assert.deepEqual(await heads.keepersOf(id, 'a', stateOf()), [])
  assert.deepEqual(await heads.keepersOf(id, 'a', state), ['friend'], 'it has the one before')
  rig.lose('friend', ['some data' as Cid])
  await new Promise(setImmediate)
  assert.deepEqual(await heads.keepersOf(id, 'a', state), ['friend'])
  rig.lose('friend', [...keepers.get('friend')!.held])
  await until('it counts no more', async () => (await heads.keepersOf(id, 'a', state)).length === 0)
  keepers.get('friend')!.isReachable = true
  await heads.giveTo('friend')
  assert.deepEqual(await heads.keepersOf(id, 'a', stateOf()), ['friend'])
})

test('nodes stay while a keeper has the head they are of', async (t) => {
  await using rig = await newRig(t)
  const { heads, folder, keepers } = rig
  await write(folder, ROOT_INO, 'a', noise(100, 1))
  heads.opened(headed(folder))
  await untilHead(rig)
  await heads.giveTo('friend')
  const nodes = async () => new Set(await allOf(heads.references.references() as AsyncIterable<Cid>))
  const first = await nodes()
  keepers.get('friend')!.isReachable = false
  await write(folder, ROOT_INO, 'b', noise(100, 2))
  await untilHead(rig, heads.current)
  await until('more nodes', async () => (await nodes()).size > first.size)
  for (const cid of first) assert((await nodes()).has(cid))
})

test('after a start the head of before is known, and so are its keepers', async (t) => {
  await using rig = await newRig(t)
  await write(rig.folder, ROOT_INO, 'a', noise(100, 1))
  rig.heads.opened(headed(rig.folder))
  await untilHead(rig)
  await rig.heads.giveTo('friend')
  await rig.heads.closing(headed(rig.folder))
  const before = rig.heads.current!
  await rig.heads[Symbol.asyncDispose]()
  await using again = await Heads.open(rig.options)
  assert.deepEqual(again.current!.label, before.label)
  assert.deepEqual(await allOf(again.references.references() as AsyncIterable<Cid>), [before.folders[0]!.root.cid])
  again.opened(headed(rig.folder))
  await write(rig.folder, ROOT_INO, 'b', noise(100, 2))
  await until('the next head', () => again.current!.label.sequence > before.label.sequence)
  await until('the keeper follows', () => rig.keepers.get('friend')!.record!.equals(again.current!.record))
})

test('a device that was set back begins a new incarnation, above all that keepers have', async (t) => {
  await using rig = await newRig(t)
  const { heads, folder, keepers, options } = rig
  await write(folder, ROOT_INO, 'a', noise(100, 1))
  heads.opened(headed(folder))
  await untilHead(rig)
  const old = readFileSync(path.join(options.dir, 'own'))
  await write(folder, ROOT_INO, 'b', noise(100, 2))
  await until('later heads', () => heads.current!.label.sequence > 1)
  await heads.giveTo('friend')
  await heads.closing(headed(folder))
  await heads[Symbol.asyncDispose]()
  const kept = verifyHead(keepers.get('friend')!.record!).label
  writeFileSync(path.join(options.dir, 'own'), old)
  writeFileSync(path.join(options.dir, 'given', 'friend'), old)
  await using again = await Heads.open(options)
  await again.giveTo('friend').catch(() => undefined)
  again.opened(headed(folder))
  await write(folder, ROOT_INO, 'c', noise(100, 3))
  await until('a new incarnation', () => again.current!.label.incarnation === 2)
  await until('the keeper has it', () => verifyHead(keepers.get('friend')!.record!).label.incarnation === 2)
  assert(supersedes(again.current!.label, kept))
})

test('a head whose giving was answered, and the answer lost, is not given as another', async (t) => {
  let isLost = true
  await using rig = await newRig(t, {
    give: async (holder, record) => {
      const answer = rig.keepers.get(holder)!.give(record)
      if (!isLost) return answer
      isLost = false
      throw new Error('the answer is lost')
    },
  })
  await write(rig.folder, ROOT_INO, 'a', noise(100, 1))
  rig.heads.opened(headed(rig.folder))
  await untilHead(rig)
  await assert.rejects(rig.heads.giveTo('friend'), /lost/)
  await rig.heads.giveTo('friend')
  assert.equal(rig.heads.current!.label.incarnation, 1)
})

test('nothing is done while nobody is there to keep a head', async (t) => {
  let isActive = false
  await using rig = await newRig(t, { isActive: () => isActive })
  await write(rig.folder, ROOT_INO, 'a', noise(100, 1))
  rig.heads.opened(headed(rig.folder))
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(rig.heads.current, undefined)
  isActive = true
  rig.heads.memberCame('friend')
  await untilHead(rig)
})

test('a folder that is not open keeps the tree it had, and one that is given up is in no head', async (t) => {
  const registered = [{ id: ID, path: '/somewhere/cloud' }]
  await using rig = await newRig(t, { registered: () => registered })
  await using other = await TestFolder.open({ store: rig.store })
  await write(rig.folder, ROOT_INO, 'a', noise(100, 1))
  rig.heads.opened(headed(rig.folder))
  await untilHead(rig)
  await rig.heads.closing(headed(rig.folder))
  const [before] = rig.heads.current!.folders
  const id = 'cd'.repeat(16)
  registered.push({ id, path: '/somewhere/else' })
  rig.heads.opened({ ...headed(other), id })
  await until('two folders', () => rig.heads.current!.folders.length === 2)
  assert.deepEqual(rig.heads.current!.folders[0], before)
  registered.shift()
  await write(other, ROOT_INO, 'x', noise(100, 1))
  await until('one folder', () => rig.heads.current!.folders.length === 1)
})

test('closing a folder waits for nobody else, and nothing uses it afterwards', async (t) => {
  const id = 'cd'.repeat(16)
  const settling = Promise.withResolvers<void>()
  await using rig = await newRig(t, {
    registered: () => [
      { id: ID, path: '/somewhere/cloud' },
      { id, path: '/somewhere/else' },
    ],
  })
  const { heads, folder } = rig
  await write(folder, ROOT_INO, 'a', noise(100, 1))
  const own = headed(folder)
  heads.opened(own)
  await untilHead(rig)
  await using other = await TestFolder.open({ store: rig.store })
  const slow = { ...headed(other), id, settle: () => settling.promise }
  heads.opened(slow)
  await write(folder, ROOT_INO, 'b', noise(100, 2))
  await new Promise((resolve) => setTimeout(resolve, 20))
  let isClosed = false
  await heads.closing({ ...own })
  isClosed = true
  Object.defineProperty(own, 'directoryFd', { get: () => assert(!isClosed, 'it is closed') })
  settling.resolve()
  await until('the other folder is in a head', () => heads.current!.folders.length === 2)
})

test('the index of a folder is in heads, its nodes with the keepers, and stays there once it is closed', async (t) => {
  await using rig = await newRig(t)
  const { heads, folder } = rig
  await write(folder, ROOT_INO, 'a', noise(60_000, 1))
  heads.opened(headed(folder))
  const index = await SyncIndex.open(new MemorySyncStore(), { indexId: idOf(1), newWriter: idOf(2) })
  await index.take('other', [entryOf(1, 'a')], undefined)
  heads.indexOpened(ID, index)
  const indexIn = () => heads.current?.folders[0]?.index
  await until('it is in a head', () => indexIn() !== undefined)
  await heads.giveTo('friend')
  await index.take('other', [entryOf(2, 'b')], undefined)
  await until('it is followed', () => indexIn()?.entries === 2)
  await heads.giveTo('friend')
  const { held } = rig.keepers.get('friend')!
  assert(held.has(indexIn()!.ref.cid))
  const needed = new Set<Cid>()
  for await (const cid of heads.references.references()) needed.add(cid)
  assert(needed.has(indexIn()!.ref.cid))
  await index.take('other', [entryOf(3, 'c')], undefined)
  await heads.indexClosing(ID)
  const last = indexIn()
  assert.equal(last?.entries, 3)
  await index.take('other', [entryOf(4, 'd')], undefined)
  const made = heads.current
  await write(folder, ROOT_INO, 'b', noise(60_000, 2))
  await until('there is another head', () => heads.current !== made)
  assert.deepEqual(indexIn(), last)
})
