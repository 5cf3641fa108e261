/** Small words for what the tests of single operations do over and over. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { Random } from '../../support/random.ts'

/** Bytes that do not compress; equal for equal `length` and `seed`. */
export function noise(length: number, seed = length): Buffer {
  return new Random(seed).bytes(length)
}

/** Opens a file for the time of `work`. */
export function withFile<T>(path: fs.PathLike, flags: string | number, work: (fd: number) => T): T {
  const fd = fs.openSync(path, flags)
  try {
    return work(fd)
  } finally {
    fs.closeSync(fd)
  }
}

export function assertContent(path: fs.PathLike, expected: Buffer | string): void {
  const content = fs.readFileSync(path)
  assert(content.equals(Buffer.from(expected as string)), `${path}: ${content.length} bytes, other than expected`)
}

/** Asserts that `work` fails with this errno. */
export function assertFails(code: string, work: () => unknown): void {
  assert.throws(work, (error: NodeJS.ErrnoException) => {
    assert.equal(error.code, code)
    return true
  })
}
