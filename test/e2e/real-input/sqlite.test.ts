/** SQLite keeps its promises in the mount: transactions of several connections, remounts, and the death of the daemon. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { Random } from '../../support/random.ts'
import { target } from '../../support/systems/target.ts'
import { newPlace } from '../support/place.ts'

const skip = target.missing()
const TRANSACTIONS = Number(process.env.DFS_E2E_TRANSACTIONS ?? 150)

for (const mode of ['wal', 'delete'])
  test(`a database in ${mode} mode is whole after many transactions and a remount`, { skip }, async (t) => {
    const system = await target.create(newPlace(t))
    await system.mount()
    const path = join(system.root, 'data.sqlite')
    const writer = open(path, mode)
    const reader = open(path, mode)
    const random = new Random(TRANSACTIONS)
    let sum = 0
    for (let transaction = 0; transaction < TRANSACTIONS; transaction++) {
      sum += transact(writer, random)
      if (transaction % 20 === 0) assert.equal(total(reader), sum, 'another connection sees what was committed')
    }
    assert.equal(integrity(writer), 'ok')
    for (const database of [reader, writer]) database.close()
    await system.unmount()
    await system.mount()
    const again = open(path, mode)
    assert.equal(integrity(again), 'ok')
    assert.equal(total(again), sum)
    again.close()
    await system.unmount()
  })

test('a database whose file system died in use is whole, with every transaction that was committed', {
  skip,
}, async (t) => {
  const system = await target.create(newPlace(t))
  const path = join(system.root, 'data.sqlite')
  const random = new Random(1)
  let sum = 0
  for (let round = 0; round < 2; round++) {
    await system.mount()
    const database = open(path, 'wal')
    for (let transaction = 0; transaction < 50; transaction++) sum += transact(database, random)
    await system.kill()
    database.close() // It says nothing of the file system that has gone: it has no transaction open.
    await system.mount()
    const again = open(path, 'wal')
    assert.equal(integrity(again), 'ok')
    assert.equal(total(again), sum)
    again.close()
    await system.unmount()
  }
})

function open(path: string, mode: string): DatabaseSync {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA synchronous = FULL')
  database.exec(`PRAGMA journal_mode = ${mode}`)
  database.exec('CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, value INTEGER, content BLOB)')
  database.exec('CREATE INDEX IF NOT EXISTS entry_value ON entry (value)')
  return database
}

/** Some inserts, updates and deletes in one transaction; by how much the sum of all values has grown. */
function transact(database: DatabaseSync, random: Random): number {
  const before = total(database)
  database.exec('BEGIN IMMEDIATE')
  const insert = database.prepare('INSERT INTO entry (value, content) VALUES (?, ?)')
  for (let row = random.below(5); row >= 0; row--) insert.run(random.below(1000), random.bytes(random.below(3000)))
  database.prepare('UPDATE entry SET value = value + 1 WHERE value < ?').run(random.below(300))
  database.prepare('DELETE FROM entry WHERE value = ?').run(random.below(1000))
  database.exec('COMMIT')
  return total(database) - before
}

function total(database: DatabaseSync): number {
  return Number(database.prepare('SELECT coalesce(sum(value), 0) AS total FROM entry').get()!.total)
}

function integrity(database: DatabaseSync): unknown {
  return database.prepare('PRAGMA integrity_check').get()!.integrity_check
}
