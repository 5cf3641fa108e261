import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { O } from '../../../src/posix/files.ts'
import { FolderFiles } from '../../../src/vfs/folder-files.ts'
import { FolderPaths } from '../../../src/vfs/folder-paths.ts'
import { versionsOf } from '../../../src/vfs/history.ts'
import { OutsideChanges } from '../../../src/vfs/outside-changes.ts'
import { OutsideKeeping } from '../../../src/vfs/outside-keeping.ts'
import type { OutsideState } from '../../../src/vfs/outside-objects.ts'
import type { StubFile } from '../../../src/vfs/stub-file.ts'
import { CALLER, TestFolder } from './support.ts'

const ID = 'ab'.repeat(16)
const LONG_AGO = 1_000_000_000n
const now = () => BigInt(Date.now()) * 1_000_000n

/** What another device does to a folder. */
function outsideOf(folder: TestFolder): OutsideChanges {
  const { services, committer, checkpointer, filesystem, keeping } = folder
  return new OutsideChanges(services, {
    names: filesystem.names,
    paths: new FolderPaths(services, { filesystem, committer }),
    files: new FolderFiles(services),
    committer,
    checkpointer,
    versions: keeping,
  })
}

function fileOf(text: string, mtimeNs: bigint): OutsideState {
  const bytes = Buffer.from(text)
  return {
    kind: 'file',
    content: { kind: 'file', size: bytes.length, content: { kind: 'inline', bytes } },
    mtimeNs,
    attributes: { mode: 0o644, uid: CALLER.uid, gid: CALLER.gid, xattrs: [] },
  }
}

/** Contents of what is kept of a path, the newest first. */
async function kept(folder: TestFolder, path: string): Promise<string[]> {
  const versions = await versionsOf(folder.services, folder.versions, { path, fileId: undefined })
  return versions.map(({ state: { content } }) => (content.kind === 'inline' ? `${Buffer.from(content.bytes)}` : ''))
}

describe('what another device changes', () => {
  it('is kept when it replaces a file, however short a time ago that came', async () => {
    await using folder = await TestFolder.open()
    const outside = outsideOf(folder)
    outside.make('a', ID, fileOf('one', now()))
    outside.replace('a', ID, fileOf('two', now()))
    assert.deepEqual(await kept(folder, 'a'), ['one'])
  })

  it('is kept once a minute when only others write the file', async () => {
    await using folder = await TestFolder.open()
    const outside = outsideOf(folder)
    outside.make('log', ID, fileOf('0', now()))
    for (let count = 1; count < 5; count++) outside.replace('log', ID, fileOf(`${count}`, now() + BigInt(count)))
    assert.deepEqual(await kept(folder, 'log'), ['0'])
  })

  it('is kept when it replaces what was written here, however soon after another', async () => {
    await using folder = await TestFolder.open()
    const outside = outsideOf(folder)
    outside.make('a', ID, fileOf('one', LONG_AGO))
    outside.replace('a', ID, fileOf('two', LONG_AGO + 1n))
    const { filesystem, checkpointer } = folder
    const handle = await filesystem.open(folder.lookup('a')!.ino, O.RDWR | O.TRUNC)
    await filesystem.write(handle, 0, Buffer.from('own'))
    await filesystem.flush(handle)
    filesystem.release(handle)
    await checkpointer.run({ all: true })
    outside.replace('a', ID, fileOf('three', LONG_AGO + 2n))
    assert.deepEqual(await kept(folder, 'a'), ['own', 'two', 'one'])
  })

  it('is kept when it removes a file that came a moment ago and was written long ago', async () => {
    await using folder = await TestFolder.open()
    const outside = outsideOf(folder)
    outside.make('old', ID, fileOf('old', LONG_AGO))
    outside.make('young', 'cd'.repeat(16), fileOf('young', now()))
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
