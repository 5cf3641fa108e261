import assert from 'node:assert/strict'
import { appendFileSync, copyFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import type { CommitRecord, JournalRecord } from '../../../src/format/journal-record.ts'
import { RECORD_HEAD_BYTES, SEGMENT_HEADER_BYTES } from '../../../src/format/journal-segment.ts'
import { Keys } from '../../../src/seal/keys.ts'
import { type Files, realFiles } from '../../../src/store/files.ts'
import { Journal } from '../../../src/store/journal.ts'
import { diskError, temporaryDirectory } from './temporary-directory.ts'

const KEYS = Keys.derive(Buffer.alloc(32, 1))

function rename(number: number): JournalRecord {
  const place = { ino: number, btimeNs: 1n, path: `from ${number}` }
  return { kind: 'rename', place, ctimeNs: 2n, to: `to ${number}`, over: undefined }
}

function commit(bytes: Buffer): CommitRecord {
  return {
    kind: 'commit',
    place: { ino: 5, btimeNs: 6n, path: 'a/b.f' },
    fileId: Buffer.alloc(16, 7),
    baseSequence: 1,
    sequence: 2,
    meta: { mode: 0o600, size: bytes.length, mtimeNs: 8n, ctimeNs: 9n },
    keepBytes: 0,
    content: undefined,
    chunks: [],
    patches: [{ offset: 0, bytes }],
  }
}

/** A journal in a directory of its own with these records, closed. */
async function written(...numbers: number[]): Promise<string> {
  const dir = path.join(temporaryDirectory(), 'journal')
  const journal = await Journal.open({ dir, keys: KEYS })
  for (const number of numbers) journal.append(rename(number))
  await journal.close()
  return dir
}

async function replayed(dir: string, files?: Files): Promise<JournalRecord[]> {
  await using journal = await Journal.open({ dir, keys: KEYS, files })
  return [...journal.replay()]
}

function segmentsIn(dir: string): string[] {
  return readdirSync(dir).sort()
}

function firstSegment(dir: string): string {
  return path.join(dir, '00000001.journal')
}

function flip(file: string, offset: number): void {
  const bytes = readFileSync(file)
  bytes[offset]! ^= 1
  writeFileSync(file, bytes)
}

/** Offset of a record of `rename(0..9)` in its segment. */
function recordAt(file: string, index: number, count: number): number {
  const recordBytes = (readFileSync(file).length - SEGMENT_HEADER_BYTES) / count
  return SEGMENT_HEADER_BYTES + index * recordBytes
}

describe('Journal', () => {
  it('replays what was appended, in order, and only what earlier runs appended', async () => {
    const dir = await written(1, 2)
    const journal = await Journal.open({ dir, keys: KEYS })
    journal.append(rename(3))
    assert.deepEqual([...journal.replay()], [rename(1), rename(2)])
    await journal.close()
    assert.deepEqual(await replayed(dir), [rename(1), rename(2), rename(3)])
  })

  it('replays the same as often as it is asked', async () => {
    const dir = await written(1, 2)
    await using journal = await Journal.open({ dir, keys: KEYS })
    assert.deepEqual([...journal.replay()], [...journal.replay()])
  })

  it('has nothing on disk until the first record', async () => {
    assert.deepEqual(segmentsIn(await written()), [])
  })

  it('keeps a commit with its bytes, readable to nobody without the key', async () => {
    const dir = await written()
    const secret = Buffer.from('what nobody else may read '.repeat(100))
    const journal = await Journal.open({ dir, keys: KEYS })
    journal.append(commit(secret))
    await journal.close()
    assert.equal(readFileSync(firstSegment(dir)).indexOf('nobody'), -1)
    assert.deepEqual(await replayed(dir), [commit(secret)])
  })

  it('knows its length and whether it is empty', async () => {
    const dir = await written()
    const journal = await Journal.open({ dir, keys: KEYS })
    assert.ok(journal.empty)
    assert.equal(journal.bytes, 0)
    journal.append(rename(1))
    assert.ok(!journal.empty)
    await journal.close()
    await using again = await Journal.open({ dir, keys: KEYS })
    assert.ok(!again.empty)
    assert.equal(again.bytes, readFileSync(firstSegment(dir)).length)
    again.dropThrough(again.rotate())
    assert.ok(again.empty)
    assert.equal(again.bytes, 0)
  })

  it('drops what was appended up to a mark, and keeps what came after', async () => {
    const dir = await written(1)
    const journal = await Journal.open({ dir, keys: KEYS })
    journal.append(rename(2))
    const mark = journal.rotate()
    journal.append(rename(3))
    journal.dropThrough(mark)
    await journal.close()
    assert.deepEqual(await replayed(dir), [rename(3)])
  })

  it('does not replay what was dropped', async () => {
    await using journal = await Journal.open({ dir: await written(1), keys: KEYS })
    journal.dropThrough(journal.rotate())
    assert.deepEqual([...journal.replay()], [])
  })

  it('writes one segment between two rotations, and goes on after one without records', async () => {
    const dir = await written()
    const journal = await Journal.open({ dir, keys: KEYS })
    journal.rotate()
    journal.append(rename(1))
    journal.rotate()
    journal.rotate()
    journal.append(rename(2))
    await journal.close()
    assert.deepEqual(segmentsIn(dir), ['00000001.journal', '00000002.journal'])
    assert.deepEqual(await replayed(dir), [rename(1), rename(2)])
  })

  it('begins another segment when one grew large', async () => {
    const dir = await written()
    const journal = await Journal.open({ dir, keys: KEYS })
    for (let count = 0; count < 3; count++) journal.append(commit(Buffer.alloc(17 * 1024 * 1024)))
    await journal.close()
    assert.equal(segmentsIn(dir).length, 2)
    assert.equal((await replayed(dir)).length, 3)
  })
})

describe('Journal.note', () => {
  it('waits in an empty journal for the first record, and stands before it', async () => {
    const dir = await written()
    const journal = await Journal.open({ dir, keys: KEYS })
    journal.note(rename(1))
    journal.note(rename(2))
    assert(journal.empty)
    journal.append(rename(3))
    journal.note(rename(4))
    await journal.close()
    assert.deepEqual(await replayed(dir), [1, 2, 3, 4].map(rename))
  })

  it('waits with no more than 256, the last ones', async () => {
    const dir = await written()
    const journal = await Journal.open({ dir, keys: KEYS })
    for (let i = 1; i <= 300; i++) journal.note(rename(i))
    journal.append(rename(301))
    await journal.close()
    const records = await replayed(dir)
    assert.deepEqual([records.length, records[0], records.at(-1)], [257, rename(45), rename(301)])
  })

  it('waits on when a record could not be appended, and is written once', async () => {
    let full = true
    const writeSync: Files['writeSync'] = (...args) => {
      if (full) throw diskError('ENOSPC')
      return realFiles.writeSync(...args)
    }
    const dir = await written()
    const journal = await Journal.open({ dir, keys: KEYS, files: { ...realFiles, writeSync } })
    journal.note(rename(1))
    assert.throws(() => journal.append(rename(2)), { kind: 'no-space' })
    full = false
    journal.append(rename(2))
    await journal.close()
    assert.deepEqual(await replayed(dir), [1, 2].map(rename))
  })
})

describe('Journal.sync', () => {
  function counting(replaced: Partial<Files> = {}) {
    const count = { data: 0, names: 0 }
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
      ...replaced,
    }
    return { files, count }
  }

  it('syncs each segment once, and the directory for new ones', async () => {
    const { files, count } = counting()
    await using journal = await Journal.open({ dir: await written(1), keys: KEYS, files })
    count.names = 0
    await journal.sync()
    assert.deepEqual(count, { data: 1, names: 0 })
    journal.append(rename(2))
    journal.rotate()
    journal.append(rename(3))
    await journal.sync()
    assert.deepEqual(count, { data: 3, names: 1 })
    await journal.sync()
    assert.deepEqual(count, { data: 3, names: 1 })
    journal.append(rename(4))
    await journal.sync()
    assert.deepEqual(count, { data: 4, names: 1 })
  })

  it('serves callers that wait together with one sync', async () => {
    const { files, count } = counting()
    await using journal = await Journal.open({ dir: await written(), keys: KEYS, files })
    const syncs: Promise<void>[] = []
    for (let number = 0; number < 20; number++) {
      journal.append(rename(number))
      syncs.push(journal.sync())
    }
    await Promise.all(syncs)
    assert.equal(count.data, 1)
  })

  it('syncs what was appended while a sync was under way with the next', async () => {
    const { files, count } = counting()
    await using journal = await Journal.open({ dir: await written(), keys: KEYS, files })
    journal.append(rename(1))
    const first = journal.sync()
    await new Promise(setImmediate)
    journal.append(rename(2))
    await Promise.all([first, journal.sync()])
    assert.equal(count.data, 2)
  })

  for (const call of ['dataSync', 'sync'] as const) {
    it(`goes on failing after a failed ${call}, until what was appended is dropped`, async (t) => {
      t.mock.method(process.stderr, 'write', () => true)
      let failing = false
      const { files } = counting({
        [call]: async () => {
          if (failing) throw diskError('EIO')
        },
      })
      await using journal = await Journal.open({ dir: await written(), keys: KEYS, files })
      journal.append(rename(1))
      failing = true
      await assert.rejects(journal.sync(), { kind: 'io' })
      failing = false
      await assert.rejects(journal.sync(), { kind: 'io' })
      journal.append(rename(2))
      await assert.rejects(journal.sync(), { kind: 'io' })
      const mark = journal.rotate()
      journal.append(rename(3))
      journal.dropThrough(mark)
      await journal.sync()
    })
  }
})

