import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import type { Cid } from '../../../src/dfs.ts'
import { BlockFiles } from '../../../src/store/block-files.ts'
import { placeOf } from '../../../src/store/block-paths.ts'
import { type Files, realFiles } from '../../../src/store/files.ts'
import { describeBlockStore, putUnpinned, type TestBlock, testBlock } from '../../conformance/block-store.ts'
import { diskError, temporaryDirectory } from './temporary-directory.ts'

describeBlockStore('BlockFiles', () => BlockFiles.open(temporaryDirectory()))

const SMALL = 100
const LARGE = 100_000

function fileOf(dir: string, cid: Cid): string {
  return path.join(dir, placeOf(cid))
}

/** Real files with some calls replaced, and a count of the syncs. */
function fakeFiles(replaced: Partial<Files> = {}) {
  const count = { data: 0, names: 0, filesystem: 0 }
  const files: Files = {
    ...realFiles,
    dataSync: async (fd) => {
      count.data++
      await realFiles.dataSync(fd)
    },
    sync: async (fd) => {
      count.names++
      await realFiles.sync(fd)
    },
    syncFilesystem: async () => {
      count.filesystem++
    },
    ...replaced,
  }
  return { files, count }
}

/** As a sealing worker does: writes the block to a temporary path of the store, which then takes it in. */
function adopt(store: BlockFiles, { ref, bytes }: TestBlock): Promise<void> {
  const temporary = store.temporary()
  writeFileSync(temporary, bytes)
  return store.adopt(ref, temporary)
}

/** A block file of zero length, as power loss leaves it. */
function writeTorn(dir: string, cid: Cid): void {
  mkdirSync(path.dirname(fileOf(dir, cid)), { recursive: true })
  writeFileSync(fileOf(dir, cid), '')
}

describe('BlockFiles on disk', () => {
  it('keeps a block at the first byte of its digest in hex, and nothing temporary', async () => {
    const dir = temporaryDirectory()
    await using store = await BlockFiles.open(dir)
    for (const length of [SMALL, LARGE]) {
      const { ref, bytes } = testBlock(1, length)
      await store.put(ref, bytes)
      assert.match(placeOf(ref.cid), /^[0-9a-f]{2}\/b[a-z2-7]{58}$/)
      assert.deepEqual(readFileSync(fileOf(dir, ref.cid)), bytes)
    }
    assert.deepEqual(readdirSync(path.join(dir, 'tmp')), [])
  })

  it('takes in a block that a sealer wrote, pinned, and syncs it', async () => {
    const dir = temporaryDirectory()
    const { files, count } = fakeFiles()
    await using store = await BlockFiles.open(dir, { files })
    const { ref, bytes } = testBlock(1)
    await adopt(store, { ref, bytes })
    assert.deepEqual(readFileSync(fileOf(dir, ref.cid)), bytes)
    assert.equal(store.delete(ref.cid), false)
    await store.sync([ref.cid])
    assert.equal(count.data, 1)
    assert.deepEqual(readdirSync(path.join(dir, 'tmp')), [])
  })

  it('looks at the bytes of a block that is here when an equal one is taken in', async () => {
    const dir = temporaryDirectory()
    const block = testBlock(1, LARGE)
    writeTorn(dir, block.ref.cid)
    await using store = await BlockFiles.open(dir)
    await Promise.all([adopt(store, block), adopt(store, block)])
    await adopt(store, block)
    assert.deepEqual(readFileSync(fileOf(dir, block.ref.cid)), block.bytes)
    assert.deepEqual(readdirSync(path.join(dir, 'tmp')), [])
  })

  it('pins nothing when a block that was written for it cannot be moved to its place', async () => {
    const renameFails = () => {
      throw diskError('EIO')
    }
    await using store = await BlockFiles.open(temporaryDirectory(), {
      files: { ...realFiles, renameSync: renameFails },
    })
    const block = testBlock(1)
    await assert.rejects(adopt(store, block), { kind: 'io' })
    await assert.rejects(store.put(block.ref, block.bytes), { kind: 'io' })
    assert.equal(store.has(block.ref.cid), false)
  })

  it('finds the blocks of an earlier run', async () => {
    const dir = temporaryDirectory()
    const { ref, bytes } = testBlock(1)
    await using earlier = await BlockFiles.open(dir)
    await earlier.put(ref, bytes)
    await using store = await BlockFiles.open(dir)
    assert.ok(store.has(ref.cid))
    assert.deepEqual(store.open(ref.cid)!.read(0, SMALL), bytes)
  })

  it('removes temporary files of an earlier run when it opens', async () => {
    const dir = temporaryDirectory()
    await (await BlockFiles.open(dir)).close()
    writeFileSync(path.join(dir, 'tmp', '7'), 'half a block')
    await (await BlockFiles.open(dir)).close()
    assert.deepEqual(readdirSync(path.join(dir, 'tmp')), [])
  })

  it('does not make a store where one is expected', async () => {
    const dir = temporaryDirectory()
    await assert.rejects(BlockFiles.open(dir, { create: false }), { kind: 'not-found' })
    assert.deepEqual(readdirSync(dir), [])
  })

  it('bounds its open files, and reads through handles pushed out of the cache', async () => {
    const store = await BlockFiles.open(temporaryDirectory(), { openFilesMax: 2 })
    const blocks = Array.from({ length: 5 }, (_, seed) => testBlock(seed))
    for (const { ref, bytes } of blocks) await store.put(ref, bytes)
    const handles = blocks.map(({ ref }) => store.open(ref.cid)!)
    for (const [at, handle] of handles.entries()) assert.deepEqual(handle.read(0, SMALL), blocks[at]!.bytes)
    for (const handle of handles) {
      handle.close()
      handle.close()
    }
    await store.close()
  })

  it('shares one descriptor between handles of one block', async () => {
    await using store = await BlockFiles.open(temporaryDirectory())
    const { ref, bytes } = testBlock(1)
    await store.put(ref, bytes)
    const [first, second] = [store.open(ref.cid)!, store.open(ref.cid)!]
    assert.equal(first.fd, second.fd)
    first.close()
    assert.deepEqual(second.read(0, SMALL), bytes)
    second.close()
  })

  it('lists neither foreign nor misplaced files', async () => {
    const dir = temporaryDirectory()
    await using store = await BlockFiles.open(dir)
    const { ref, bytes } = testBlock(1)
    await store.put(ref, bytes)
    const elsewhere = placeOf(ref.cid).startsWith('00') ? '01' : '00'
    writeFileSync(path.join(dir, elsewhere, ref.cid), bytes)
    writeFileSync(path.join(dir, '00', 'README'), 'not a block')
    assert.deepEqual(await store.usage(), { blocks: 1, bytes: SMALL })
  })
})

