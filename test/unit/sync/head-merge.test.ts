import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FileEntry, HeadEntry } from '../../../src/format/head-entry.ts'
import { comparePaths } from '../../../src/format/head-path.ts'
import { type DeviceHead, mergeHeads } from '../../../src/sync/head-merge.ts'
import { Random } from '../../support/random.ts'
import { temporaryDirectory } from '../vfs/support.ts'
import { apply } from './folder-heads.ts'
import { directoryEntry, fileEntry } from './support.ts'

function head(device: string, ...entries: HeadEntry[]): DeviceHead {
  const sorted = [directoryEntry(''), ...entries].sort((a, b) => comparePaths(a.path, b.path))
  return {
    device,
    entries: (async function* () {
      yield* sorted
    })(),
  }
}

async function merged(...heads: DeviceHead[]): Promise<HeadEntry[]> {
  const entries: HeadEntry[] = []
  for await (const entry of mergeHeads(heads)) entries.push(entry)
  return entries
}

function versionsOf(entries: readonly HeadEntry[]): Record<string, number | string> {
  const files = entries.filter(({ path }) => path !== '')
  return Object.fromEntries(
    files.map((entry) => [entry.path, entry.kind === 'file' ? entry.state.sequence : entry.kind]),
  )
}

test('what only one device has, and what is the same on several, is there once', async () => {
  const entries = await merged(
    head('a', fileEntry('both'), fileEntry('only a'), directoryEntry('d'), fileEntry('d/x')),
    head('b', fileEntry('both'), fileEntry('only b'), directoryEntry('d'), fileEntry('d/y')),
  )
  assert.deepEqual(versionsOf(entries), { both: 1, d: 'directory', 'd/x': 1, 'd/y': 1, 'only a': 1, 'only b': 1 })
})

test('of what differs the newer keeps the name, whichever head comes first', async () => {
  const [older, newer] = [fileEntry('x', 1), fileEntry('x', 2)]
  assert.deepEqual(versionsOf(await merged(head('a', older), head('b', newer))), { x: 2, 'x (from a)': 1 })
  assert.deepEqual(versionsOf(await merged(head('a', newer), head('b', older))), { x: 2, 'x (from b)': 1 })
})

test('a file that is kept under another name is a file of its own', async () => {
  const [first, second] = (await merged(head('a', fileEntry('x', 2)), head('b', fileEntry('x', 1)))).slice(1)
  assert(!(first as FileEntry).state.fileId.equals((second as FileEntry).state.fileId))
})

test('a directory keeps its name, with all that is in it', async () => {
  const entries = await merged(
    head('a', fileEntry('x', 9), fileEntry('x.txt')),
    head('b', directoryEntry('x'), fileEntry('x/in it')),
  )
  assert.deepEqual(versionsOf(entries), { x: 'directory', 'x/in it': 1, 'x (from a)': 9, 'x.txt': 1 })
})

test('a name that is taken is passed by, and a device may be called anything', async () => {
  const entries = await merged(
    head('../a', fileEntry('x', 1)),
    head('b', fileEntry('x', 3), fileEntry('x (from .._a)', 7)),
  )
  assert.deepEqual(versionsOf(entries), { x: 3, 'x (from .._a)': 7, 'x (from .._a) (from .._a)': 1 })
})

test('names of one object stay so, on either side', async () => {
  const linked = (version: number, ...paths: string[]) => {
    const linkGroup = Buffer.alloc(16, 1)
    return paths.map((path) => ({ ...fileEntry('a', version), path, linkGroup }))
  }
  const directory = temporaryDirectory()
  await apply(await merged(head('a', ...linked(2, 'x', 'y')), head('b', ...linked(1, 'x', 'y', 'z', 'zz'))), directory)
  const inodeOf = (name: string) => statSync(`${directory}/${name}.f`).ino
  assert.equal(inodeOf('x'), inodeOf('y'))
  assert.equal(inodeOf('x (from b)'), inodeOf('y (from b)'))
  assert.equal(inodeOf('z'), inodeOf('zz'))
  assert.equal(new Set(['x', 'x (from b)', 'z'].map(inodeOf)).size, 3)
})

test('the longest names are cut', async () => {
  const name = 'n'.repeat(253)
  const entries = await merged(head('a', fileEntry(name, 2)), head('b', fileEntry(name, 1)))
  const cut = entries.find(({ path }) => path.endsWith(' (from b)'))
  assert.equal(cut!.path.length, 253)
})

test('any heads merge into a tree that can be made, and that leaves nothing out', async () => {
  const names = ['a', 'b', 'a.txt', 'c']
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const random = new Random(seed)
      const all: HeadEntry[] = []
      const heads = ['one', 'two', 'three'].map((device) => {
        const entries: HeadEntry[] = []
        const fill = (above: string, depth: number) => {
          for (const name of names) {
            const path = above + name
            const kind = random.weighted({ file: 3, directory: depth < 2 ? 3 : 0, nothing: 2 })
            if (kind === 'file') entries.push(fileEntry(path, 1 + random.below(3)))
            if (kind !== 'directory') continue
            entries.push(directoryEntry(path))
            fill(`${path}/`, depth + 1)
          }
        }
        fill('', 0)
        all.push(...entries)
        return head(device, ...entries)
      })
      const entries = await merged(...heads)
      assert.deepEqual(
        entries,
        entries.toSorted((a, b) => comparePaths(a.path, b.path)),
      )
      for (const entry of all) {
        const isThere = entries.some(
          (one) =>
            (one.path === entry.path || one.path.startsWith(`${entry.path} (from `)) &&
            (one.kind === 'file' && entry.kind === 'file'
              ? one.state.sequence === entry.state.sequence
              : one.kind === entry.kind),
        )
        assert(isThere, `${entry.path} is left out`)
      }
      await apply(entries, temporaryDirectory())
    }),
    { numRuns: 40 },
  )
})
