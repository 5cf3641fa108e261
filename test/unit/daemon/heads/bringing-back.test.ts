import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { Slices } from '../../../../src/concurrency/slices.ts'
import { FolderRegistry } from '../../../../src/daemon/folder-registry.ts'
import { Folders } from '../../../../src/daemon/folders.ts'
import { type BringingBackOptions, bringBack } from '../../../../src/daemon/heads/bringing-back.ts'
import type { FoundFolder, FoundHead } from '../../../../src/daemon/heads/found-heads.ts'
import { rootOf } from '../../../../src/daemon/heads/made-head.ts'
import type { BlockRef, BlockSource } from '../../../../src/dfs.ts'
import { DfsError } from '../../../../src/errors.ts'
import type { FileEntry } from '../../../../src/format/head-entry.ts'
import type { SyncEntry } from '../../../../src/format/sync-entry.ts'
import { MemoryBlocks } from '../../../../src/store/memory-blocks.ts'
import { withoutLife } from '../../../../src/sync/entry-change.ts'
import { IndexTree } from '../../../../src/sync/index-tree.ts'
import { MemorySyncStore } from '../../../../src/sync/memory-sync-store.ts'
import { SyncIndex } from '../../../../src/sync/sync-index.ts'
import { Folder } from '../../../../src/vfs/folder.ts'
import { ROOT_INO } from '../../../../src/vfs/operations.ts'
import { entryOf, idOf, stampOf } from '../../../conformance/sync-store.ts'
import { headOf } from '../../sync/folder-heads.ts'
import { write } from '../../sync/random-changes.ts'
import { entriesOf, KEYS, MemoryNodes } from '../../sync/support.ts'
import { noise, TestFolder } from '../../vfs/support.ts'
import { temporaryDirectory } from '../temporary.ts'

const ID = Buffer.alloc(16, 0xab)

/** A folder of some files as the head of one device tells of it; its nodes are elsewhere. */
async function foundFolder(names: readonly string[], { device = 'one', madeAt = 1n, seed = 1 } = {}) {
  const nodes = new MemoryNodes()
  await using folder = await TestFolder.open()
  for (const name of names) await write(folder, ROOT_INO, name, noise(900, seed))
  await folder.checkpointer.run()
  const { root } = await headOf(folder.path, nodes)
  const own = { id: ID, name: 'cloud', entries: root.entries, plainFiles: 0, leftOut: 0, root: root.ref }
  const label = {} as FoundHead['label']
  const head: FoundHead = { device, label, body: { madeAtNs: madeAt, folders: [own] } }
  const found: FoundFolder = { id: ID, name: 'cloud', heads: [{ head, folder: own }] }
  return { found, nodes }
}

/** Gives nodes, after so many failures. */
function sourceOf(all: readonly MemoryNodes[], failures = 0): BlockSource {
  return {
    fetch: ({ cid }: BlockRef) => {
      const block = all.map(({ blocks }) => blocks.get(cid)).find((one) => one !== undefined)
      const isAway = block === undefined || failures-- > 0
      const answer = isAway ? Promise.reject(new DfsError('unreachable', 'nobody is there')) : Promise.resolve(block)
      answer.catch(() => undefined)
      return { block: answer, prefer: () => undefined, release: () => undefined }
    },
  }
}

function optionsFor(t: TestContext, source: BlockSource, more: Partial<BringingBackOptions> = {}): BringingBackOptions {
  return {
    store: new MemoryBlocks(),
    source,
    keys: KEYS,
    directory: path.join(temporaryDirectory(t), 'to/here'),
    openIndex: () => assert.fail('no head has an index'),
    nameOfWriter: (writer) => writer,
    nameOf: (device) => device,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...more,
  }
}

test('a folder comes back with its id below a directory that is made for it, and only once', async (t) => {
  const { found, nodes } = await foundFolder(['a', 'b'])
  const options = optionsFor(t, sourceOf([nodes], 2))
  const at = path.join(options.directory, 'cloud')
  assert.deepEqual(await bringBack(found, options), { path: at, objects: 3 })
  assert.deepEqual(readdirSync(at).sort(), ['.dfs', 'a.f', 'b.f'])
  assert.equal(await Folder.idAt(at), ID.toString('hex'))
  assert.deepEqual(await bringBack(found, options), { path: at, objects: undefined })
})

test('what is there already is left alone', async (t) => {
  const { found, nodes } = await foundFolder(['a'])
  const options = optionsFor(t, sourceOf([nodes]))
  mkdirSync(path.join(options.directory, 'cloud'), { recursive: true })
  writeFileSync(path.join(options.directory, 'cloud/mine'), 'mine')
  writeFileSync(path.join(options.directory, 'cloud (2)'), 'a file')
  mkdirSync(path.join(options.directory, 'cloud (3)'))
  const back = await bringBack(found, options)
  assert.equal(back.path, path.join(options.directory, 'cloud (3)'))
  assert.equal(readFileSync(path.join(options.directory, 'cloud/mine'), 'utf8'), 'mine')
})