describe('BlockFiles finding a block of an earlier run', () => {
  const torn: Record<string, (file: string) => void> = {
    'of no bytes': (file) => truncateSync(file, 0),
    'cut short': (file) => truncateSync(file, 50),
    'of the right length with other bytes': (file) => writeFileSync(file, Buffer.alloc(SMALL)),
  }
  for (const [what, tear] of Object.entries(torn)) {
    it(`writes one ${what} anew when it is put`, async () => {
      const dir = temporaryDirectory()
      const { ref, bytes } = testBlock(1)
      await (await BlockFiles.open(dir)).put(ref, bytes)
      tear(fileOf(dir, ref.cid))
      await using store = await BlockFiles.open(dir)
      store.open(ref.cid)!.close()
      await store.put(ref, bytes)
      assert.deepEqual(store.open(ref.cid)!.read(0, SMALL), bytes)
      assert.deepEqual(readFileSync(fileOf(dir, ref.cid)), bytes)
    })

    it(`does not call one ${what} durable`, async () => {
      const dir = temporaryDirectory()
      const { ref, bytes } = testBlock(1)
      await (await BlockFiles.open(dir)).put(ref, bytes)
      tear(fileOf(dir, ref.cid))
      await using store = await BlockFiles.open(dir)
      await assert.rejects(store.sync([ref.cid]), { kind: 'corrupt', subject: ref.cid })
      await store.put(ref, bytes)
      await store.sync([ref.cid])
    })
  }

  it('syncs an equal one, which may never have been durable, without writing it', async () => {
    const dir = temporaryDirectory()
    const { ref, bytes } = testBlock(1)
    await (await BlockFiles.open(dir)).put(ref, bytes)
    const { files, count } = fakeFiles({
      renameSync: () => assert.fail('a block that is there was written'),
    })
    await using store = await BlockFiles.open(dir, { files })
    count.names = 0
    await store.put(ref, bytes)
    await store.sync()
    assert.deepEqual(count, { data: 1, names: 1, filesystem: 0 })
  })

  it('replaces one that cannot be read', async () => {
    const dir = temporaryDirectory()
    const { ref, bytes } = testBlock(1)
    await (await BlockFiles.open(dir)).put(ref, bytes)
    const { files } = fakeFiles({ readFile: () => Promise.reject(diskError('EIO')) })
    await using store = await BlockFiles.open(dir, { files })
    await store.put(ref, bytes)
    assert.deepEqual(readFileSync(fileOf(dir, ref.cid)), bytes)
  })
})

