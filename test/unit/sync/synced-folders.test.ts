import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { kindOf } from '../../../src/errors.ts'
import { shownAttributes } from '../../../src/sync/shown-tree.ts'
import { assertMeetAs, DAY, meet, SyncedFolder } from './synced-folder.ts'

const conflict = (name: string, device: string, extension = '') => `${name} (conflict ${device} ${DAY})${extension}`

/** Two devices that both have these files, each holding its own path. */
async function having(...paths: string[]): Promise<[SyncedFolder, SyncedFolder]> {
  const [ann, bob] = (await SyncedFolder.several('ann', 'bob')) as [SyncedFolder, SyncedFolder]
  for (const path of paths) await (path.endsWith('/') ? ann.mkdir(path.slice(0, -1)) : ann.create(path))
  await meet(ann, bob)
  return [ann, bob]
}

describe('content of a file', () => {
  it('that two wrote at once is there twice, the later under its name', async () => {
    const [ann, bob] = await having('a.txt')
    await ann.edit('a.txt', 'one')
    await bob.edit('a.txt', 'two')
    await assertMeetAs({ 'a.txt': 'two', [conflict('a', 'ann', '.txt')]: 'one' }, ann, bob)
  })

  it('that two wrote alike is no conflict', async () => {
    const [ann, bob] = await having('a.txt')
    await ann.edit('a.txt', 'same')
    await bob.edit('a.txt', 'same')
    await assertMeetAs({ 'a.txt': 'same' }, ann, bob)
  })

  it('is the one that was gone on from, and not the one that that was made of', async () => {
    const [ann, bob] = await having('a')
    await ann.edit('a', 'one')
    await meet(ann, bob)
    await bob.edit('a', 'two')
    await ann.hear(bob)
    await ann.edit('a', 'three')
    await assertMeetAs({ a: 'three' }, ann, bob)
  })

  it('is edited and renamed at once', async () => {
    const [ann, bob] = await having('a', 'docs/')
    await ann.edit('a', 'new')
    await bob.rename('a', 'docs/b')
    await assertMeetAs({ 'docs/': '', 'docs/b': 'new' }, ann, bob)
  })

  it('stays if it was written while another device deleted the file', async () => {
    const [ann, bob] = await having('a')
    await ann.remove('a')
    await bob.edit('a', 'new')
    await assertMeetAs({ a: 'new' }, ann, bob)
  })

  it('keeps its name if what won the conflict is deleted', async () => {
    const [ann, bob] = await having('a')
    await bob.edit('a', 'bob')
    await ann.edit('a', 'ann')
    await ann.remove('a')
    await assertMeetAs({ a: 'bob' }, ann, bob)
  })

  it('of the copy stays in it when the other one goes', async () => {
    const [ann, bob] = await having('a')
    await ann.edit('a', 'one')
    await bob.edit('a', 'two')
    await meet(ann, bob)
    await bob.remove('a')
    await assertMeetAs({ [conflict('a', 'ann')]: 'one' }, ann, bob)
    await ann.rename(conflict('a', 'ann'), 'a')
    await assertMeetAs({ a: 'one' }, ann, bob)
  })
})

describe('a deletion', () => {
  it('wins over a new name and other attributes', async () => {
    const [ann, bob] = await having('a', 'b')
    await ann.remove('a')
    await ann.remove('b')
    await bob.rename('a', 'c')
    await bob.describe('b', { mode: 0o600 })
    await assertMeetAs({}, ann, bob)
  })

  it('is not undone by a device that did not hear of it', async () => {
    const [ann, bob] = await having('a')
    const cas = await SyncedFolder.open('cas')
    await cas.hear(bob)
    await ann.remove('a')
    await bob.hear(ann)
    await assertMeetAs({}, bob, cas, ann)
  })

  it('of a directory leaves what was made in it meanwhile, and the way to it', async () => {
    const [ann, bob] = await having('x/', 'x/y/', 'x/y/old')
    await ann.remove('x/y/old')
    await ann.remove('x/y')
    await ann.remove('x')
    await bob.create('x/y/new')
    await assertMeetAs({ 'x/': '', 'x/y/': '', 'x/y/new': 'x/y/new' }, ann, bob)
    await ann.create('x/y/newer')
    await ann.remove('x/y/new')
    await bob.hear(ann)
    await bob.remove('x/y/newer')
    // Who made something in it brought it back.
    await assertMeetAs({ 'x/': '', 'x/y/': '' }, ann, bob)
  })

  it('is undone by making the object again, on whichever device', async () => {
    const [ann, bob] = await having('b')
    const id = await ann.create('a', 'old')
    await ann.remove('a')
    await meet(ann, bob)
    await bob.create('c', 'restored', 'file', id)
    await assertMeetAs({ b: 'b', c: 'restored' }, ann, bob)
    await assert.rejects(ann.create('d', 'twice', 'file', id), (error) => kindOf(error) === 'exists')
  })

  it('of a directory with something in it is refused', async () => {
    const [ann] = await having('x/', 'x/a')
    await assert.rejects(ann.remove('x'), (error) => kindOf(error) === 'not-empty')
  })
})

