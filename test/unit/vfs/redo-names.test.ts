/** What became of names is done again, once, and never where anybody else has changed the folder meanwhile. */
import assert from 'node:assert/strict'
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import type { JournalRecord, RenameRecord, StubPlace } from '../../../src/format/journal-record.ts'
import { TRAILER_OFFSET } from '../../../src/format/stub.ts'
import { statAt } from '../../../src/posix/stat.ts'
import { openTrailer } from '../../../src/seal/stub-slot.ts'
import { redoNames } from '../../../src/vfs/redo-names.ts'
import { KEYS, temporaryDirectory, withDirectory } from './support.ts'

class Directory {
  readonly path = temporaryDirectory()

  /** With these files, each with its path for content. */
  constructor(...files: string[]) {
    for (const file of files) this.write(file)
  }

  at(name: string): string {
    return path.join(this.path, name)
  }

  write(file: string): void {
    mkdirSync(path.dirname(this.at(file)), { recursive: true })
    writeFileSync(this.at(file), file)
  }

  place(name: string): StubPlace {
    const { ino, btimeNs } = withDirectory(this.path, (fd) => statAt(fd, name)!)
    return { ino, btimeNs, path: name }
  }

  /** What a note of a change says that was made now and did not reach the disk. */
  change(name: string): { place: StubPlace; ctimeNs: bigint } {
    return { place: this.place(name), ctimeNs: withDirectory(this.path, (fd) => statAt(fd, name)!.ctimeNs) }
  }

  rename(from: string, to: string, over?: StubPlace): RenameRecord {
    return { kind: 'rename', ...this.change(from), to, over }
  }

  redo(...records: JournalRecord[]): void {
    withDirectory(this.path, (rootFd) => redoNames({ rootFd, keys: KEYS }, records))
  }

  /** Content by path. */
  get files(): Record<string, string> {
    const names = readdirSync(this.path, { recursive: true, encoding: 'utf8' }).toSorted()
    const files = names.filter((name) => lstatSync(this.at(name)).isFile())
    return Object.fromEntries(files.map((name) => [name, readFileSync(this.at(name), 'utf8')]))
  }
}

