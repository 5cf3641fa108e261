/** A file far larger than any cache: written as a stream, read whole, in pieces, and after a remount. DFS_E2E_LARGE_MIB sets its size. */
import assert from 'node:assert/strict'
import { createCipheriv, createHash } from 'node:crypto'
import { closeSync, createReadStream, openSync, readSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Random } from '../../support/random.ts'
import { target } from '../../support/systems/target.ts'
import { newPlace } from '../support/place.ts'
import { runOk } from '../support/process.ts'

const MIB = 1024 * 1024
const MEBIBYTES = Number(process.env.DFS_E2E_LARGE_MIB ?? 256)

test(`a file of ${MEBIBYTES} MiB is read as it was written, before and after a remount`, {
  skip: target.missing(),
}, async (t) => {
  const system = await target.create(newPlace(t))
  await system.mount()
  const path = join(system.root, 'large')
  const expected = writeStream(path)
  assert.equal(await hashOf(path), expected)
  await system.unmount()
  await system.mount()
  assert.equal(statSync(path).size, MEBIBYTES * MIB)
  const random = new Random(MEBIBYTES)
  for (let count = 0; count < 20; count++) readsPage(path, random.below(MEBIBYTES * 256))
  assert.equal(await hashOf(path), expected)
  const copy = join(system.root, 'copy')
  await runOk('cp', [path, copy], { deadlineMs: 180_000 })
  assert.equal(await hashOf(copy), expected)
  await system.unmount()
})

/** Noise that can be had again for any page: AES-CTR over zeroes. Its hash. */
function writeStream(path: string): string {
  const noise = createCipheriv('aes-256-ctr', Buffer.alloc(32, 1), Buffer.alloc(16))
  const hash = createHash('sha256')
  const fd = openSync(path, 'w')
  for (let piece = 0; piece < MEBIBYTES; piece++) {
    const bytes = noise.update(Buffer.alloc(MIB))
    hash.update(bytes)
    for (let done = 0; done < MIB; ) done += writeSync(fd, bytes, done)
  }
  closeSync(fd)
  return hash.digest('hex')
}

function readsPage(path: string, page: number): void {
  const counter = Buffer.alloc(16)
  counter.writeBigUInt64BE(BigInt(page * 256), 8)
  const expected = createCipheriv('aes-256-ctr', Buffer.alloc(32, 1), counter).update(Buffer.alloc(4096))
  const fd = openSync(path, 'r')
  const bytes = Buffer.alloc(4096)
  assert.equal(readSync(fd, bytes, 0, 4096, page * 4096), 4096)
  closeSync(fd)
  assert(bytes.equals(expected), `page ${page}`)
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const bytes of createReadStream(path, { highWaterMark: MIB })) hash.update(bytes)
  return hash.digest('hex')
}