test('what was stopped half way is no folder, and is gone on with; an older state of it is not mixed in', async (t) => {
  const { found, nodes } = await foundFolder(Array.from({ length: 300 }, (_, i) => `file ${i}`))
  const partial = new MemoryNodes()
  for (const [cid, block] of [...nodes.blocks].slice(1)) partial.blocks.set(cid, block)
  const stopping = new AbortController()
  const options = optionsFor(t, sourceOf([nodes]), { signal: stopping.signal })
  const at = path.join(options.directory, 'cloud')
  const source: BlockSource = {
    fetch: (ref, asked) => {
      if (existsSync(path.join(at, '.dfs'))) stopping.abort(new DfsError('aborted', 'enough'))
      return sourceOf([nodes]).fetch(ref, asked)
    },
  }
  await assert.rejects(bringBack(found, { ...options, source }), { kind: 'aborted' })
  assert(existsSync(path.join(at, '.dfs/restoring')))
  const home = temporaryDirectory(t)
  const folders = new Folders({
    home,
    registry: FolderRegistry.open(path.join(home, 'folders.json')),
    source: { idAt: (folder) => Folder.idAt(folder), open: () => assert.fail('it must not be opened') },
  })
  await assert.rejects(folders.lease(at), { kind: 'busy', mend: /dfs recover/ })

  const going = optionsFor(t, sourceOf([nodes]), { directory: options.directory })
  const newer = await foundFolder(['other'])
  await assert.rejects(bringBack(newer.found, { ...going, source: sourceOf([newer.nodes]) }), { kind: 'busy' })
  assert.deepEqual(await bringBack(found, going), { path: at, objects: 301 })
  assert.equal(readdirSync(at).length, 301)
})

test('heads of two devices come back as one folder', async (t) => {
  const [one, other] = [
    await foundFolder(['same', 'differs', 'only one has it']),
    await foundFolder(['differs', 'the other'], { device: 'two', seed: 2 }),
  ]
  const found = { ...one.found, heads: [...one.found.heads, ...other.found.heads] }
  const options = optionsFor(t, sourceOf([one.nodes, other.nodes]))
  const { path: at } = await bringBack(found, options)
  const names = readdirSync(at).filter((name) => name !== '.dfs')
  assert.equal(names.length, 5)
  assert(names.some((name) => /^differs \(from (one|two)\)\.f$/.test(name)))
})

test("a folder's name leads nowhere else", async (t) => {
  const { found, nodes } = await foundFolder(['a'])
  for (const name of ['..', '.', '../../escaped', 'a/b']) {
    const options = optionsFor(t, sourceOf([nodes]))
    const { path: at } = await bringBack({ ...found, name }, options)
    assert.equal(path.dirname(at), options.directory, name)
  }
})

test('nobody who has the nodes is an error in time', async (t) => {
  const { found } = await foundFolder(['a'])
  const signal = AbortSignal.timeout(100)
  await assert.rejects(bringBack(found, optionsFor(t, sourceOf([]), { signal })))
})

test('what the indexes said comes back, too, and nothing that one of them says is deleted', async (t) => {
  const { found, nodes } = await foundFolder(['a'])
  const indexed = async (...entries: SyncEntry[]) => {
    const index = await SyncIndex.open(new MemorySyncStore(), { indexId: idOf(1), newWriter: idOf(2) })
    await index.take('other', entries, undefined)
    using tree = new IndexTree(index, () => undefined)
    await tree.update({ nodes, slices: new Slices(), signal: new AbortController().signal })
    return { ...found.heads[0]!, folder: { ...found.heads[0]!.folder, index: tree.root! } }
  }
  const { state } = (await entriesOf(rootOf(found.heads[0]!.folder), nodes)).find(
    ({ path: at }) => at === 'a',
  ) as FileEntry
  const known = { ...entryOf(1, 'a'), id: state.fileId.toString('hex') }
  const heads = [await indexed(known, entryOf(2, 'b')), await indexed(withoutLife(known, stampOf(9)))]
  const index = await SyncIndex.open(new MemorySyncStore(), { indexId: idOf(3), newWriter: idOf(4) })
  let isOpen = true
  const options = optionsFor(t, sourceOf([nodes]), {
    openIndex: async ({ id }) => {
      assert.equal(id, ID.toString('hex'))
      const close = async () => {
        isOpen = false
      }
      return { index, close }
    },
  })
  await bringBack({ ...found, heads }, options)
  assert(!isOpen && (await index.get(known.id))?.content.value === undefined)
  assert((await index.get(idOf(2)))?.content.value !== undefined)
  assert.deepEqual(readdirSync(path.join(options.directory, 'cloud')), ['.dfs'])
})
