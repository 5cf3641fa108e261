import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import type { Cid } from '../../../src/dfs.ts'
import { cidOfDigest } from '../../../src/format/cid.ts'
import type { HeldEntry, HoldEntry, PromiseEntry } from '../../../src/format/hold-entry.ts'
import { HoldLedger } from '../../../src/store/hold-ledger.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const bytes = (value: number, length = 32) => Buffer.alloc(length, value)
const cid = (value: number) => cidOfDigest(bytes(value))
const promise = (requester: number, owner: number): PromiseEntry => {
  return { requester: bytes(requester), owner: bytes(owner), nonce: bytes(requester, 16), endsMs: 1000 }
}
const held = (holder: number, status: HeldEntry['status'] = 'held'): HeldEntry => {
  return { holder: bytes(holder), nonce: bytes(holder, 16), status }
}
const entry = (more: Partial<HoldEntry>): HoldEntry => {
  return { sealedBytes: 100, evicting: false, foreign: false, promises: [], holds: [], ...more }
}

async function all(cids: AsyncIterable<Cid>): Promise<Cid[]> {
  const found: Cid[] = []
  for await (const one of cids) found.push(one)
  return found.sort()
}

async function summary(ledger: HoldLedger) {
  return {
    evicting: await all(ledger.evicting()),
    promised: await all(ledger.promised()),
    borrowed: await all(ledger.borrowed()),
    heldBy7: await all(ledger.heldBy(bytes(7), 'held')),
    releasing7: await all(ledger.heldBy(bytes(7), 'releasing')),
    lent: [...ledger.lentTo].sort(),
    lentBytes: ledger.lentBytes,
  }
}

test('what is written is there after a new start, and found by what it says', async () => {
  const dir = path.join(temporaryDirectory(), 'holds')
  const ledger = await HoldLedger.open(dir)
  const entries = new Map([
    [cid(1), entry({ promises: [promise(1, 50), promise(2, 50), promise(3, 60)] })],
    [cid(2), entry({ promises: [promise(1, 50)], sealedBytes: 7, foreign: true })],
    [cid(3), entry({ holds: [held(7), held(8)], evicting: true })],
    [cid(255), entry({ holds: [held(7, 'releasing'), held(255)] })],
  ])
  await ledger.write(entries)
  const expected = {
    evicting: [cid(3)],
    promised: [cid(1), cid(2)].sort(),
    borrowed: [cid(3), cid(3), cid(255), cid(255)].sort(),
    heldBy7: [cid(3)],
    releasing7: [cid(255)],
    lent: [
      [bytes(50).toString('hex'), 107],
      [bytes(60).toString('hex'), 100],
    ],
    lentBytes: 107,
  }
  assert.deepEqual(await summary(ledger), expected)
  await ledger.close()
  await using again = await HoldLedger.open(dir)
  assert.deepEqual(await summary(again), expected)
  for (const [one, value] of entries) assert.deepEqual(again.get(one), value)
  assert.equal(again.get(cid(9)), undefined)
  assert.deepEqual(await again.holders(), [bytes(7), bytes(8), bytes(255)])

  await again.write(
    new Map([
      [cid(1), entry({ promises: [promise(3, 60)] })],
      [cid(2), undefined],
    ]),
  )
  await again.write(new Map([[cid(3), entry({ holds: [held(7, 'releasing')] })]]))
  assert.deepEqual(await summary(again), {
    evicting: [],
    promised: [cid(1)],
    borrowed: [cid(3), cid(255), cid(255)].sort(),
    heldBy7: [],
    releasing7: [cid(3), cid(255)].sort(),
    lent: [[bytes(60).toString('hex'), 100]],
    lentBytes: 100,
  })
})

test('many writes at once are one after the other, and the last word counts', async () => {
  await using ledger = await HoldLedger.open(path.join(temporaryDirectory(), 'holds'))
  const writes = Array.from({ length: 50 }, (_, index) =>
    ledger.write(new Map([[cid(index % 5), entry({ sealedBytes: index + 1, promises: [promise(1, 50)] })]])),
  )
  await Promise.all(writes)
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((index) => ledger.get(cid(index))?.sealedBytes),
    [46, 47, 48, 49, 50],
  )
  assert.equal(ledger.lentBytes, 46 + 47 + 48 + 49 + 50)
})

