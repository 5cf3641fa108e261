import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { INLINE_BYTES_MAX } from '../../../src/format/stub.ts'
import { ContentHarness } from './content-harness.ts'
import { noise } from './support.ts'

const KIB = 1024
const MIB = 1024 * KIB

type Operation = {
  kind: 'write' | 'truncate' | 'clear' | 'copy' | 'seal' | 'other'
  at: number
  length: number
  choice: number
}

/** Offsets around where something changes: what fits a stub, and borders of chunks and frames. */
function offsets(borders: number[], most: number): fc.Arbitrary<number> {
  const near = fc
    .tuple(fc.constantFrom(...borders), fc.integer({ min: -3, max: 3 }))
    .map(([at, by]) => Math.max(0, at + by))
  return fc.oneof(near, fc.nat(most))
}

function operations(at: fc.Arbitrary<number>, lengthMax: number, most: number): fc.Arbitrary<Operation[]> {
  const kinds = ['write', 'write', 'truncate', 'clear', 'copy', 'seal', 'other', 'other'] as const
  const kind = fc.constantFrom<Operation['kind'][]>(...kinds)
  const length = fc.oneof(fc.constantFrom(64 * KIB, 256 * KIB), fc.integer({ min: 1, max: lengthMax }))
  return fc.array(fc.record({ kind, at, length, choice: fc.nat(7) }), { maxLength: most })
}

async function run(all: Operation[]): Promise<void> {
  const harness = new ContentHarness()
  for (const [i, { kind, at, length, choice }] of all.entries()) {
    if (kind === 'write') harness.write(at, choice === 0 ? Buffer.alloc(length) : noise(length, i + 1))
    else if (kind === 'truncate') harness.truncate(choice === 0 ? 0 : at)
    else if (kind === 'clear') harness.clear(choice < 4 ? 0 : at, at + length)
    else if (kind === 'copy') await harness.copyChunk(choice % 3, Math.floor(choice / 3))
    else if (kind === 'seal') harness.beginSeal(choice)
    else if (choice < 2) harness.commit()
    else if (choice < 3) harness.beginCheckpoint()
    else if (choice < 5) await harness.endCheckpoint(choice === 3)
    else if (choice < 7) await harness.endSeal()
    await harness.checkContent()
    await harness.checkJournal()
  }
  await harness.finish()
}

test('reads back what was written, and the journal what was committed, whatever is sealed meanwhile', async () => {
  const at = offsets([0, INLINE_BYTES_MAX, 64 * KIB, 128 * KIB, 192 * KIB], 200 * KIB)
  await fc.assert(fc.asyncProperty(operations(at, 40 * KIB, 25), run), { numRuns: 100 })
})

test('the same where chunks become longer', async () => {
  const at = offsets([0, 64 * KIB, 8 * MIB - 64 * KIB, 8 * MIB, 8 * MIB + 256 * KIB], 9 * MIB)
  await fc.assert(fc.asyncProperty(operations(at, 300 * KIB, 12), run), { numRuns: 10 })
})

test('a block sealed before a cut shows nothing of what was cut off when the file grows again', async () => {
  const harness = new ContentHarness()
  harness.write(0, noise(64 * KIB))
  harness.beginSeal(0)
  await harness.endSeal()
  harness.truncate(10)
  harness.commit()
  harness.truncate(64 * KIB)
  harness.commit()
  await harness.checkJournal()
  await harness.finish()
})

test('what is cleared while a checkpoint stores it stays cleared, also if it had been before', async () => {
  const harness = new ContentHarness()
  harness.write(0, noise(16 * KIB, 1))
  harness.clear(0, 16 * KIB)
  harness.write(0, noise(16 * KIB, 2))
  harness.beginCheckpoint()
  harness.clear(0, 16 * KIB)
  await harness.endCheckpoint(true)
  await harness.checkContent()
  await harness.finish()
})

test('a chunk that is copied anew while a checkpoint stores what was written over it is the copied one', async () => {
  const harness = new ContentHarness()
  harness.write(0, noise(128 * KIB))
  harness.beginSeal(0)
  await harness.endSeal()
  await harness.copyChunk(0, 1)
  harness.write(64 * KIB, noise(100, 7))
  harness.beginCheckpoint()
  await harness.copyChunk(0, 1)
  await harness.endCheckpoint(true)
  await harness.checkContent()
  await harness.finish()
})

test('a chunk with gaps is sealed over what lay below it when that began', async () => {
  const harness = new ContentHarness()
  harness.write(0, noise(256 * KIB))
  for (let i = 0; i < 4; i++) {
    harness.beginSeal(0)
    await harness.endSeal()
  }
  harness.beginCheckpoint()
  for (let at = 0; at < 60 * KIB; at += 8 * KIB) harness.write(at, noise(100, at + 1))
  harness.beginSeal(0)
  await harness.endCheckpoint(true)
  await harness.endSeal()
  await harness.checkContent()
  await harness.finish()
})

test('a small file that grew has the first chunk that was sealed since, not what its stub carried', async () => {
  const harness = new ContentHarness()
  harness.write(0, noise(2670, 1))
  harness.beginCheckpoint()
  await harness.endCheckpoint(true)
  harness.write(0, noise(100 * KIB, 2))
  harness.beginSeal(0)
  await harness.endSeal()
  harness.beginCheckpoint()
  await harness.endCheckpoint(true)
  await harness.checkContent()
  await harness.finish()
})

test('holes between far ends of a file cost nothing and read as zeroes', async () => {
  const harness = new ContentHarness()
  const far = 128 * MIB + 512 * KIB
  harness.content.write(far, Buffer.from('end'))
  harness.content.write(0, Buffer.from('begin'))
  harness.content.truncate(128 * MIB - 5)
  harness.content.truncate(far + 2 * MIB)
  const middle = Buffer.alloc(2 * MIB, 1)
  await harness.content.read(128 * MIB - MIB, middle)
  assert.ok(middle.equals(Buffer.alloc(2 * MIB)))
  assert.ok(harness.dirty.bytes <= 2 * MIB)
  const begin = Buffer.alloc(6)
  await harness.content.read(0, begin)
  assert.equal(begin.toString(), 'begin\0')
  harness.content.dispose()
  assert.equal(harness.dirty.bytes, 0)
})

test('disposing gives all memory back, that of chunks being sealed once they are', async () => {
  const harness = new ContentHarness()
  harness.write(0, noise(300 * KIB))
  harness.beginSeal(1)
  harness.beginCheckpoint()
  harness.write(100, noise(50))
  harness.content.dispose()
  assert.ok(harness.dirty.bytes >= 300 * KIB)
  await harness.endSeal()
  await harness.endCheckpoint(true)
  assert.equal(harness.dirty.bytes, 0)
})
