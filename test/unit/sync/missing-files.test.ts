import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { kindOf } from '../../../src/errors.ts'
import { Missing } from '../../../src/sync/missing-files.ts'
import { agree, FolderDevice, sharedFolder } from './disk-folders.ts'

const FILES = 24
const PHOTOS = Array.from({ length: FILES }, (_, at) => `photos/${`${at}`.padStart(2, '0')}.jpg`)

/** Both have a directory of files and a few others. */
function sharedPhotos(): Promise<[FolderDevice, FolderDevice]> {
  return sharedFolder((device) => {
    device.makeDirectory('photos')
    device.makeDirectory('photos/none')
    for (const path of PHOTOS) device.create(path, path)
    for (const path of ['a', 'b', 'c']) device.create(path, path)
  })
}

/** What is done while synchronisation does not run: nobody tells of it. */
async function whileAway(device: FolderDevice, work: () => void): Promise<void> {
  work()
  await device.restart()
}

async function asks(device: FolderDevice, files: number): Promise<Missing> {
  const error = await device.bring().then(
    () => assert.fail('nothing is asked'),
    (error: unknown) => error,
  )
  assert(error instanceof Missing, `${(error as Error).stack}`)
  assert.equal(error.files, files)
  assert.equal(device.sync.missing, error)
  return error
}

describe('more than half of the files, gone while nobody looked', () => {
  it('are no deletion until somebody says so, and it is asked again after a restart', async () => {
    const [a, b] = await sharedPhotos()
    const before = b.shown()
    await whileAway(a, () => a.removeTree('photos'))
    const { left, examples } = await asks(a, FILES)
    assert.equal(left, 3)
    assert.deepEqual(examples, PHOTOS.slice(0, 10))
    await b.hear(a)
    await b.run()
    assert.deepEqual(b.shown(), before)
    await asks(a, FILES)
    await a.restart()
    await asks(a, FILES)
    a.sync.answer('removed')
    await a.bring()
    assert.equal(a.sync.missing, undefined)
    await agree(a, b)
    assert.deepEqual(a.shown(), { a: 'a', b: 'b', c: 'c' })
  })

  it('are brought back if somebody wants that, with what others did to them, and with new ones beside them', async () => {
    const [a, b] = await sharedPhotos()
    b.write(PHOTOS[0]!, 'edited')
    b.disk.remove(PHOTOS[1]!)
    await b.run()
    await whileAway(a, () => {
      a.removeTree('photos')
      a.create('new', 'new')
    })
    await asks(a, FILES)
    await a.hear(b)
    a.sync.answer('restore')
    await a.bring()
    await agree(a, b)
    const { [PHOTOS[1]!]: _, ...rest } = Object.fromEntries(PHOTOS.map((path) => [path, path]))
    const shown = {
      ...rest,
      photos: 'directory',
      'photos/none': 'directory',
      [PHOTOS[0]!]: 'edited',
      a: 'a',
      b: 'b',
      c: 'c',
      new: 'new',
    }
    assert.deepEqual(a.shown(), shown)
    assert.deepEqual(b.shown(), shown)
  })

  it('stop what others did from coming, and what is new here from being told', async () => {
    const [a, b] = await sharedPhotos()
    b.create('theirs', 'theirs')
    await b.run()
    await whileAway(a, () => {
      a.removeTree('photos')
      for (let at = 0; at < 2 * FILES; at++) a.create(`new ${at}`, 'new')
    })
    await a.hear(b)
    await asks(a, FILES)
    await b.hear(a)
    await b.run()
    assert.equal(Object.keys(b.shown()).length, FILES + 6)
    // However many come, it stays a question.
    for (let at = 0; at < 2 * FILES; at++) a.create(`newer ${at}`, 'newer')
    await asks(a, FILES)
  })

  it('are asked about if a link or a file stands for the directory that they were in', async () => {
    const [a, b] = await sharedPhotos()
    await whileAway(a, () => {
      a.removeTree('photos')
      a.create('photos', 'elsewhere')
    })
    await asks(a, FILES)
    a.sync.answer('restore')
    await a.bring()
    await agree(a, b)
    for (const path of PHOTOS) assert.equal(b.shown()[path], path)
    assert(Object.values(b.shown()).includes('elsewhere'))
  })

  it('are asked about again if still more are gone by the time of the answer', async () => {
    const [a] = await sharedPhotos()
    await whileAway(a, () => a.removeTree('photos'))
    await asks(a, FILES)
    a.disk.remove('a')
    a.sync.answer('removed')
    await asks(a, FILES + 1)
    await asks(a, FILES + 1)
  })

  it('need no answer once they are back', async () => {
    const [a, b] = await sharedPhotos()
    a.disk.move('photos', 'elsewhere')
    const elsewhere = new Map([...a.disk.walk('elsewhere')].map(([path, object]) => [path.slice(10), object]))
    await whileAway(a, () => a.removeTree('elsewhere'))
    await asks(a, FILES)
    a.makeDirectory('photos')
    for (const [name, object] of elsewhere) a.disk.make(`photos/${name}`, object.id, object)
    await a.bring()
    await agree(a, b)
    assert.equal(Object.keys(b.shown()).length, FILES + 5)
  })
})