describe('Journal on a full disk', () => {
  it('appends nothing of a record that does not fit, and goes on when it does', async () => {
    let room = Number.POSITIVE_INFINITY
    const files: Files = {
      ...realFiles,
      writeSync: (fd, bytes, offset, position) => {
        if (room === 0) throw diskError('ENOSPC')
        const written = realFiles.writeSync(fd, bytes.subarray(0, offset + room), offset, position)
        room -= written
        return written
      },
    }
    const dir = await written()
    const journal = await Journal.open({ dir, keys: KEYS, files })
    journal.append(rename(1))
    const bytes = journal.bytes
    room = 10
    assert.throws(() => journal.append(rename(2)), { kind: 'no-space' })
    assert.equal(journal.bytes, bytes)
    assert.equal(readFileSync(firstSegment(dir)).length, bytes)
    room = Number.POSITIVE_INFINITY
    journal.append(rename(3))
    await journal.sync()
    await journal.close()
    assert.deepEqual(await replayed(dir), [rename(1), rename(3)])
  })

  it('leaves no segment that could not be begun', async () => {
    let full = true
    const files: Files = {
      ...realFiles,
      writeSync: (fd, bytes, offset, position) => {
        if (full) throw diskError('ENOSPC')
        return realFiles.writeSync(fd, bytes, offset, position)
      },
    }
    const dir = await written()
    const journal = await Journal.open({ dir, keys: KEYS, files })
    assert.throws(() => journal.append(rename(1)), { kind: 'no-space' })
    assert.deepEqual(segmentsIn(dir), [])
    full = false
    journal.append(rename(2))
    await journal.close()
    assert.deepEqual(await replayed(dir), [rename(2)])
  })

  it('goes on in a new segment when a torn record cannot be cut off', async () => {
    let failing = false
    const files: Files = {
      ...realFiles,
      writeSync: (fd, bytes, offset, position) => {
        if (failing && offset > 0) throw diskError('EIO')
        return realFiles.writeSync(fd, failing ? bytes.subarray(0, 20) : bytes, offset, position)
      },
      truncateSync: () => {
        throw diskError('EIO')
      },
    }
    const dir = await written()
    const journal = await Journal.open({ dir, keys: KEYS, files })
    journal.append(rename(1))
    failing = true
    assert.throws(() => journal.append(rename(2)), { kind: 'io' })
    failing = false
    journal.append(rename(3))
    await journal.sync()
    await journal.close()
    assert.deepEqual(await replayed(dir), [rename(1), rename(3)])
  })
})