describe('a name', () => {
  it('that two gave to files of their own is kept by the later', async () => {
    const [ann, bob] = await having()
    await ann.create('a.txt', 'one')
    await bob.create('a.txt', 'two')
    await assertMeetAs({ 'a.txt': 'two', [conflict('a', 'ann', '.txt')]: 'one' }, ann, bob)
  })

  it('that two files were moved to is kept by the later', async () => {
    const [ann, bob] = await having('a', 'b')
    await ann.rename('a', 'c')
    await bob.rename('b', 'c')
    await assertMeetAs({ c: 'b', [conflict('c', 'ann')]: 'a' }, ann, bob)
  })

  it('of files with equal content is there once, and they are one to whoever changes them', async () => {
    const [ann, bob] = await having()
    await ann.create('a', 'same')
    await bob.create('a', 'same')
    await assertMeetAs({ a: 'same' }, ann, bob)
    await ann.edit('a', 'other')
    await assertMeetAs({ a: 'other' }, ann, bob)
    await bob.remove('a')
    await assertMeetAs({}, ann, bob)
  })

  it('of equal files goes along with both of them', async () => {
    const [ann, bob] = await having()
    await ann.create('a', 'same')
    await bob.create('a', 'same')
    await meet(ann, bob)
    await ann.rename('a', 'b')
    await assertMeetAs({ b: 'same' }, ann, bob)
  })

  it('of a directory and a file is the directory’s', async () => {
    const [ann, bob] = await having()
    await ann.mkdir('a')
    await ann.create('a/in')
    await bob.create('a', 'file')
    await assertMeetAs({ 'a/': '', 'a/in': 'a/in', [conflict('a', 'bob')]: 'file' }, ann, bob)
  })

  it('of two directories is of one with all that is in them', async () => {
    const [ann, bob] = await having()
    for (const folder of [ann, bob]) {
      await folder.mkdir('x')
      await folder.mkdir('x/y')
      await folder.create(`x/y/${folder.name}`)
    }
    await assertMeetAs({ 'x/': '', 'x/y/': '', 'x/y/ann': 'x/y/ann', 'x/y/bob': 'x/y/bob' }, ann, bob)
    await ann.rename('x', 'z')
    await assertMeetAs({ 'z/': '', 'z/y/': '', 'z/y/ann': 'x/y/ann', 'z/y/bob': 'x/y/bob' }, ann, bob)
    for (const path of ['z/y/ann', 'z/y/bob', 'z/y', 'z']) await bob.remove(path)
    await assertMeetAs({}, ann, bob)
  })

  it('that differs in case, or in how Unicode composes it, is another', async () => {
    const [ann, bob] = await having()
    await ann.create('readme', 'small')
    await bob.create('README', 'large')
    await ann.create('\xc3\xa9', 'composed')
    await bob.create('e\xcc\x81', 'decomposed')
    const all = { README: 'large', 'e\xcc\x81': 'decomposed', readme: 'small', '\xc3\xa9': 'composed' }
    await assertMeetAs(all, ann, bob)
    await ann.rename('readme', 'Readme')
    await bob.hear(ann)
    assert.equal((await bob.shows()).Readme, 'small')
  })

  it('of a conflict that somebody already gave is not given again', async () => {
    const [ann, bob] = await having()
    await ann.create(conflict('a', 'ann'), 'taken')
    await ann.create('a', 'one')
    await bob.create('a', 'two')
    const second = `a (conflict ann ${DAY} 2)`
    await assertMeetAs({ a: 'two', [conflict('a', 'ann')]: 'taken', [second]: 'one' }, ann, bob)
  })

  it('of a conflict stays when the other is renamed or replaced', async () => {
    const [ann, bob] = await having('b')
    await ann.create('a', 'one')
    await bob.create('a', 'two')
    await meet(ann, bob)
    await ann.rename('a', 'c')
    await assertMeetAs({ [conflict('a', 'ann')]: 'one', b: 'b', c: 'two' }, ann, bob)
    await bob.rename('b', 'a')
    await bob.remove('a')
    await assertMeetAs({ [conflict('a', 'ann')]: 'one', c: 'two' }, ann, bob)
  })
})

