import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Inode } from '../../../src/vfs/inode-table.ts'
import { SiblingReadAhead } from '../../../src/vfs/sibling-read-ahead.ts'

let made = 2

function newInode(kind: 'directory' | 'stub', parent?: Inode, name = ''): Inode {
  const inode = new Inode(made as Inode['ino'], kind, { dev: 1, ino: made++, btimeNs: 0n })
  if (parent !== undefined) {
    parent.children.set(name, inode)
    inode.places = [{ parent, name }]
  }
  return inode
}

/** Directories of so many files, listed, and what was done ahead for the one reader. */
function setUp() {
  const done = { begun: [] as string[], opened: [] as string[] }
  const siblings = new SiblingReadAhead({ begin: (_, name) => void done.begun.push(name) })
  const directoryOf = (count: number, listed = Array.from({ length: count }, (_, i) => i)) => {
    const directory = newInode('directory')
    const names = listed.map((i) => `f${i}`)
    for (const name of names) newInode('stub', directory, name)
    siblings.noteListing(directory, names)
    return (i: number) => directory.children.get(`f${i}`)!
  }
  const noteRead = (inode: Inode, waited: boolean) =>
    siblings.noteRead(inode, waited, (_, name) => void done.opened.push(name))
  return { ahead: { noteRead }, done, directoryOf }
}

test('whoever reads files in order and waits has the next ones opened, more and more of them, each once', () => {
  const { ahead, done, directoryOf } = setUp()
  const file = directoryOf(200)
  ahead.noteRead(file(0), true)
  assert.equal(done.opened.length, 0, 'one file is no order')
  ahead.noteRead(file(1), true)
  assert.deepEqual(done.opened, ['f2', 'f3'])
  assert.deepEqual(done.begun, ['f2', 'f3', 'f4', 'f5'], 'stubs come in before they are looked at')
  for (let i = 2; i < 150; i++) ahead.noteRead(file(i), false)
  assert.equal(new Set(done.opened).size, done.opened.length)
  assert.deepEqual(
    done.opened.toSorted((a, b) => Number(a.slice(1)) - Number(b.slice(1))),
    Array.from({ length: 149 + 32 - 1 }, (_, i) => `f${i + 2}`),
  )
})

test('whoever need not wait, or reads in no order, has nothing opened', () => {
  const near = setUp()
  const file = near.directoryOf(50)
  for (let i = 0; i < 50; i++) near.ahead.noteRead(file(i), false)
  assert.deepEqual(near.done.begun, [])

  const random = setUp()
  const any = random.directoryOf(500)
  for (let i = 0; i < 500; i++) random.ahead.noteRead(any((i * 37) % 500), true)
  assert.deepEqual(random.done.begun, [])
})

test('whoever begins in the middle, or jumps, has what follows opened', () => {
  const { ahead, done, directoryOf } = setUp()
  const file = directoryOf(500)
  for (const i of [300, 301, 20, 21]) ahead.noteRead(file(i), true)
  assert.deepEqual(done.opened, ['f302', 'f303', 'f22', 'f23'])
})

test('names may be read as they are sorted, with or without regard to numbers in them', () => {
  for (const order of [(names: string[]) => names.toSorted(), (names: string[]) => names]) {
    const { ahead, done, directoryOf } = setUp()
    const listed = Array.from({ length: 100 }, (_, i) => (i * 37) % 100)
    const file = directoryOf(100, listed)
    const read = order(Array.from({ length: 100 }, (_, i) => `f${i}`))
    for (const name of read.slice(0, 6)) ahead.noteRead(file(Number(name.slice(1))), true)
    assert(done.opened.length > 6)
    assert.deepEqual(
      done.opened.filter((name) => !read.slice(0, 20).includes(name)),
      [],
    )
  }
})

test('files that are left out break no order, and the next directory goes on where this one ended', () => {
  const { ahead, done, directoryOf } = setUp()
  const first = directoryOf(30)
  for (let i = 0; i < 30; i += 3) ahead.noteRead(first(i), true)
  assert(done.opened.includes('f29'))
  done.opened.length = 0
  const second = directoryOf(30)
  ahead.noteRead(second(1), false)
  assert.deepEqual(done.opened.slice(0, 3), ['f2', 'f3', 'f4'])
})

test('a file of a directory that nobody listed, or that has no name any more, is none of its business', () => {
  const { ahead, done } = setUp()
  const directory = newInode('directory')
  ahead.noteRead(newInode('stub', directory, 'a'), true)
  ahead.noteRead(newInode('stub'), true)
  assert.deepEqual(done.opened, [])
})
