import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { agree, sharedFolder } from './disk-folders.ts'

describe('what others did comes to the disk', () => {
  it('makes, changes, moves and removes what another device did', async () => {
    const [a, b] = await sharedFolder((device) => {
      device.create('changed', 'old')
      device.create('moved', 'moved')
      device.create('removed', 'removed')
    })
    a.write('changed', 'new')
    a.makeDirectory('dir')
    a.disk.move('moved', 'dir/moved')
    a.disk.remove('removed')
    a.create('made', 'made')
    await a.run()
    const moved = b.at('moved').identity
    await agree(a, b)
    assert.deepEqual(b.shown(), { changed: 'new', dir: 'directory', 'dir/moved': 'moved', made: 'made' })
    assert.equal(b.at('dir/moved').identity, moved)
  })

  it('swaps two names', async () => {
    const [a, b] = await sharedFolder((device) => {
      device.create('one', '1')
      device.create('two', '2')
    })
    a.disk.move('one', 'aside')
    a.disk.move('two', 'one')
    a.disk.move('aside', 'two')
    await a.run()
    const one = b.at('one').identity
    await agree(a, b)
    assert.deepEqual(b.shown(), { one: '2', two: '1' })
    assert.equal(b.at('two').identity, one)
  })

  it('moves a directory into what was in it', async () => {
    const [a, b] = await sharedFolder((device) => {
      device.makeDirectory('outer')
      device.makeDirectory('outer/inner')
      device.create('outer/file', 'text')
    })
    a.disk.move('outer/inner', 'inner')
    a.disk.move('outer', 'inner/outer')
    await a.run()
    await agree(a, b)
    assert.deepEqual(b.shown(), { inner: 'directory', 'inner/outer': 'directory', 'inner/outer/file': 'text' })
  })

  it('moves a directory that has the name of what comes in its place', async () => {
    const [a, b] = await sharedFolder((device) => {
      device.makeDirectory('dir')
      device.create('dir/sub', 'a file')
    })
    a.disk.move('dir', 'aside')
    a.makeDirectory('dir')
    a.makeDirectory('dir/sub')
    a.disk.move('aside', 'dir/sub/former')
    await a.run()
    await agree(a, b)
    assert.equal(b.shown()['dir/sub/former/sub'], 'a file')
  })

  it('takes out of a directory that is moved what is removed from it', async () => {
    const [a, b] = await sharedFolder((device) => {
      device.makeDirectory('dir')
      device.makeDirectory('dir/sub')
      device.create('dir/file', 'text')
    })
    a.removeTree('dir/sub')
    a.disk.move('dir/file', 'dir/sub')
    a.disk.move('dir', 'other')
    await a.run()
    await agree(a, b)
    assert.deepEqual(b.shown(), { other: 'directory', 'other/sub': 'text' })
  })

  it('overwrites nothing that was changed without anybody telling, also not by moving it', async () => {
    for (const doOnA of ['write', 'move', 'remove'] as const) {
      const [a, b] = await sharedFolder((device) => device.create('file', 'old'))
      if (doOnA === 'write') a.write('file', 'of a')
      else if (doOnA === 'move') a.disk.move('file', 'elsewhere')
      else a.disk.remove('file')
      await a.run()
      b.write('file', 'of b')
      await b.hear(a)
      await b.bring()
      await agree(a, b)
      assert(Object.values(b.shown()).includes('of b'), doOnA)
    }
  })

  it('keeps what was made in a directory that another device removed', async () => {
    const [a, b] = await sharedFolder((device) => {
      device.makeDirectory('dir')
      device.makeDirectory('dir/sub')
      device.create('dir/sub/old', 'old')
    })
    a.removeTree('dir')
    await a.run()
    b.create('dir/sub/new', 'new')
    await b.hear(a)
    await b.bring()
    await agree(a, b)
    assert.deepEqual(a.shown(), { dir: 'directory', 'dir/sub': 'directory', 'dir/sub/new': 'new' })
  })

  it('leaves alone what a program has open, until it has closed it', async () => {
    const [a, b] = await sharedFolder((device) => device.create('file', 'old'))
    a.write('file', 'new')
    await a.run()
    await b.hear(a)
    b.disk.setBusy('file', true)
    assert.equal((await b.run()).waiting, 1)
    b.disk.setBusy('file', false)
    assert.equal((await b.run()).waiting, 0)
    assert.deepEqual(b.shown(), { file: 'new' })
  })

  it('shows both of two versions', async () => {
    const [a, b] = await sharedFolder((device) => device.create('file.txt', 'old'))
    a.write('file.txt', 'of a')
    b.write('file.txt', 'of b')
    await a.run()
    await b.run()
    await agree(a, b)
    assert.deepEqual(a.shown(), { 'file (conflict device-a 2025-07-01).txt': 'of a', 'file.txt': 'of b' })
  })

  it('shows once what is made alike on two devices', async () => {
    const [a, b] = await sharedFolder(() => {})
    a.create('file', 'same')
    b.create('file', 'same')
    await a.run()
    await b.run()
    await agree(a, b)
    assert.deepEqual(a.shown(), { file: 'same' })
  })

  it('gives way with a name that somebody has chosen to what was shown by it only', async () => {
    const [a, b] = await sharedFolder((device) => device.create('file', 'old'))
    a.write('file', 'of a')
    b.write('file', 'of b')
    await a.run()
    await b.run()
    await agree(a, b)
    const name = Object.keys(a.shown()).find((one) => one.includes('conflict'))!
    a.disk.move(name, 'aside')
    a.create(name, 'mine')
    await a.run()
    await agree(a, b)
    assert.deepEqual(b.shown(), { aside: 'of a', file: 'of b', [name]: 'mine' })
  })

  it('brings again what a power cut left without content', async () => {
    const [a, b] = await sharedFolder((device) => device.create('edited', 'old'))
    a.write('edited', 'new')
    a.create('made', 'made')
    await a.run()
    await b.hear(a)
    const { attributes, mtimeNs } = b.at('edited')
    const nothing = { kind: 'file', size: 0, content: { kind: 'inline', bytes: Buffer.alloc(0) } } as const
    b.disk.remove('edited')
    for (const path of ['edited', 'made']) {
      b.disk.make(path, undefined, { kind: 'file', content: nothing, attributes, mtimeNs })
    }
    await b.restart()
    await agree(a, b)
    assert.deepEqual(b.shown(), { edited: 'new', made: 'made' })
  })

  it('goes on after a crash at any step, as if there had been none', async () => {
    for (let steps = 0, wasKilled = true; wasKilled; steps++) {
      const [a, b] = await sharedFolder((device) => {
        device.create('one', '1')
        device.create('two', '2')
        device.makeDirectory('dir')
        device.makeDirectory('dir/sub')
        device.create('dir/sub/file', 'text')
      })
      a.disk.move('one', 'aside')
      a.disk.move('two', 'one')
      a.disk.move('aside', 'two')
      a.write('two', 'changed')
      a.disk.move('dir/sub', 'sub')
      a.disk.move('dir', 'sub/dir')
      await a.run()
      const wanted = a.shown()
      await b.hear(a)
      wasKilled = await b.runAndDie(steps)
      await agree(a, b)
      assert.deepEqual(b.shown(), wanted, `killed after ${steps} steps`)
    }
  })
})
