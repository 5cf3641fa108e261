/**
 * Power is lost where the folder has a disk of its own, and the journal another: what became of names is lost, and what was written
 * since is not. Every file must be what it was under the name that it had then, with nothing newer under an older name.
 */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { RENAME } from '../../src/posix/names.ts'
import { newPlace } from '../e2e/support/place.ts'
import { fuse, loopDisk, skipUnless } from '../support/requirements.ts'
import { SmallDisk } from '../support/small-disk.ts'
import { rename } from '../support/syscalls.ts'
import { DfsSystem } from '../support/systems/dfs.ts'

const NEEDS = { skip: skipUnless(fuse, loopDisk), timeout: 60_000 }

class LosingFolder {
  readonly #disk: SmallDisk
  readonly #system: DfsSystem

  /** With these files, each durable with its name for content. */
  static async create(t: TestContext, names: readonly string[]): Promise<LosingFolder> {
    const place = newPlace(t)
    // Nothing reaches it by itself while the test runs.
    const disk = await SmallDisk.create(place, 'disk', { mebibytes: 64, mountOptions: 'commit=300' })
    const system = new DfsSystem(place, { folder: join(disk.path, 'folder') })
    const folder = new LosingFolder(disk, system)
    fs.mkdirSync(system.root)
    await system.mount()
    for (const name of names) folder.write(name, `old ${name}`)
    await system.unmount()
    await system.mount()
    return folder
  }

  private constructor(disk: SmallDisk, system: DfsSystem) {
    this.#disk = disk
    this.#system = system
  }

  at(name: string): string {
    return join(this.#system.root, name)
  }

  /** Closed, not synced. */
  write(name: string, content: string): void {
    fs.mkdirSync(join(this.at(name), '..'), { recursive: true })
    fs.writeFileSync(this.at(name), content)
  }

  rename(from: string, to: string): void {
    fs.renameSync(this.at(from), this.at(to))
  }

  async losePower(): Promise<void> {
    this.#disk.losePower()
    await this.#system.kill()
    await this.#disk.restorePower()
    await this.#system.mount()
  }

  /** Asserts that there are these files with this content, and no others. */
  async has(expected: Record<string, string>): Promise<void> {
    const files = fs
      .readdirSync(this.#system.root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
    const found = Object.fromEntries(
      files.map((file) => [file.slice(this.#system.root.length + 1), fs.readFileSync(file, 'utf8')]),
    )
    assert.deepEqual(found, expected)
    await this.#system.unmount()
  }
}

test('a file that was renamed and then written to has its new content under its new name', NEEDS, async (t) => {
  const folder = await LosingFolder.create(t, ['a', 'b'])
  folder.rename('a', 'moved')
  folder.write('moved', 'new')
  folder.rename('b', 'step')
  folder.rename('step', 'last')
  folder.write('last', 'newer')
  await folder.losePower()
  await folder.has({ moved: 'new', last: 'newer' })
})

test('a file that replaced another and was then written to is in its place', NEEDS, async (t) => {
  const folder = await LosingFolder.create(t, ['target', 'source'])
  folder.rename('source', 'target')
  folder.write('target', 'new')
  await folder.losePower()
  await folder.has({ target: 'new' })
})

test('a file that got the name of one that was removed or moved away is in its place', NEEDS, async (t) => {
  const folder = await LosingFolder.create(t, ['removed', 'away', 'one', 'two'])
  folder.write('removed', 'newer, and removed')
  fs.unlinkSync(folder.at('removed'))
  folder.rename('one', 'removed')
  folder.write('removed', 'new one')
  folder.rename('away', 'elsewhere')
  folder.rename('two', 'away')
  folder.write('away', 'new two')
  await folder.losePower()
  await folder.has({ removed: 'new one', elsewhere: 'old away', away: 'new two' })
})

test('files that changed places, at once or by way of a third name, have their own new content', NEEDS, async (t) => {
  const folder = await LosingFolder.create(t, ['a', 'b', 'c', 'd'])
  rename(folder.at('a'), folder.at('b'), RENAME.EXCHANGE)
  folder.rename('c', 'third')
  folder.rename('d', 'c')
  folder.rename('third', 'd')
  for (const name of ['a', 'b', 'c', 'd']) folder.write(name, `new ${name}`)
  await folder.losePower()
  await folder.has({ a: 'new a', b: 'new b', c: 'new c', d: 'new d' })
})

test('what is in a directory that was renamed, or is new, is found there', NEEDS, async (t) => {
  const folder = await LosingFolder.create(t, ['directory/a', 'b', 'c'])
  folder.rename('directory', 'renamed')
  folder.write('renamed/a', 'new a')
  fs.mkdirSync(folder.at('made/inside'), { recursive: true })
  folder.rename('b', 'made/inside/b')
  folder.write('made/inside/b', 'new b')
  folder.rename('c', 'renamed/c')
  folder.write('renamed/c', 'new c')
  await folder.losePower()
  await folder.has({ 'renamed/a': 'new a', 'made/inside/b': 'new b', 'renamed/c': 'new c' })
})

test('a file whose other name was removed has its new content only where it still was', NEEDS, async (t) => {
  const folder = await LosingFolder.create(t, ['a', 'b'])
  fs.linkSync(folder.at('a'), folder.at('link'))
  fs.unlinkSync(folder.at('a'))
  folder.write('link', 'new a')
  fs.linkSync(folder.at('b'), folder.at('other'))
  folder.write('other', 'new b')
  await folder.losePower()
  await folder.has({ link: 'new a', b: 'new b', other: 'new b' })
})
