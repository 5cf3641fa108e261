import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { DigestSet } from '../../../src/store/digest-set.ts'

function digest(seed: number): Buffer {
  return createHash('sha256').update(String(seed)).digest()
}

describe('DigestSet', () => {
  it('has what was added, and nothing else', () => {
    const set = new DigestSet()
    for (let seed = 0; seed < 20_000; seed++) assert.equal(set.add(digest(seed)), seed)
    for (let seed = 0; seed < 20_000; seed++) assert.equal(set.numberOf(digest(seed)), seed)
    for (let seed = 20_000; seed < 30_000; seed++) assert.equal(set.has(digest(seed)), false)
    assert.equal(set.size, 20_000)
  })

  it('adds a digest once', () => {
    const set = new DigestSet()
    assert.equal(set.add(digest(1)), set.add(digest(1)))
    assert.equal(set.size, 1)
  })

  it('tells digests apart that begin alike', () => {
    const set = new DigestSet()
    const digests = Array.from({ length: 1000 }, (_, at) => {
      const bytes = Buffer.alloc(32, 7)
      bytes.writeUInt32LE(at, 28)
      return bytes
    })
    for (const bytes of digests) set.add(bytes)
    assert.equal(set.size, 1000)
    assert.ok(digests.every((bytes, at) => set.numberOf(bytes) === at))
  })

  it('copies what is added', () => {
    const set = new DigestSet()
    const bytes = digest(1)
    set.add(bytes)
    bytes.fill(0)
    assert.ok(set.has(digest(1)))
    assert.deepEqual(set.at(0), digest(1))
  })

  it('holds a million digests in less than 64 MB', () => {
    const set = new DigestSet()
    const bytes = Buffer.alloc(32)
    for (let at = 0; at < 1_000_000; at++) {
      // Spread as digests are, at the price of a multiplication.
      bytes.writeUInt32LE(Math.imul(at + 1, 0x9e3779b1) >>> 0, 0)
      bytes.writeUInt32LE(Math.imul(at + 1, 0x85ebca6b) >>> 0, 4)
      set.add(bytes)
    }
    assert.equal(set.size, 1_000_000)
    assert.ok(set.memoryBytes < 64e6, `${set.memoryBytes} bytes`)
  })
})