describe('BlockFiles.sync', () => {
  it('syncs few blocks one by one with their directories, and each only once', async () => {
    const { files, count } = fakeFiles()
    await using store = await BlockFiles.open(temporaryDirectory(), { files })
    const { ref, bytes } = testBlock(1)
    await store.put(ref, bytes)
    count.names = 0
    await store.sync([ref.cid])
    assert.deepEqual(count, { data: 1, names: 1, filesystem: 0 })
    await store.sync([ref.cid])
    await store.put(ref, bytes)
    await store.sync()
    assert.deepEqual(count, { data: 1, names: 1, filesystem: 0 })
  })

  it('syncs many blocks with the whole file system', async () => {
    const { files, count } = fakeFiles()
    await using store = await BlockFiles.open(temporaryDirectory(), { files })
    const blocks = Array.from({ length: 100 }, (_, seed) => testBlock(seed))
    for (const { ref, bytes } of blocks) await store.put(ref, bytes)
    count.names = 0
    await store.sync()
    assert.deepEqual(count, { data: 0, names: 0, filesystem: 1 })
    await store.sync(blocks.map(({ ref }) => ref.cid))
    assert.equal(count.filesystem, 1)
  })

  it('serves callers that come while a sync is under way with one more', async () => {
    const { files, count } = fakeFiles()
    await using store = await BlockFiles.open(temporaryDirectory(), { files })
    const blocks = Array.from({ length: 10 }, (_, seed) => testBlock(seed))
    for (const { ref, bytes } of blocks) await store.put(ref, bytes)
    await Promise.all(blocks.flatMap(({ ref }) => [store.sync([ref.cid]), store.sync([ref.cid])]))
    assert.equal(count.data, 10)
  })

  it('waits for a put that is under way', async () => {
    await using store = await BlockFiles.open(temporaryDirectory())
    const { ref, bytes } = testBlock(1, LARGE)
    const putting = store.put(ref, bytes)
    await store.sync([ref.cid])
    await putting
  })

  it('passes over a block deleted meanwhile unless it was named', async () => {
    await using store = await BlockFiles.open(temporaryDirectory())
    const block = testBlock(1)
    await putUnpinned(store, block)
    const syncs = Promise.allSettled([store.sync(), store.sync([block.ref.cid])])
    store.delete(block.ref.cid)
    const [all, named] = await syncs
    assert.equal(all.status, 'fulfilled')
    assert.equal(named.status, 'rejected')
  })

  for (const many of [false, true]) {
    it(`never calls blocks durable whose sync failed${many ? ' with the file system' : ''}, until they are put again`, async (t) => {
      let failing = true
      const fail = async () => {
        if (failing) throw diskError('EIO')
      }
      const { files } = fakeFiles({ dataSync: fail, syncFilesystem: fail })
      await using store = await BlockFiles.open(temporaryDirectory(), { files })
      t.mock.method(process.stderr, 'write', () => true)
      const blocks = Array.from({ length: many ? 50 : 2 }, (_, seed) => testBlock(seed))
      for (const { ref, bytes } of blocks) await store.put(ref, bytes)
      const cids = blocks.map(({ ref }) => ref.cid)
      await assert.rejects(store.sync(cids), { kind: 'io' })
      // The kernel forgets: the next sync would succeed though nothing was kept.
      failing = false
      await assert.rejects(store.sync(cids), { kind: 'io' })
      await assert.rejects(store.sync(), { kind: 'io' })
      for (const { ref, bytes } of blocks) await store.put(ref, bytes)
      await store.sync(cids)
      await store.sync()
    })
  }

  it('takes the failed sync of a directory for a failed sync of its blocks', async (t) => {
    let failing = false
    const { files } = fakeFiles({
      sync: async () => {
        if (failing) throw diskError('EIO')
      },
    })
    await using store = await BlockFiles.open(temporaryDirectory(), { files })
    t.mock.method(process.stderr, 'write', () => true)
    const { ref, bytes } = testBlock(1)
    await store.put(ref, bytes)
    failing = true
    await assert.rejects(store.sync([ref.cid]), { kind: 'io' })
    failing = false
    await assert.rejects(store.sync([ref.cid]), { kind: 'io' })
  })
})

