/** What FORMAT.md says of sealing is what `seal/` does: vectors made from the page alone open, and where nothing is random are made again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BlockKind, BlockRef } from '../../../src/dfs.ts'
import { DfsError } from '../../../src/errors.ts'
import { cidOfDigest } from '../../../src/format/cid.ts'
import type { HeadBody, HeadLabel } from '../../../src/format/head-record.ts'
import { decodeRecord, type JournalRecord } from '../../../src/format/journal-record.ts'
import { decodeRecordFrame, SEGMENT_HEADER_BYTES } from '../../../src/format/journal-segment.ts'
import { contentHash, digestOf } from '../../../src/seal/hash.ts'
import { openHead, verifyHead } from '../../../src/seal/head-seal.ts'
import { SegmentOpener } from '../../../src/seal/journal-seal.ts'
import { Keys } from '../../../src/seal/keys.ts'
import { openBlock } from '../../../src/seal/open-block.ts'
import { sealBlock } from '../../../src/seal/seal-block.ts'
import { openStub, openTrailer } from '../../../src/seal/stub-slot.ts'
import { openRow } from '../../../src/seal/sync-seal.ts'
import { readVectors, refusalOf, revive, type Vector } from './vectors.ts'

const { valid, invalid } = readVectors('sealed')
const { personalKey, ...secrets } = revive(valid[0]!.value) as Record<string, Buffer>
const keys = Keys.derive(personalKey!)

interface SealedPlain {
  readonly kind: BlockKind
  readonly plain: Buffer
  readonly ref: BlockRef
}

const bytesOf = ({ hex }: Vector) => Buffer.from(hex!, 'hex')
const vectorsOf = (what: string) => valid.filter((vector) => vector.what === what)

test('sealed: the secrets follow from the personal key', () => {
  for (const [name, secret] of Object.entries(secrets)) assert.deepEqual(keys[name as keyof Keys], secret, name)
})

for (const vector of vectorsOf('block')) {
  test(`sealed: block "${vector.name}" opens, and its names follow from its bytes`, () => {
    const { plain, ref } = revive(vector.value) as SealedPlain
    const bytes = bytesOf(vector)
    assert.deepEqual(openBlock(bytes, ref), plain)
    assert.equal(cidOfDigest(digestOf(bytes)), ref.cid)
    assert.deepEqual(contentHash(keys, plain), ref.hash)
  })
}

// What zstd gives is up to its version: compressed blocks are opened alike everywhere, but not made alike.
for (const vector of vectorsOf('block').filter(({ name }) => name !== 'compressed frame')) {
  test(`sealed: block "${vector.name}" is made again, byte for byte`, () => {
    const { kind, plain, ref } = revive(vector.value) as SealedPlain
    assert.deepEqual(sealBlock(kind, plain, keys), { ref, bytes: bytesOf(vector) })
  })
}

for (const vector of vectorsOf('stub')) {
  test(`sealed: stub "${vector.name}" opens`, () => {
    const opened = openStub(bytesOf(vector), keys)
    assert.deepEqual(opened, { state: revive(vector.value), slot: 0, newerMayBeLost: false })
  })
}

for (const vector of vectorsOf('trailer')) {
  test(`sealed: trailer "${vector.name}" opens`, () => assert.equal(openTrailer(bytesOf(vector), keys), vector.value))
}

for (const vector of vectorsOf('segment')) {
  test(`sealed: journal segment "${vector.name}" opens`, () => {
    assert.deepEqual(readSegment(bytesOf(vector)), revive(vector.value))
  })
}

for (const vector of vectorsOf('head')) {
  test(`sealed: head "${vector.name}" is signed, and opens`, () => {
    assert.deepEqual(readHead(bytesOf(vector)), revive(vector.value))
  })
}

for (const vector of vectorsOf('row')) {
  test(`sealed: row "${vector.name}" opens, and only as what it is of`, () => {
    const { key, plain } = revive(vector.value) as { key: Buffer; plain: Buffer }
    assert.deepEqual(openRow(key, bytesOf(vector), keys), plain)
    const elsewhere = Buffer.from(key)
    elsewhere[1]! ^= 1
    assert.equal(refusalOf(() => openRow(elsewhere, bytesOf(vector), keys))?.kind, 'corrupt')
  })
}

const OPENERS: Readonly<Record<string, (bytes: Buffer, vector: Vector) => unknown>> = {
  block: (bytes, { value }) => openBlock(bytes, (revive(value) as SealedPlain).ref),
  stub: (bytes) => openStub(bytes, keys),
  trailer: (bytes) => openTrailer(bytes, keys),
  segment: readSegment,
  head: readHead,
}

// Passphrases take their time, and are tried in `sealed-keys.test.ts`.
for (const vector of invalid.filter(({ what }) => what !== 'passphrase file')) {
  test(`sealed: ${vector.what} with "${vector.name}" is refused as ${vector.kind}`, () => {
    assert.equal(refusalOf(() => OPENERS[vector.what]!(bytesOf(vector), vector))?.kind, vector.kind)
  })
}

function readHead(record: Buffer): { label: HeadLabel; body: HeadBody } {
  const head = verifyHead(record)
  return { label: head.label, body: openHead(head, keys) }
}

function readSegment(segment: Buffer): JournalRecord[] {
  const opener = new SegmentOpener(segment, keys)
  const records: JournalRecord[] = []
  let [offset, after] = [SEGMENT_HEADER_BYTES, -1]
  for (;;) {
    const frame = decodeRecordFrame(segment, offset, after)
    if (frame.kind === 'end') return records
    const plain = frame.kind === 'record' ? opener.open(frame) : undefined
    if (frame.kind !== 'record' || plain === undefined) throw new DfsError('corrupt', 'a record does not open')
    records.push(decodeRecord(plain))
    offset = frame.end
    after = frame.number
  }
}