describe('nothing is asked', () => {
  it('if somebody was seen to remove them', async () => {
    const [a, b] = await sharedPhotos()
    for (const path of PHOTOS) {
      a.disk.remove(path)
      a.sync.note({ path, isTree: false })
    }
    a.removeTree('photos')
    await a.bring()
    await agree(a, b)
    assert.deepEqual(b.shown(), { a: 'a', b: 'b', c: 'c' })
  })

  it('if they were seen to be removed before the folder was looked at for the first time', async () => {
    const [a] = await sharedPhotos()
    await a.restart()
    for (const path of PHOTOS) {
      a.disk.remove(path)
      a.sync.note({ path, isTree: false })
    }
    await a.bring()
    assert.deepEqual(Object.keys(a.shown()), ['a', 'b', 'c', 'photos', 'photos/none'])
  })

  it('if they were moved, also into what is new', async () => {
    const [a, b] = await sharedPhotos()
    await whileAway(a, () => {
      a.makeDirectory('new')
      a.makeDirectory('new/inner')
      for (const path of PHOTOS) a.disk.move(path, `new/inner/${path.slice(7)}`)
      a.removeTree('photos')
    })
    await a.bring()
    await agree(a, b)
    for (const path of PHOTOS) assert.equal(b.shown()[`new/inner/${path.slice(7)}`], path)
  })

  it('if they have other names that are there still', async () => {
    const [a] = await sharedFolder((device) => {
      device.makeDirectory('names')
      for (let at = 0; at < FILES; at++) {
        device.create(`${at}`, `${at}`)
        device.disk.link(`${at}`, `names/${at}`)
      }
    })
    await whileAway(a, () => {
      for (let at = 0; at < FILES; at++) a.disk.remove(`${at}`)
    })
    await a.bring()
    assert.equal(Object.keys(a.shown()).length, FILES + 1)
  })

  it('about half of them, or about a few', async () => {
    const [a] = await sharedPhotos()
    await whileAway(a, () => {
      for (const path of PHOTOS.slice(0, 13)) a.disk.remove(path)
    })
    await a.bring()
    const few = await FolderDevice.start('f')
    for (let at = 0; at < 9; at++) few.create(`${at}`, 'text')
    await few.run()
    await whileAway(few, () => {
      for (let at = 0; at < 9; at++) few.disk.remove(`${at}`)
    })
    await few.bring()
    assert.deepEqual(few.shown(), {})
  })

  it('about what others removed', async () => {
    const [a, b] = await sharedPhotos()
    b.removeTree('photos')
    await b.run()
    await a.hear(b)
    await a.restart()
    await a.bring()
    assert.deepEqual(a.shown(), { a: 'a', b: 'b', c: 'c' })
  })
})

it('nothing is gone from a folder that is not there', async () => {
  const [a, b] = await sharedFolder((device) => device.create('a', 'a'))
  await whileAway(a, () => {
    a.disk.remove('a')
    a.disk.isThere = false
  })
  await assert.rejects(a.bring(), (error) => kindOf(error) === 'needs-confirmation')
  await b.hear(a)
  await b.run()
  assert.deepEqual(b.shown(), { a: 'a' })
})
