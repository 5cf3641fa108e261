/**
 * Promise 4: no byte is given to a reader that did not pass authentication, whatever happened to what is on disk.
 * DFS_DAMAGE_SEED repeats a run.
 */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { newPlace } from '../e2e/support/place.ts'
import { Random, seedFrom } from '../support/random.ts'
import { fuse } from '../support/requirements.ts'
import { DfsSystem } from '../support/systems/dfs.ts'
import { cutShort, filesBelow, flipBit, readsRight, readsRightOrFails } from './support/damage.ts'

const SIZES = [1, 3000, 3700, 5000, 65536, 65537, 200_000, 700_000]
const skip = fuse()

test('a flipped bit anywhere in a block makes reads fail or harms nothing', { skip }, async (t) => {
  const { system, random, contents } = await storedFiles(t, 4)
  const whole = keepCopy(system.blocks)
  for (const block of filesBelow(system.blocks)) flipBit(block, random)
  await system.mount()
  const failed = [...contents].filter(([name, content]) => readsRightOrFails(join(system.root, name), [content]))
  assert(failed.length > 0, 'some of them have their content in blocks')
  await system.unmount()
  whole.putBack()
  await readsAllRight(system, contents)
})

test('blocks cut short, emptied or gone make reads fail, and only of their files', { skip }, async (t) => {
  const { system, random, contents } = await storedFiles(t, 4)
  const whole = keepCopy(system.blocks)
  const spoil = [cutShort, (path: string) => truncateSync(path), (path: string) => rmSync(path)]
  for (const [index, block] of filesBelow(system.blocks).entries()) spoil[index % spoil.length]!(block, random)
  await system.mount()
  const failed = [...contents].filter(([name, content]) => readsRightOrFails(join(system.root, name), [content]))
  assert(failed.length > 0)
  const fresh = random.bytes(100_000)
  writeFileSync(join(system.root, 'fresh'), fresh)
  readsRight(join(system.root, 'fresh'), fresh)
  await system.unmount()
  whole.putBack()
  await readsAllRight(system, contents)
})

test('a flipped bit anywhere in a stub gives one of the versions of its file, or fails', { skip }, async (t) => {
  const { system, random, contents: older } = await storedFiles(t, 8)
  await system.mount()
  const newer = writeFiles(system.root, random, [...older.keys()])
  await system.unmount()
  for (const name of older.keys()) flipBit(join(system.root, `${name}.f`), random)
  await system.mount()
  for (const [name, content] of newer) {
    // A stub without its first line is an ordinary file under its own name: then NAME itself is not there.
    const path = join(system.root, name)
    try {
      readsRightOrFails(path, [content, older.get(name)!])
    } catch (error) {
      if (!(error as Error).message.includes('ENOENT')) throw error
      readFileSync(`${path}.f`)
    }
  }
  await system.unmount()
})

test('a flipped bit anywhere in the journal gives one of the versions of each file, or fails', { skip }, async (t) => {
  for (let round = 0; round < 3; round++) {
    const { system, random, contents: older } = await storedFiles(t, 2)
    await system.mount()
    const newer = writeFiles(system.root, random, [...older.keys()])
    await system.kill()
    const segments = filesBelow(system.journal).filter((path) => readFileSync(path).length > 0)
    assert(segments.length > 0, 'the journal holds what was closed and is not in stubs yet')
    flipBit(random.pick(segments), random)
    await system.mount()
    for (const [name, content] of newer) readsRightOrFails(join(system.root, name), [content, older.get(name)!])
    await system.unmount()
  }
})

test('a journal cut short gives one of the versions of each file', { skip }, async (t) => {
  const { system, random, contents: older } = await storedFiles(t, 2)
  await system.mount()
  const newer = writeFiles(system.root, random, [...older.keys()])
  await system.kill()
  cutShort(random.pick(filesBelow(system.journal).filter((path) => readFileSync(path).length > 0)), random)
  await system.mount()
  for (const [name, content] of newer)
    assert(!readsRightOrFails(join(system.root, name), [content, older.get(name)!]), `${name} fails`)
  await system.unmount()
})

test('while the block directory is gone nothing is read as empty, and all is there when it is back', {
  skip,
}, async (t) => {
  const { system, contents } = await storedFiles(t, 2)
  const stubs = new Map(filesBelow(system.root).map((path) => [path, readFileSync(path)]))
  const away = `${system.blocks}.away`
  renameSync(system.blocks, away)
  const { code, stderr } = await system.command(['mount', system.root])
  if (code === 0) {
    const failed = [...contents].filter(([name, content]) => readsRightOrFails(join(system.root, name), [content]))
    assert(failed.length > 0)
    await system.unmount()
  } else assert.match(stderr, /^\S.*\n$/, 'one line says so')
  for (const [path, bytes] of stubs) assert(readFileSync(path).equals(bytes), `${path} is left alone`)
  rmSync(system.blocks, { recursive: true, force: true })
  renameSync(away, system.blocks)
  await readsAllRight(system, contents)
})

/** A folder with `rounds` files of each size, written and unmounted. */
async function storedFiles(t: TestContext, rounds: number) {
  const seed = seedFrom('DFS_DAMAGE_SEED')
  t.diagnostic(`seed ${seed}`)
  const random = new Random(seed)
  const system = new DfsSystem(newPlace(t))
  await system.mount()
  mkdirSync(join(system.root, 'directory'))
  const names = Array.from({ length: rounds * SIZES.length }, (_, index) =>
    index % 2 ? `directory/${index}` : `${index}`,
  )
  const contents = writeFiles(system.root, random, names)
  await system.unmount()
  return { system, random, contents }
}

function writeFiles(root: string, random: Random, names: readonly string[]): Map<string, Buffer> {
  const contents = names.map((name, index) => [name, random.bytes(SIZES[index % SIZES.length]!)] as const)
  for (const [name, content] of contents) writeFileSync(join(root, name), content)
  return new Map(contents)
}

async function readsAllRight(system: DfsSystem, contents: ReadonlyMap<string, Buffer>): Promise<void> {
  await system.mount()
  for (const [name, content] of contents) readsRight(join(system.root, name), content)
  await system.unmount()
}

function keepCopy(directory: string): { putBack(): void } {
  const copy = `${directory}.copy`
  cpSync(directory, copy, { recursive: true })
  return {
    putBack() {
      rmSync(directory, { recursive: true })
      renameSync(copy, directory)
    },
  }
}
