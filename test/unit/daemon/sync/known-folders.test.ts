import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { KnownFolders } from '../../../../src/daemon/sync/known-folders.ts'
import { DfsError } from '../../../../src/errors.ts'

const PHOTOS = { id: '0a'.repeat(16), name: 'photos' }
const PAPERS = { id: '0b'.repeat(16), name: 'papers \xc3\xa9' }

async function fileOf(t: TestContext): Promise<string> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'dfs-known-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return path.join(dir, 'sync', 'known')
}

test('what devices told is known in the next run', async (t) => {
  const file = await fileOf(t)
  const known = await KnownFolders.open(file)
  assert.deepEqual(known.list(), [])
  await known.note('bob', [PAPERS, { ...PHOTOS, name: 'pictures' }])
  await known.note('ann', [PHOTOS])
  const all = [
    { ...PHOTOS, devices: ['ann', 'bob'] },
    { ...PAPERS, devices: ['bob'] },
  ]
  assert.deepEqual(known.list(), all)
  assert.deepEqual((await KnownFolders.open(file)).list(), all)
})

test('a device has what it told last, and one that is forgotten nothing', async (t) => {
  const file = await fileOf(t)
  const known = await KnownFolders.open(file)
  await known.note('ann', [PHOTOS])
  await known.note('bob', [PHOTOS])
  await Promise.all([known.note('ann', [PAPERS]), known.forget('bob')])
  assert.deepEqual(known.list(), [{ ...PAPERS, devices: ['ann'] }])
  assert.deepEqual((await KnownFolders.open(file)).list(), known.list())
})

test('what says nothing new is not written', async (t) => {
  const file = await fileOf(t)
  const known = await KnownFolders.open(file)
  await known.note('ann', [PHOTOS])
  await rm(file)
  await known.note('ann', [PHOTOS])
  await assert.rejects(readFile(file))
})

test('a damaged file is an empty one, and a newer one is refused', async (t) => {
  const file = await fileOf(t)
  await (await KnownFolders.open(file)).note('ann', [PHOTOS])
  const bytes = await readFile(file)
  bytes[bytes.length - 1]! ^= 1
  await writeFile(file, bytes)
  assert.deepEqual((await KnownFolders.open(file)).list(), [])
  const { encode } = await import('cborg')
  await writeFile(file, encode({ version: 2 }))
  await assert.rejects(KnownFolders.open(file), { kind: 'newer-version' })
})

test('one can wait until some device has told what it has', async (t) => {
  const file = await fileOf(t)
  await (await KnownFolders.open(file)).note('ann', [PHOTOS])
  const known = await KnownFolders.open(file)
  const givesUp = new AbortController()
  const waiting = known.whenHeard(givesUp.signal)
  givesUp.abort()
  await assert.rejects(waiting, (error) => error instanceof DfsError && error.kind === 'aborted')
  await assert.rejects(known.whenHeard(AbortSignal.abort()), { kind: 'aborted' })
  const { signal } = new AbortController()
  const heard = known.whenHeard(signal)
  await known.note('ann', [])
  await heard
  await known.whenHeard(signal)
})
