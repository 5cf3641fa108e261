import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { O } from '../../../src/posix/files.ts'
import { versionsOf } from '../../../src/vfs/history.ts'
import { OutsideKeeping } from '../../../src/vfs/outside-keeping.ts'
import type { StubFile } from '../../../src/vfs/stub-file.ts'
import { bring, outsideFile, outsideOf } from './outside.ts'
import { TestFolder } from './support.ts'

const ID = 'ab'.repeat(16)
const LONG_AGO = 1_000_000_000n
const now = () => BigInt(Date.now()) * 1_000_000n

/** Contents of what is kept of a path, the newest first. */
async function kept(folder: TestFolder, path: string): Promise<string[]> {
  const versions = await versionsOf(folder.services, folder.versions, { path, fileId: undefined })
  return versions.map(({ state: { content } }) => (content.kind === 'inline' ? `${Buffer.from(content.bytes)}` : ''))
}

describe('what another device changes', () => {
  it('is kept when it replaces a file, however short a time ago that came', async () => {
    await using folder = await TestFolder.open()
    const outside = outsideOf(folder)
    await bring(outside, 'a', ID, outsideFile('one', now()))
    await bring(outside, 'a', ID, outsideFile('two', now()))
    assert.deepEqual(await kept(folder, 'a'), ['one'])
  })

  it('is kept once a minute when only others write the file', async () => {
    await using folder = await TestFolder.open()
    const outside = outsideOf(folder)
    await bring(outside, 'log', ID, outsideFile('0', now()))
    for (let count = 1; count < 5; count++) {
      await bring(outside, 'log', ID, outsideFile(`${count}`, now() + BigInt(count)))
    }
    assert.deepEqual(await kept(folder, 'log'), ['0'])
  })

  it('is kept when it replaces what was written here, however soon after another', async () => {
    await using folder = await TestFolder.open()
    const outside = outsideOf(folder)
    await bring(outside, 'a', ID, outsideFile('one', LONG_AGO))
    await bring(outside, 'a', ID, outsideFile('two', LONG_AGO + 1n))
    const { filesystem, checkpointer } = folder
    const handle = await filesystem.open(folder.lookup('a')!.ino, O.RDWR | O.TRUNC)
    await filesystem.write(handle, 0, Buffer.from('own'))
    await filesystem.flush(handle)
    filesystem.release(handle)
    await checkpointer.run({ all: true })
    await bring(outside, 'a', ID, outsideFile('three', LONG_AGO + 2n))
    assert.deepEqual(await kept(folder, 'a'), ['own', 'two', 'one'])
  })

  it('is kept when it removes a file that came a moment ago and was written long ago', async () => {
    await using folder = await TestFolder.open()
    const outside = outsideOf(folder)
    await bring(outside, 'old', ID, outsideFile('old', LONG_AGO))
    await bring(outside, 'young', 'cd'.repeat(16), outsideFile('young', now()))
    outside.remove('old')
    outside.remove('young')
    assert.deepEqual(await kept(folder, 'old'), ['old'])
    assert.deepEqual(await kept(folder, 'young'), [])
  })
})

/** Versions for which every file is too young. */
function decisions() {
  const decided: boolean[] = []
  const whileDecided = (_: StubFile, isKept: boolean, work: () => void) => {
    decided.push(isKept)
    work()
  }
  return { decided, versions: { isOldEnough: () => false, whileDecided } }
}

describe('keepingAll', () => {
  it('keeps what is replaced and removed, however young it is', async () => {
    await using folder = await TestFolder.open()
    const outside = outsideOf(folder)
    for (const [at, name] of ['a', 'b', 'c'].entries()) {
      await bring(outside, name, `0${at}`.repeat(16), outsideFile(name, now()))
    }
    folder.keeping.keepingAll(() => {
      outside.move('a', 'b')
      outside.remove('c')
    })
    assert.deepEqual([await kept(folder, 'b'), await kept(folder, 'c')], [['b'], ['c']])
    outside.remove('b')
    assert.deepEqual(await kept(folder, 'a'), [])
    assert.deepEqual(await kept(folder, 'b'), ['b'])
  })
})

describe('OutsideKeeping', () => {
  it('has a version kept each minute of what others write all the time', () => {
    let nowMs = 0
    const { decided, versions } = decisions()
    const keeping = new OutsideKeeping(versions, () => nowMs)
    for (let mtime = 0n; mtime < 5n; mtime++) {
      const file = { fileId: Buffer.from(ID, 'hex'), mtimeNs: mtime } as StubFile
      keeping.whileReplacing(file, mtime + 1n, () => {})
      nowMs += 20_000
    }
    assert.deepEqual(decided, [true, false, false, true, false])
  })

  it('has nothing remembered of a replacing that failed', () => {
    const { decided, versions } = decisions()
    const keeping = new OutsideKeeping(versions, () => 0)
    const file = { fileId: Buffer.from(ID, 'hex'), mtimeNs: 1n } as StubFile
    const fail = () => {
      throw new Error('the disk is full')
    }
    assert.throws(() => keeping.whileReplacing(file, 1n, fail))
    keeping.whileReplacing(file, 1n, () => {})
    assert.deepEqual(decided, [true, true])
  })
})