describe('BlockFiles on a bad disk', () => {
  for (const length of [SMALL, LARGE]) {
    it(`keeps and pins nothing of ${length} bytes when the disk is full, and goes on when it is not`, async () => {
      let full = true
      const { files } = fakeFiles({
        // A full disk takes the first part and refuses the rest.
        writeSync: (fd, bytes, offset) => {
          if (full && offset > 0) throw diskError('ENOSPC')
          return realFiles.writeSync(fd, full ? bytes.subarray(0, 10) : bytes, offset)
        },
        write: async (fd, bytes, offset) => {
          if (full && offset > 0) throw diskError('ENOSPC')
          return realFiles.write(fd, full ? bytes.subarray(0, 10) : bytes, offset)
        },
      })
      const dir = temporaryDirectory()
      await using store = await BlockFiles.open(dir, { files })
      const { ref, bytes } = testBlock(1, length)
      await assert.rejects(Promise.all([store.put(ref, bytes), store.put(ref, bytes)]), { kind: 'no-space' })
      assert.equal(store.has(ref.cid), false)
      assert.throws(() => store.unpin(ref.cid), { name: 'AssertionError' })
      assert.deepEqual(readdirSync(path.join(dir, 'tmp')), [])
      full = false
      await store.put(ref, bytes)
      assert.deepEqual(store.open(ref.cid)!.read(0, length), bytes)
    })
  }

  it('fails a read that the disk fails with io', async () => {
    const { files } = fakeFiles({
      readSync: () => {
        throw diskError('EIO')
      },
    })
    await using store = await BlockFiles.open(temporaryDirectory(), { files })
    const { ref, bytes } = testBlock(1)
    await store.put(ref, bytes)
    assert.throws(() => store.open(ref.cid)!.read(0, 10), { kind: 'io' })
  })

  it('closes idle files when descriptors run out', async () => {
    let left = 0
    const { files } = fakeFiles({
      openSync: ((...args: Parameters<Files['openSync']>) => {
        if (left-- === 0) throw diskError('EMFILE')
        return realFiles.openSync(...args)
      }) as Files['openSync'],
    })
    left = 1000
    await using store = await BlockFiles.open(temporaryDirectory(), { files })
    const { ref, bytes } = testBlock(1)
    await store.put(ref, bytes)
    left = 0
    assert.deepEqual(store.open(ref.cid)!.read(0, SMALL), bytes)
  })

  const losses: Record<string, (dir: string) => void> = {
    removed: (dir) => rmSync(dir, { recursive: true }),
    'replaced by an empty one': (dir) => {
      renameSync(dir, `${dir}.away`)
      mkdirSync(dir)
    },
  }
  for (const [what, lose] of Object.entries(losses)) {
    it(`says io, never "not here", when its directory was ${what}`, async () => {
      const dir = path.join(temporaryDirectory(), 'blocks')
      const store = await BlockFiles.open(dir)
      const [kept, other] = [testBlock(1), testBlock(2, LARGE)]
      await putUnpinned(store, kept)
      lose(dir)
      assert.throws(() => store.has(kept.ref.cid), { kind: 'io' })
      assert.throws(() => store.open(kept.ref.cid), { kind: 'io' })
      assert.throws(() => store.delete(kept.ref.cid), { kind: 'io' })
      await assert.rejects(store.put(other.ref, other.bytes), { kind: 'io' })
      await assert.rejects(store.put(kept.ref, kept.bytes), { kind: 'io' })
      await assert.rejects(store.sync([kept.ref.cid]), { kind: 'io' })
      await assert.rejects(store.usage(), { kind: 'io' })
      await store.close()
    })
  }
})
