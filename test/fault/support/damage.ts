/** Spoils files the way disks do, and tells what a reader may get then. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../../support/random.ts'

/** Paths of all files below a directory; none if it is not there. */
export function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
    .toSorted()
}

/** Turns over one bit. In place: the file keeps its inode. */
export function flipBit(path: string, random: Random): void {
  const bytes = readFileSync(path)
  const at = random.below(bytes.length)
  bytes[at]! ^= 1 << random.below(8)
  writeFileSync(path, bytes, { flag: 'r+' })
}

export function cutShort(path: string, random: Random): void {
  truncateSync(path, random.below(statSync(path).size))
}

/** Reads a file that may be damaged: whole and right (one of `versions`), or EIO. True if it was EIO. */
export function readsRightOrFails(path: string, versions: readonly Buffer[]): boolean {
  let content: Buffer
  try {
    content = readFileSync(path)
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EIO', `${path}: ${(error as Error).message}`)
    return true
  }
  assert(
    versions.some((version) => version.equals(content)),
    `${path} is read as ${content.length} bytes that were never written`,
  )
  return false
}

export function readsRight(path: string, content: Buffer): void {
  assert(readFileSync(path).equals(content), `${path} has other content than was written`)
}