describe('Journal of one who syncs each record', () => {
  /** A journal with records that were synced one by one: room for the next follows them. */
  async function synced(...numbers: number[]): Promise<{ journal: Journal; file: string }> {
    const dir = await written()
    const journal = await Journal.open({ dir, keys: KEYS })
    for (const number of numbers) {
      journal.append(rename(number))
      await journal.sync()
    }
    return { journal, file: firstSegment(dir) }
  }

  it('has room ahead, which counts for nothing and is filled', async () => {
    const { journal, file } = await synced(1)
    assert.equal(readFileSync(file).length, journal.bytes, 'one sync needs none')
    journal.append(rename(2))
    await journal.sync()
    const length = readFileSync(file).length
    assert.ok(length > journal.bytes + 8 * 1024)
    const numbers = Array.from({ length: 300 }, (_, i) => i + 3)
    for (const number of numbers) {
      journal.append(rename(number))
      if (number % 3 === 0) await journal.sync()
    }
    assert.equal(readFileSync(file).length, length)
    for (let i = 0; i < 40; i++) {
      journal.append(commit(Buffer.alloc(10_000, i)))
      await journal.sync()
    }
    assert.ok(readFileSync(file).length > journal.bytes)
    await journal.close()
    const records = await replayed(path.dirname(file))
    assert.deepEqual(records.slice(0, 302), [1, 2, ...numbers].map(rename))
    assert.deepEqual(records[341], commit(Buffer.alloc(10_000, 39)))
    assert.equal(records.length, 342)
  })

  it('goes on without room on a disk that has none', async () => {
    let full = false
    const files: Files = {
      ...realFiles,
      writeSync: (fd, bytes, offset, position) => {
        if (full && bytes.length > 10_000) throw diskError('ENOSPC')
        return realFiles.writeSync(fd, bytes, offset, position)
      },
    }
    const dir = await written()
    const journal = await Journal.open({ dir, keys: KEYS, files })
    full = true
    for (const number of [1, 2, 3]) {
      journal.append(rename(number))
      await journal.sync()
    }
    assert.equal(readFileSync(firstSegment(dir)).length, journal.bytes)
    await journal.close()
    assert.deepEqual(await replayed(dir), [1, 2, 3].map(rename))
  })

  const SECTOR = 512
  /** What power loss makes of records that were not synced: some sectors have them, others zeroes as before. */
  const losses: Record<string, (bytes: Buffer, from: number, to: number) => void> = {
    'none of it': (bytes, from, to) => bytes.fill(0, from, to),
    'its head': (bytes, from, to) => bytes.fill(0, from + SECTOR - (from % SECTOR), to),
    'its end': (bytes, from) => bytes.fill(0, from, from + 2 * SECTOR - (from % SECTOR)),
    'its middle': (bytes, from, to) => {
      bytes.fill(0, from, from + 2 * SECTOR - (from % SECTOR))
      bytes.fill(0, to - 2 * SECTOR, to)
    },
  }
  for (const [what, lose] of Object.entries(losses)) {
    for (const records of [1, 2]) {
      it(`ends quietly where ${what} came to the disk of ${records} that were not synced`, async (t) => {
        const said = t.mock.method(process.stderr, 'write', () => true)
        const { journal, file } = await synced(1, 2, 3)
        const from = journal.bytes
        for (let i = 0; i < records; i++) journal.append(commit(Buffer.alloc(5000, i)))
        const to = journal.bytes
        await journal.close()
        const bytes = readFileSync(file)
        lose(bytes, from, to)
        writeFileSync(file, bytes)
        const found = await replayed(path.dirname(file))
        assert.deepEqual(found.slice(0, 3), [1, 2, 3].map(rename))
        if (said.mock.callCount() > 0) assert.equal(found.length, 4, 'said only where a later record came through')
        if (records === 1) assert.deepEqual([found.length, said.mock.callCount()], [3, 0])
      })
    }
  }

  it('says that records were damaged, in front of room as elsewhere', async (t) => {
    const said = t.mock.method(process.stderr, 'write', () => true)
    const { journal, file } = await synced(1, 2, 3)
    await journal.close()
    flip(file, SEGMENT_HEADER_BYTES + 3)
    assert.deepEqual(await replayed(path.dirname(file)), [2, 3].map(rename))
    assert.equal(said.mock.callCount(), 1)
  })
})

