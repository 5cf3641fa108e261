/**
 * A tree of files with the sizes of a source tree (log-normal, median 3 KiB, mean about 8 KiB, 10 files a directory)
 * and content that does not compress, packed with the real `tar`.
 */
import { randomFillSync } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { runOk } from '../e2e/support/process.ts'
import { Random } from '../support/random.ts'

const FILES_PER_DIRECTORY = 10
const MEDIAN_BYTES = 3072
const SPREAD = 1.4
const BYTES_MAX = 1024 * 1024

/** Writes `archive`; content differs each time, so that no store has seen it before. Sizes and names never differ. */
export async function packSourceTree(archive: string, files: number): Promise<void> {
  const tree = `${archive}.tree`
  const random = new Random(files)
  for (let index = 0; index < files; index++) {
    const path = join(tree, ...pathOf(index))
    if (index % FILES_PER_DIRECTORY === 0) mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, randomFillSync(Buffer.alloc(sizeOf(random))))
  }
  await runOk('tar', ['-cf', archive, '-C', tree, '.'])
  rmSync(tree, { recursive: true })
}

function pathOf(index: number): string[] {
  const directory = Math.floor(index / FILES_PER_DIRECTORY)
  const parents = [Math.floor(directory / 64), Math.floor(directory / 8) % 8, directory % 8]
  return [...parents.map((number) => `module-${number}`), `source-${index}.c`]
}

/** Box and Muller's method gives the normal deviate. */
function sizeOf(random: Random): number {
  const [u, v] = [(random.next() + 1) / 2 ** 32, random.next() / 2 ** 32]
  const deviate = Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v)
  return Math.min(BYTES_MAX, Math.round(MEDIAN_BYTES * Math.exp(SPREAD * deviate)))
}
