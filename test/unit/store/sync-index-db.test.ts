import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { Level } from 'level'
import { kindOf } from '../../../src/errors.ts'
import { ROOT_ID } from '../../../src/format/sync-entry.ts'
import { entryKey } from '../../../src/format/sync-record.ts'
import { Keys } from '../../../src/seal/keys.ts'
import { SyncIndexDb } from '../../../src/store/sync-index-db.ts'
import type { SyncStore } from '../../../src/sync/sync-store.ts'
import { describeSyncStore, entryOf, idOf, namesIn, write } from '../../conformance/sync-store.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const KEYS = Keys.derive(Buffer.alloc(32, 7))
const openHere: SyncIndexDb[] = []
after(async () => {
  for (const db of openHere) await db.close()
})

async function open(dir = path.join(temporaryDirectory(), 'sync'), keys = KEYS): Promise<SyncIndexDb & SyncStore> {
  const db = await SyncIndexDb.open(dir, keys)
  openHere.push(db)
  return db
}

describeSyncStore('SyncIndexDb', () => open())

describe('SyncIndexDb', () => {
  it('has everything when it is opened again', async () => {
    const dir = path.join(temporaryDirectory(), 'sync')
    const db = await open(dir)
    await write(db, entryOf(1, 'a'), entryOf(2, 'b'))
    const state = await db.readState()
    await db.close()
    const again = await open(dir)
    assert.deepEqual(await again.readState(), state)
    assert.deepEqual(await namesIn(again, ROOT_ID), ['a', 'b'])
  })

  it('lists a directory of more than is read at once', async () => {
    const db = await open()
    await write(db, ...Array.from({ length: 700 }, (_, at) => entryOf(at + 1, `${at}`.padStart(3, '0'))))
    const names = await namesIn(db, ROOT_ID)
    assert.deepEqual([names.length, names[0], names.at(-1)], [700, '000', '699'])
  })

  it('is locked while it is open, and another personal key does not open its rows', async () => {
    const dir = path.join(temporaryDirectory(), 'sync')
    const db = await open(dir)
    await write(db, entryOf(1, 'a'))
    await assert.rejects(open(dir), (error) => kindOf(error) === 'locked')
    await db.close()
    const other = await open(dir, Keys.derive(Buffer.alloc(32, 8)))
    await assert.rejects(other.readEntries([idOf(1)]), (error) => kindOf(error) === 'wrong-key')
  })

  it('refuses a row that was changed, or stands in the place of another', async () => {
    const dir = path.join(temporaryDirectory(), 'sync')
    const db = await open(dir)
    await write(db, entryOf(1, 'a'), entryOf(2, 'b'))
    await db.close()
    const raw = new Level<Buffer, Buffer>(dir, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
    const row = (await raw.get(entryKey(idOf(2))))!
    await raw.put(entryKey(idOf(1)), row)
    const damaged = Buffer.from(row)
    damaged[40]! ^= 1
    await raw.put(entryKey(idOf(2)), damaged)
    await raw.close()
    const again = await open(dir)
    for (const id of [idOf(1), idOf(2)]) {
      await assert.rejects(again.readEntries([id]), (error) => kindOf(error) === 'corrupt')
    }
    await again.close()
    const anew = await open(dir)
    assert.equal(await anew.readState(), undefined)
    assert(existsSync(`${dir}.damaged`), 'what was damaged is set aside')
  })

  it('begins anew if the database is damaged, as often as that happens', async () => {
    const dir = path.join(temporaryDirectory(), 'sync')
    for (let time = 0; time < 2; time++) {
      const db = await open(dir)
      assert.equal(await db.readState(), undefined)
      await write(db, entryOf(1, 'a'))
      await db.close()
      for (const name of readdirSync(dir)) {
        if (name.startsWith('MANIFEST')) writeFileSync(path.join(dir, name), 'no manifest')
      }
    }
    assert.equal(await (await open(dir)).readState(), undefined)
  })

  it('leaves an index alone that another personal key made', async () => {
    const dir = path.join(temporaryDirectory(), 'sync')
    const db = await open(dir)
    await write(db, entryOf(1, 'a'))
    await db.close()
    const other = await open(dir, Keys.derive(Buffer.alloc(32, 8)))
    await assert.rejects(other.readEntries([idOf(1)]), (error) => kindOf(error) === 'wrong-key')
    await other.close()
    assert.deepEqual(await namesIn(await open(dir), ROOT_ID), ['a'])
  })

  it('has no content of a file in clear', async () => {
    const dir = path.join(temporaryDirectory(), 'sync')
    const db = await open(dir)
    const secret = 'a very secret line'
    const entry = entryOf(1, 'a')
    const content = { kind: 'inline', bytes: Buffer.from(secret) } as const
    const value = { kind: 'file', size: secret.length, content } as const
    await write(db, { ...entry, content: { ...entry.content, value } })
    await db.close()
    const files = readdirSync(dir).map((name) => readFileSync(path.join(dir, name)))
    assert(!files.some((bytes) => bytes.includes(secret)))
  })
})