describe('Journal found after a crash', () => {
  const tears: Record<string, (file: string) => void> = {
    'cut inside its last record': (file) => truncateSync(file, readFileSync(file).length - 5),
    'with zeroes for its last record': (file) => {
      const bytes = readFileSync(file)
      writeFileSync(file, bytes.fill(0, recordAt(file, 2, 3)))
    },
    'with other bytes in its last record': (file) => flip(file, readFileSync(file).length - 20),
    'with a few bytes of a record begun': (file) => {
      truncateSync(file, recordAt(file, 2, 3))
      appendFileSync(file, Buffer.alloc(RECORD_HEAD_BYTES - 1, 9))
    },
  }
  for (const [what, tear] of Object.entries(tears)) {
    it(`ends quietly at the tail of a segment ${what}`, async (t) => {
      const said = t.mock.method(process.stderr, 'write', () => true)
      const dir = await written(1, 2, 3)
      tear(firstSegment(dir))
      assert.deepEqual(await replayed(dir), [rename(1), rename(2)])
      assert.equal(said.mock.callCount(), 0)
      assert.deepEqual(segmentsIn(dir), ['00000001.journal'])
    })
  }

  it('goes on with the next segment after a torn tail, and never appends behind it', async () => {
    const dir = await written(1, 2)
    const file = firstSegment(dir)
    truncateSync(file, readFileSync(file).length - 1)
    const journal = await Journal.open({ dir, keys: KEYS })
    journal.append(rename(3))
    await journal.close()
    assert.deepEqual(await replayed(dir), [rename(1), rename(3)])
  })

  for (const length of [0, 10, SEGMENT_HEADER_BYTES - 1]) {
    it(`passes over a segment of ${length} bytes`, async (t) => {
      const said = t.mock.method(process.stderr, 'write', () => true)
      const dir = await written(1)
      writeFileSync(path.join(dir, '00000002.journal'), readFileSync(firstSegment(dir)).subarray(0, length))
      assert.deepEqual(await replayed(dir), [rename(1)])
      assert.equal(said.mock.callCount(), 0)
    })
  }

  for (const [what, within] of [
    ['the head', 3],
    ['the bytes', RECORD_HEAD_BYTES + 3],
  ] as const) {
    it(`loses only the record of which ${what} were damaged, keeps a copy and says so`, async (t) => {
      const said = t.mock.method(process.stderr, 'write', () => true)
      const dir = await written(1, 2, 3, 4)
      const file = firstSegment(dir)
      flip(file, recordAt(file, 1, 4) + within)
      assert.deepEqual(await replayed(dir), [rename(1), rename(3), rename(4)])
      assert.equal(said.mock.callCount(), 1)
      assert.deepEqual(await replayed(dir), [rename(1), rename(3), rename(4)])
      const journal = await Journal.open({ dir, keys: KEYS })
      journal.dropThrough(journal.rotate())
      await journal.close()
      assert.deepEqual(segmentsIn(dir), ['00000001.journal.damaged'])
    })
  }

  it('passes over zeroed pages in the middle', async (t) => {
    t.mock.method(process.stderr, 'write', () => true)
    const dir = await written()
    const journal = await Journal.open({ dir, keys: KEYS })
    journal.append(commit(Buffer.alloc(4 * 1024 * 1024)))
    journal.append(rename(2))
    await journal.close()
    const bytes = readFileSync(firstSegment(dir))
    writeFileSync(firstSegment(dir), bytes.fill(0, SEGMENT_HEADER_BYTES, 4 * 1024 * 1024))
    assert.deepEqual(await replayed(dir), [rename(2)])
  })

  it('keeps a copy of a segment with a damaged header and goes on with the next', async (t) => {
    t.mock.method(process.stderr, 'write', () => true)
    const dir = await written(1)
    const journal = await Journal.open({ dir, keys: KEYS })
    journal.append(rename(2))
    await journal.close()
    flip(firstSegment(dir), 0)
    assert.deepEqual(await replayed(dir), [rename(2)])
    assert.ok(segmentsIn(dir).includes('00000001.journal.damaged'))
  })

  it('copies a damaged segment where there are no hard links', async (t) => {
    t.mock.method(process.stderr, 'write', () => true)
    const dir = await written(1, 2)
    flip(firstSegment(dir), 0)
    const linkSync = () => {
      throw diskError('EPERM')
    }
    await replayed(dir, { ...realFiles, linkSync })
    assert.ok(segmentsIn(dir).includes('00000001.journal.damaged'))
  })

  it('refuses a segment of another personal key and leaves it', async () => {
    const dir = await written(1)
    const before = readFileSync(firstSegment(dir))
    await assert.rejects(Journal.open({ dir, keys: Keys.derive(Buffer.alloc(32, 2)) }), { kind: 'wrong-key' })
    assert.deepEqual(readFileSync(firstSegment(dir)), before)
  })

  it('refuses a segment of a newer dfs and leaves it', async () => {
    const dir = await written(1)
    copyFileSync(firstSegment(dir), path.join(dir, '00000002.journal'))
    const newer = readFileSync(firstSegment(dir))
    newer[4] = 2
    writeFileSync(path.join(dir, '00000002.journal'), newer)
    await assert.rejects(Journal.open({ dir, keys: KEYS }), { kind: 'newer-version' })
    assert.deepEqual(segmentsIn(dir), ['00000001.journal', '00000002.journal'])
    assert.deepEqual(readFileSync(path.join(dir, '00000002.journal')), newer)
  })

  it('fails with io when a segment cannot be read', async () => {
    const dir = await written(1)
    const readFileSync = () => {
      throw diskError('EIO')
    }
    await assert.rejects(replayed(dir, { ...realFiles, readFileSync }), { kind: 'io' })
  })
})