describe('a move', () => {
  it('of a directory is one entry, however much is in it', async () => {
    const [ann, bob] = await having('x/', ...Array.from({ length: 50 }, (_, at) => `x/${at}`))
    const before = ann.index.own.sequence
    await ann.rename('x', 'y')
    assert.equal(ann.index.own.sequence, before + 1)
    await bob.hear(ann)
    assert.equal((await bob.shows())['y/7'], 'x/7')
    assert.equal((await bob.at('y/7')).objects[0].entry.id, (await ann.at('y/7')).objects[0].entry.id)
  })

  it('of a directory takes along what others make in it meanwhile', async () => {
    const [ann, bob] = await having('x/')
    await ann.rename('x', 'y')
    await bob.create('x/new')
    await assertMeetAs({ 'y/': '', 'y/new': 'x/new' }, ann, bob)
  })

  it('of two directories into each other is undone where it was the later', async () => {
    const [ann, bob] = await having('x/', 'x/in x', 'y/', 'y/in y')
    await ann.rename('x', 'y/x')
    await bob.rename('y', 'x/y')
    const cut = conflict('y', 'bob')
    const shown = { [`${cut}/`]: '', [`${cut}/in y`]: 'y/in y', [`${cut}/x/`]: '', [`${cut}/x/in x`]: 'x/in x' }
    await assertMeetAs(shown, ann, bob)
    // What is then done in it is done where it is shown.
    await ann.rename(`${cut}/x`, 'x')
    await assertMeetAs({ [`${cut}/`]: '', [`${cut}/in y`]: 'y/in y', 'x/': '', 'x/in x': 'x/in x' }, ann, bob)
  })

  it('into each other is undone where the latest was, also if that was heard of last', async () => {
    const [ann, bob] = await having('x/', 'y/')
    const cas = await SyncedFolder.open('cas')
    await cas.hear(ann)
    await bob.rename('y', 'x/y')
    await ann.rename('x', 'y/x')
    await cas.rename('y', 'x/y')
    await ann.hear(bob)
    assert.deepEqual(Object.keys(await ann.shows()), [`${conflict('x', 'ann')}/`, `${conflict('x', 'ann')}/y/`])
    const cut = conflict('y', 'cas')
    await assertMeetAs({ [`${cut}/`]: '', [`${cut}/x/`]: '' }, ann, bob, cas)
  })

  it('into itself is refused', async () => {
    const [ann] = await having('x/', 'x/y/')
    await assert.rejects(ann.rename('x', 'x/y/x'), (error) => kindOf(error) === 'invalid')
  })

  it('that exchanges two names is no conflict, in whatever order it is heard of', async () => {
    const [ann, bob] = await having('a', 'b')
    await ann.rename('a', 'c')
    await ann.rename('b', 'a')
    await ann.rename('c', 'b')
    await assertMeetAs({ a: 'b', b: 'a' }, bob, ann)
  })

  it('over another file replaces it, but not what was written there meanwhile', async () => {
    const [ann, bob] = await having('a', 'new')
    await ann.rename('new', 'a')
    await assertMeetAs({ a: 'new' }, ann, bob)
    await ann.create('newer')
    await ann.rename('newer', 'a')
    await bob.edit('a', 'edited')
    await assertMeetAs({ a: 'newer', [conflict('a', 'ann')]: 'edited' }, ann, bob)
  })
})

describe('what is carried', () => {
  it('has the attributes that were set, also where it was edited meanwhile', async () => {
    const [ann, bob] = await having('a', 'x/')
    const xattrs = [{ name: 'user.x', value: Buffer.from('y') }]
    await ann.describe('a', { mode: 0o600, xattrs })
    await ann.describe('x', { mode: 0o700 })
    await bob.edit('a', 'new')
    await meet(ann, bob)
    for (const folder of [ann, bob]) {
      assert.deepEqual(shownAttributes(await folder.at('a')).xattrs, xattrs)
      assert.equal(shownAttributes(await folder.at('x')).mode, 0o700)
      assert.equal((await folder.shows()).a, 'new')
    }
  })

  it('may be a symbolic link, a fifo, or a directory with nothing in it', async () => {
    const [ann, bob] = await having('empty/')
    await ann.create('link', 'where/to', 'symlink')
    await ann.create('fifo', '', 'fifo')
    await assertMeetAs({ 'empty/': '', fifo: '', link: 'where/to' }, ann, bob)
  })

  it('has all its names, and is gone with the last', async () => {
    const [ann, bob] = await having('a', 'x/')
    await ann.link('a', 'x/b')
    await assertMeetAs({ a: 'a', 'x/': '', 'x/b': 'a' }, ann, bob)
    await bob.edit('x/b', 'new')
    await bob.remove('a')
    await assertMeetAs({ 'x/': '', 'x/b': 'new' }, ann, bob)
    await ann.remove('x/b')
    await assertMeetAs({ 'x/': '' }, ann, bob)
  })

  it('is not shown before the directory that it is in', async () => {
    const [ann, bob] = await having()
    const id = await ann.mkdir('x')
    await ann.create('x/a')
    const file = (await ann.at('x/a')).objects[0].entry
    await bob.index.take('ann', [file], undefined)
    assert.deepEqual(await bob.shows(), {})
    await bob.index.take('ann', [(await ann.index.get(id))!], undefined)
    assert.deepEqual(await bob.shows(), { 'x/': '', 'x/a': 'x/a' })
  })

  it('is numbered again only if it says something new', async () => {
    const [ann, bob] = await having('a', 'b')
    const numbers = [ann.index.own.sequence, bob.index.own.sequence]
    await meet(ann, bob)
    assert.deepEqual([ann.index.own.sequence, bob.index.own.sequence], numbers)
  })
})