describe('redoNames', () => {
  it('does a chain of changes again in their order, and only once', () => {
    const directory = new Directory('a.f', 'b.f')
    const records = [
      directory.rename('a.f', 'aside.f'),
      directory.rename('b.f', 'a.f'),
      { ...directory.rename('a.f', 'b.f'), place: { ...directory.place('a.f'), path: 'aside.f' } },
    ]
    directory.redo(...records)
    assert.deepEqual(directory.files, { 'a.f': 'b.f', 'b.f': 'a.f' })
    directory.redo(...records)
    assert.deepEqual(directory.files, { 'a.f': 'b.f', 'b.f': 'a.f' })
  })

  it('goes on where the disk has the first of the changes already', () => {
    const directory = new Directory('a.f')
    const first = directory.rename('a.f', 'b.f')
    renameSync(directory.at('a.f'), directory.at('b.f'))
    directory.redo(first, directory.rename('b.f', 'c/d.f'))
    assert.deepEqual(directory.files, { 'c/d.f': 'a.f' })
  })

  it('puts a file in the place of the one that it replaced, and of one that was removed', () => {
    const directory = new Directory('a.f', 'b.f', 'c.f', 'd.f')
    directory.redo(
      directory.rename('a.f', 'b.f', directory.place('b.f')),
      { kind: 'remove', place: directory.place('c.f') },
      directory.rename('d.f', 'c.f'),
    )
    assert.deepEqual(directory.files, { 'b.f': 'a.f', 'c.f': 'd.f' })
  })

  it('removes by itself only a name of what has others', () => {
    const directory = new Directory('a.f', 'b.f')
    linkSync(directory.at('a.f'), directory.at('link.f'))
    directory.redo({ kind: 'unlink', ...directory.change('a.f') })
    directory.redo({ kind: 'unlink', ...directory.change('link.f') })
    directory.redo({ kind: 'remove', place: directory.place('b.f') })
    assert.deepEqual(directory.files, { 'b.f': 'b.f', 'link.f': 'a.f' })
  })

  it('leaves what stands in the way, whichever its stored name', () => {
    for (const inTheWay of ['b.f', 'b', 'b/inside']) {
      const directory = new Directory('a.f', 'c.f', inTheWay)
      const removed = { kind: 'remove', place: directory.place('c.f') } as const
      directory.redo(removed, directory.rename('a.f', 'b.f', removed.place), {
        kind: 'link',
        ...directory.change('a.f'),
        to: 'b.f',
      })
      assert.deepEqual(directory.files, { 'a.f': 'a.f', [inTheWay]: inTheWay, 'c.f': 'c.f' })
    }
  })

  it('leaves what was changed since on the disk, such as what somebody has moved back', () => {
    const directory = new Directory('a.f', 'b.f')
    const records = [
      directory.rename('a.f', 'c.f'),
      { kind: 'exchange', ...directory.change('a.f'), other: directory.place('b.f') } as const,
      { kind: 'unlink', ...directory.change('a.f') } as const,
      { kind: 'link', ...directory.change('a.f'), to: 'd.f' } as const,
    ]
    // Clocks of file systems may tick every 10 ms only.
    while (directory.change('a.f').ctimeNs === records[0]!.ctimeNs) {
      renameSync(directory.at('a.f'), directory.at('elsewhere'))
      renameSync(directory.at('elsewhere'), directory.at('a.f'))
    }
    linkSync(directory.at('a.f'), directory.at('link.f'))
    directory.redo(...records)
    assert.deepEqual(directory.files, { 'a.f': 'a.f', 'b.f': 'b.f', 'link.f': 'a.f' })
  })

  it('leaves another object that has the name or the number', () => {
    const directory = new Directory('a.f', 'b.f')
    const { place, ctimeNs } = directory.change('a.f')
    const others = [
      { ...directory.place('b.f'), path: 'a.f' },
      { ...place, btimeNs: place.btimeNs + 1n },
    ]
    for (const other of others) directory.redo({ kind: 'rename', place: other, ctimeNs, to: 'c.f' })
    directory.redo({ kind: 'exchange', place, ctimeNs, other: { ...place, path: 'b.f' } })
    assert.deepEqual(directory.files, { 'a.f': 'a.f', 'b.f': 'b.f' })
  })

  it('keeps what was replaced or removed as a version that knows its path', () => {
    const directory = new Directory('one.f~/a.f', 'b.f', 'c.f')
    const versions = ['.dfs/versions/1/2.f', '.dfs/versions/3/4.f'] as const
    directory.redo(
      directory.rename('one.f~/a.f', versions[0]),
      { kind: 'link', ...directory.change('b.f'), to: versions[1] },
      directory.rename('c.f', 'b.f', directory.place('b.f')),
    )
    const pathIn = (version: string) => openTrailer(readFileSync(directory.at(version)).subarray(TRAILER_OFFSET), KEYS)
    assert.deepEqual(versions.map(pathIn), ['one.f/a', 'b'])
    assert.equal(readFileSync(directory.at('b.f'), 'utf8'), 'c.f')
  })

  it('follows no symbolic link', () => {
    const outside = new Directory('a.f')
    const directory = new Directory('b.f')
    symlinkSync(outside.path, directory.at('link'))
    const { place, ctimeNs } = outside.change('a.f')
    directory.redo({ kind: 'rename', place: { ...place, path: 'link/a.f' }, ctimeNs, to: 'a.f' })
    directory.redo(directory.rename('b.f', 'link/b.f'))
    assert.deepEqual([readdirSync(directory.path), readdirSync(outside.path)], [['b.f', 'link'], ['a.f']])
  })
})