test('a ledger that cannot be read is left as it is, and everything that is asked of it fails', async () => {
  const dir = path.join(temporaryDirectory(), 'holds')
  const ledger = await HoldLedger.open(dir)
  await ledger.write(new Map([[cid(1), entry({ promises: [promise(1, 50)] })]]))
  await ledger.close()
  writeFileSync(path.join(dir, 'CURRENT'), 'MANIFEST-999999\n')
  const before = readdirSync(dir).filter((name) => name.endsWith('.log') || name.endsWith('.ldb'))
  await using damaged = await HoldLedger.open(dir)
  assert.throws(() => damaged.get(cid(1)), { kind: 'corrupt' })
  await assert.rejects(damaged.write(new Map([[cid(1), undefined]])), { kind: 'corrupt' })
  await assert.rejects(all(damaged.promised()), { kind: 'corrupt' })
  assert.deepEqual(
    readdirSync(dir).filter((name) => before.includes(name)),
    before,
  )
})

test('a ledger is open once', async () => {
  const dir = path.join(temporaryDirectory(), 'holds')
  await using _ledger = await HoldLedger.open(dir)
  await assert.rejects(HoldLedger.open(dir), { kind: 'locked' })
})

test('a ledger of a newer dfs is refused and left', async () => {
  const dir = path.join(temporaryDirectory(), 'holds')
  const { Level } = await import('level')
  const db = new Level<Buffer, Buffer>(dir, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  await db.put(Buffer.from('f'), Buffer.from('2'))
  await db.close()
  await using newer = await HoldLedger.open(dir)
  assert.throws(() => newer.get(cid(1)), { kind: 'newer-version' })
})

test('what a device holds is found from any digest on, and around', async () => {
  await using ledger = await HoldLedger.open(path.join(temporaryDirectory(), 'holds'))
  const mine = [10, 20, 30, 40]
  const entries = mine.map((value) => [cid(value), entry({ holds: [held(7), held(8)] })] as const)
  const others = [
    [cid(15), entry({ holds: [held(7, 'leaving')] })],
    [cid(16), entry({ holds: [held(6)] })],
    [cid(17), entry({ holds: [held(8)] })],
  ] as const
  await ledger.write(new Map([...entries, ...others]))
  const from = (value: number, limit: number) => ledger.heldFrom(bytes(7), bytes(value), limit)
  const cids = (...values: number[]) => values.map(cid)
  assert.deepEqual(await from(0, 10), cids(10, 20, 30, 40))
  assert.deepEqual(await from(20, 2), cids(20, 30))
  assert.deepEqual(await from(21, 3), cids(30, 40, 10))
  assert.deepEqual(await from(30, 10), cids(30, 40, 10, 20))
  assert.deepEqual(await from(255, 1), cids(10))
  assert.deepEqual(await ledger.heldFrom(bytes(9), bytes(0), 5), [])
})

test('shards are found by the block that they are of, as long as something is known of them', async () => {
  const dir = path.join(temporaryDirectory(), 'holds')
  const shardOf = (block: number, index: number) => ({ block: bytes(block), data: 4, parity: 2, index })
  const ledger = await HoldLedger.open(dir)
  assert.deepEqual(await all(ledger.shardsOf(cid(9))), [])
  await ledger.write(
    new Map([
      [cid(1), entry({ holds: [held(7)], shard: shardOf(9, 0) })],
      [cid(2), entry({ promises: [promise(1, 50)], shard: shardOf(9, 5) })],
      [cid(3), entry({ holds: [held(7)], shard: shardOf(255, 0) })],
    ]),
  )
  assert.deepEqual(await all(ledger.shardsOf(cid(9))), [cid(1), cid(2)].sort())
  await ledger.close()
  const again = await HoldLedger.open(dir)
  assert.deepEqual(await all(again.shardsOf(cid(255))), [cid(3)])
  assert.deepEqual(again.get(cid(2))?.shard, shardOf(9, 5))
  await again.write(new Map([[cid(1), undefined]]))
  assert.deepEqual(await all(again.shardsOf(cid(9))), [cid(2)])
  await again.close()
})
