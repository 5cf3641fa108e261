import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { Level } from 'level'
import { IndexDb } from '../../../src/store/index-db.ts'
import { testBlock } from '../../conformance/block-store.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const KEY = { dev: 2049, ino: 77, btimeNs: 1_700_000_000_000_000_001n }
const ENTRY = {
  ctimeNs: 1_700_000_000_000_000_002n,
  fileId: Buffer.alloc(16, 1),
  sequence: 3,
  meta: { mode: 0o644, size: 5, mtimeNs: 6n, ctimeNs: 7n },
  allocatedBytes: 512,
}
const NODE = testBlock(1).ref.cid
const CHILDREN = { data: [testBlock(2).ref.cid, testBlock(3).ref.cid], nodes: [testBlock(4).ref.cid] }

function newPath(): string {
  return path.join(temporaryDirectory(), 'index')
}

/** An index with KEY and NODE, closed. */
async function written(): Promise<string> {
  const dir = newPath()
  const index = await IndexDb.open(dir)
  index.setAttributes(KEY, ENTRY)
  index.setNodeChildren(NODE, CHILDREN)
  await index.close()
  return dir
}

describe('IndexDb', () => {
  it('gives back what was set, at once and after it is opened again', async () => {
    const dir = newPath()
    const index = await IndexDb.open(dir)
    assert.equal(index.rebuilt, true)
    index.setAttributes(KEY, ENTRY)
    index.setNodeChildren(NODE, CHILDREN)
    assert.deepEqual(index.attributes(KEY, ENTRY.ctimeNs), ENTRY)
    assert.deepEqual(index.nodeChildren(NODE), CHILDREN)
    await index.close()
    await using again = await IndexDb.open(dir)
    assert.equal(again.rebuilt, false)
    assert.deepEqual(again.attributes(KEY, ENTRY.ctimeNs), ENTRY)
    assert.deepEqual(again.nodeChildren(NODE), CHILDREN)
  })

  it('knows nothing of what was never set', async () => {
    await using index = await IndexDb.open(newPath())
    assert.equal(index.attributes(KEY, 1n), undefined)
    assert.equal(index.nodeChildren(NODE), undefined)
  })

  it('knows attributes only for the ctime they were noted with', async () => {
    await using index = await IndexDb.open(newPath())
    index.setAttributes(KEY, ENTRY)
    assert.equal(index.attributes(KEY, ENTRY.ctimeNs + 1n), undefined)
    assert.equal(index.attributes({ ...KEY, btimeNs: 1n }, ENTRY.ctimeNs), undefined)
    assert.equal(index.attributes({ ...KEY, dev: 1 }, ENTRY.ctimeNs), undefined)
  })

  it('forgets attributes, and sees the newest while writes are under way', async () => {
    await using index = await IndexDb.open(newPath())
    index.setAttributes(KEY, ENTRY)
    const flushing = index.flush()
    index.deleteAttributes(KEY)
    assert.equal(index.attributes(KEY, ENTRY.ctimeNs), undefined)
    await flushing
    assert.equal(index.attributes(KEY, ENTRY.ctimeNs), undefined)
  })

  it('keeps thousands of entries set in one go', async () => {
    await using index = await IndexDb.open(newPath())
    for (let ino = 0; ino < 3000; ino++) index.setAttributes({ ...KEY, ino }, { ...ENTRY, sequence: ino + 1 })
    await index.flush()
    for (let ino = 0; ino < 3000; ino++) {
      assert.equal(index.attributes({ ...KEY, ino }, ENTRY.ctimeNs)?.sequence, ino + 1)
    }
  })

  it('refuses an index that is in use', async () => {
    const dir = newPath()
    await using index = await IndexDb.open(dir)
    await assert.rejects(IndexDb.open(dir), { kind: 'locked' })
    index.setAttributes(KEY, ENTRY)
    await index.flush()
    assert.deepEqual(index.attributes(KEY, ENTRY.ctimeNs), ENTRY)
  })

  const damages: Record<string, (dir: string) => void | Promise<void>> = {
    'with a garbled CURRENT': (dir) => writeFileSync(path.join(dir, 'CURRENT'), 'garbage\n'),
    'with a garbled manifest': (dir) => {
      const manifest = readdirSync(dir).find((name) => name.startsWith('MANIFEST'))!
      writeFileSync(path.join(dir, manifest), Buffer.alloc(100, 0xff))
    },
    'of another format': async (dir) => {
      const db = new Level(dir)
      await db.put('f', '999')
      await db.close()
    },
    'marked as damaged': (dir) => writeFileSync(`${dir}.damaged`, ''),
  }
  for (const [what, damage] of Object.entries(damages)) {
    it(`begins an index ${what} anew`, async (t) => {
      t.mock.method(process.stderr, 'write', () => true)
      const dir = await written()
      await damage(dir)
      const index = await IndexDb.open(dir)
      assert.equal(index.rebuilt, true)
      assert.equal(index.attributes(KEY, ENTRY.ctimeNs), undefined)
      index.setAttributes(KEY, ENTRY)
      await index.close()
      await using again = await IndexDb.open(dir)
      assert.equal(again.rebuilt, false)
      assert.deepEqual(again.attributes(KEY, ENTRY.ctimeNs), ENTRY)
    })
  }

  it('never gives back an entry with a flipped bit', async (t) => {
    t.mock.method(process.stderr, 'write', () => true)
    const dir = await written()
    const db = new Level<Buffer, Buffer>(dir, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
    for await (const [key, value] of db.iterator()) {
      if (key[0] !== 'a'.charCodeAt(0)) continue
      value[40]! ^= 1
      await db.put(key, value)
    }
    await db.close()
    const index = await IndexDb.open(dir)
    assert.equal(index.attributes(KEY, ENTRY.ctimeNs), undefined)
    index.setAttributes(KEY, ENTRY)
    assert.equal(index.attributes(KEY, ENTRY.ctimeNs), undefined)
    await index.close()
    await using again = await IndexDb.open(dir)
    assert.equal(again.rebuilt, true)
  })

  it('says io when something else stands in its place', async (t) => {
    t.mock.method(process.stderr, 'write', () => true)
    const dir = temporaryDirectory()
    const blocked = path.join(dir, 'file', 'index')
    writeFileSync(path.join(dir, 'file'), 'kept')
    await assert.rejects(IndexDb.open(blocked), { kind: 'io' })
    assert.equal(readFileSync(path.join(dir, 'file'), 'utf8'), 'kept')
  })
})
