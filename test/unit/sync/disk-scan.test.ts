import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ObjectState } from '../../../src/sync/disk.ts'
import { agree, FolderDevice, sharedFolder } from './disk-folders.ts'

describe('what was done to the disk comes to others', () => {
  it('knows a file again that was moved, with what others did to it meanwhile', async () => {
    const [a, b] = await sharedFolder((device) => {
      device.makeDirectory('dir')
      device.create('file', 'old')
    })
    a.disk.move('file', 'dir/moved')
    b.write('file', 'new')
    await a.run()
    await b.run()
    await agree(a, b)
    assert.deepEqual(a.shown(), { dir: 'directory', 'dir/moved': 'new' })
  })

  it('moves a directory with all that is in it, also what others put there meanwhile', async () => {
    const [a, b] = await sharedFolder((device) => {
      device.makeDirectory('dir')
      device.create('dir/file', 'text')
    })
    a.disk.move('dir', 'other')
    b.create('dir/new', 'new')
    await a.run()
    await b.run()
    await agree(a, b)
    assert.deepEqual(a.shown(), { other: 'directory', 'other/file': 'text', 'other/new': 'new' })
  })

  it('takes a copy that carries the same id for a file of its own', async () => {
    const [a, b] = await sharedFolder((device) => device.create('file', 'text'))
    a.copy('file', 'copy')
    await a.run()
    assert.notEqual(a.at('copy').id, a.at('file').id)
    a.write('copy', 'changed')
    await a.run()
    await agree(a, b)
    assert.deepEqual(b.shown(), { copy: 'changed', file: 'text' })
    assert.notEqual(b.at('copy').identity, b.at('file').identity)
  })

  it('knows further names of a file, of a copy, too', async () => {
    const [a, b] = await sharedFolder((device) => device.create('file', 'text'))
    a.copy('file', 'copy')
    await a.run()
    a.disk.link('file', 'file 2')
    a.disk.link('copy', 'copy 2')
    await a.run()
    await agree(a, b)
    assert.equal(b.at('file 2').identity, b.at('file').identity)
    assert.equal(b.at('copy 2').identity, b.at('copy').identity)
    assert.notEqual(b.at('copy').identity, b.at('file').identity)
  })

  it('leaves a name with the file when another of its names becomes another file', async () => {
    const [a, b] = await sharedFolder((device) => {
      device.create('one', 'text')
      device.disk.link('one', 'two')
    })
    a.disk.remove('one')
    a.create('one', 'another')
    await a.run()
    await agree(a, b)
    assert.deepEqual(b.shown(), { one: 'another', two: 'text' })
    b.write('two', 'changed')
    await b.run()
    await agree(a, b)
    assert.deepEqual(a.shown(), { one: 'another', two: 'changed' })
  })

  it('keeps a file that others change while it is removed here', async () => {
    const [a, b] = await sharedFolder((device) => {
      device.makeDirectory('dir')
      device.create('dir/kept', 'old')
      device.create('dir/removed', 'old')
    })
    a.removeTree('dir')
    b.write('dir/kept', 'new')
    await a.run()
    await b.run()
    await agree(a, b)
    assert.deepEqual(a.shown(), { dir: 'directory', 'dir/kept': 'new' })
  })

  it('makes another symbolic link of one that says something else', async () => {
    const [a, b] = await sharedFolder(() => {})
    const symlink = (target: string) =>
      ({ ...a.at('file'), kind: 'symlink', content: { kind: 'symlink', target } }) as const
    a.create('file', '')
    a.disk.make('link', undefined, symlink('x'))
    await a.run()
    await agree(a, b)
    a.disk.remove('link')
    a.disk.make('link', undefined, symlink('y'))
    await a.run()
    await agree(a, b)
    assert.deepEqual(b.at('link').content, { kind: 'symlink', target: 'y' })
  })

  it('knows a file again that was moved over a link, if another is where it was', async () => {
    const symlink = (target: string): ObjectState => ({
      kind: 'symlink',
      content: { kind: 'symlink', target },
      mtimeNs: 1n,
      attributes: { mode: 0o777, uid: 0, gid: 0, xattrs: [] },
    })
    const [a, b] = await sharedFolder((device) => {
      device.create('file', 'text')
      device.disk.make('link', undefined, symlink('x'))
    })
    a.disk.remove('link')
    a.disk.move('file', 'link')
    a.disk.make('file', undefined, symlink('link'))
    await a.run()
    await b.hear(a)
    await b.run()
    assert.deepEqual(b.shown(), { file: 'symlink', link: 'text' })
  })

  it('does not take what a person made alike for what others made', async () => {
    const [a, b] = await sharedFolder(() => {})
    a.create('file', 'same')
    await a.run()
    b.create('file', 'same')
    await b.hear(a)
    await b.run()
    a.disk.remove('file')
    await a.run()
    await agree(a, b)
    assert.deepEqual(a.shown(), { file: 'same' })
  })

  it('finds nothing where nothing was done', async () => {
    const device = await FolderDevice.start('a')
    device.makeDirectory('dir')
    device.create('dir/file', 'text')
    assert.deepEqual(await device.run(), { hasChanged: true, waiting: 0 })
    assert.deepEqual(await device.run(), { hasChanged: false, waiting: 0 })
    await device.restart()
    assert.deepEqual(await device.run(), { hasChanged: false, waiting: 0 })
  })
})
