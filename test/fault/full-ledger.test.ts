/**
 * What a full disk does to the databases that are truth: a write fails and says why, what was written before can be read, and what
 * is written once there is room again is there after the next start.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { kindOf } from '../../src/errors.ts'
import { cidOfDigest } from '../../src/format/cid.ts'
import type { HoldEntry } from '../../src/format/hold-entry.ts'
import { HoldLedger } from '../../src/store/hold-ledger.ts'
import { LastingLevel } from '../../src/store/lasting-level.ts'
import { newPlace } from '../e2e/support/place.ts'
import { loopDisk, skipUnless } from '../support/requirements.ts'
import { SmallDisk } from '../support/small-disk.ts'

const skip = skipUnless(loopDisk)

function smallDisk(t: TestContext): Promise<SmallDisk> {
  return SmallDisk.create(newPlace(t), 'disk', { mebibytes: 48 })
}

/** Numbers whose `write` did not fail, of so many from `first` on; the others must have failed for want of space. */
async function tryAll(first: number, count: number, write: (number: number) => Promise<void>): Promise<number[]> {
  const written: number[] = []
  for (let number = first; number < first + count; number++) {
    try {
      await write(number)
      written.push(number)
    } catch (error) {
      assert.equal(kindOf(error), 'no-space', (error as Error).message)
    }
  }
  return written
}

test('a database keeps what it took after its disk was full', { skip }, async (t) => {
  const disk = await smallDisk(t)
  const dir = join(disk.path, 'level')
  const keyOf = (number: number) => Buffer.from(String(number))
  const put = async (level: LastingLevel, number: number) => {
    await level.write([{ type: 'put', key: keyOf(number), value: Buffer.alloc(3000, number) }])
  }
  let level = await LastingLevel.open(dir)
  t.after(() => level.close())
  const written = await tryAll(0, 50, (number) => put(level, number))
  await disk.fill()
  written.push(...(await tryAll(100, 50, (number) => put(level, number))))
  assert(written.length < 60, 'the disk is full')
  assert.deepEqual(level.db.getSync(keyOf(7)), Buffer.alloc(3000, 7), 'it can be read')
  disk.makeRoom()
  const after = await tryAll(200, 50, (number) => put(level, number))
  assert.equal(after.length, 50)
  await level.close()

  level = await LastingLevel.open(dir)
  const lost = [...written, ...after].filter((number) => level.db.getSync(keyOf(number)) === undefined)
  assert.deepEqual(lost, [])
})

test('what was promised after the disk was full is known after a start, and how much it is', { skip }, async (t) => {
  const disk = await smallDisk(t)
  const dir = join(disk.path, 'holds')
  const cidOf = (number: number) => cidOfDigest(Buffer.alloc(32, number))
  const promises = [1, 2, 3].map((requester) => {
    return { requester: Buffer.alloc(32, requester), owner: Buffer.alloc(32, 9), nonce: Buffer.alloc(16), endsMs: 1 }
  })
  const entry: HoldEntry = { sealedBytes: 100, evicting: false, foreign: true, promises, holds: [] }
  let ledger = await HoldLedger.open(dir)
  t.after(() => ledger.close())
  const promise = (number: number) => ledger.write(new Map([[cidOf(number), entry]]))
  const promised = await tryAll(0, 20, promise)
  await disk.fill()
  promised.push(...(await tryAll(20, 60, promise)))
  assert(promised.length < 70, 'the disk is full')
  assert.equal(ledger.get(cidOf(7))?.promises.length, 3)
  disk.makeRoom()
  promised.push(...(await tryAll(100, 60, promise)))
  await ledger.close()

  ledger = await HoldLedger.open(dir)
  assert.deepEqual(
    promised.filter((number) => ledger.get(cidOf(number)) === undefined),
    [],
  )
  let count = 0
  for await (const _ of ledger.promised()) count++
  assert.equal(ledger.lentBytes, count * 100)
})
