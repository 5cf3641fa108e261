import assert from 'node:assert/strict'
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ErrorKind, kindOf } from '../../../src/errors.ts'
import type { HeadEntry } from '../../../src/format/head-entry.ts'
import { comparePaths } from '../../../src/format/head-path.ts'
import { O } from '../../../src/posix/files.ts'
import { MODE } from '../../../src/posix/stat.ts'
import { setXattrFd } from '../../../src/posix/xattrs.ts'
import { MemoryBlocks } from '../../../src/store/memory-blocks.ts'
import { updateHead } from '../../../src/sync/head-build.ts'
import type { HeadRoot } from '../../../src/sync/head-nodes.ts'
import { findEntry, readHead } from '../../../src/sync/head-read.ts'
import { ROOT_INO } from '../../../src/vfs/operations.ts'
import { Random } from '../../support/random.ts'
import { CALLER, noise, TestFolder, temporaryDirectory, withDirectory } from '../vfs/support.ts'
import { apply, assertComesBack, assertIs, headOf, walkFolder } from './folder-heads.ts'
import { change, type Ino, write } from './random-changes.ts'
import { directoryEntry, entriesOf, fileEntry, MemoryNodes } from './support.ts'

type Link = Extract<HeadEntry, { kind: 'symlink' }>

const refuses = (kind: ErrorKind) => (error: unknown) => kindOf(error) === kind

/** A folder with one of everything. */
async function makeFolder(folder: TestFolder): Promise<void> {
  const { filesystem } = folder
  const directory = filesystem.mkdir(ROOT_INO, 'looks like a stub.f', 0o750, CALLER).ino
  const inner = filesystem.mkdir(directory, 'a', 0o711, CALLER).ino
  await write(folder, ROOT_INO, 'a\nb \xff\xfe~', noise(100))
  const linked = await write(folder, inner, 'linked', noise(5000))
  await filesystem.link(linked, ROOT_INO, 'a second name')
  await filesystem.link(linked, inner, 'z')
  await write(folder, directory, 'a.txt', Buffer.alloc(0))
  await write(folder, directory, 'one block.f', noise(60_000))
  await write(folder, directory, 'many blocks', noise(2_500_000))
  const labelled = await write(folder, directory, 'labelled', noise(10))
  filesystem.setxattr(labelled, 'user.colour', Buffer.from([0, 1, 255]), 0)
  filesystem.setxattr(labelled, 'user.a', Buffer.alloc(0), 0)
  filesystem.setxattr(inner, 'user.note', Buffer.from('of a directory'), 0)
  await filesystem.setattr(labelled, { mode: 0o4751, mtimeNs: -5n })
  const link = filesystem.symlink(ROOT_INO, 'link', '/nowhere/\xff', CALLER).ino
  await filesystem.link(link, directory, 'the same link')
  filesystem.symlink(ROOT_INO, 'link to a directory.f', 'looks like a stub.f', CALLER)
  filesystem.mknod(ROOT_INO, 'fifo', MODE.FIFO | 0o604, 0, CALLER)
  await filesystem.setattr(inner, { mtimeNs: 1_000_000_007n })
  await folder.checkpointer.run()
  writeFileSync(path.join(folder.path, 'plain'), 'not adopted')
  writeFileSync(path.join(folder.path, 'plain.f'), 'named like a stub')
}

/** Everything below a directory that reading may not change. */
function traces(directory: string): string[] {
  const names = readdirSync(directory, { recursive: true, encoding: 'latin1' }).sort()
  return ['.', ...names].map((name) => {
    const at = Buffer.from(`${directory}/${name}`, 'latin1')
    const stat = lstatSync(at, { bigint: true })
    // That a link was read is noted by whatever reads it; for others than root the same goes for all.
    const isNoted = process.getuid!() !== 0 || stat.isSymbolicLink()
    return `${name} ${stat.ctimeNs} ${isNoted ? '' : stat.atimeNs}`
  })
}

test('what is in a folder comes back, name, place and content', async () => {
  const store = new MemoryBlocks()
  const nodes = new MemoryNodes()
  await using folder = await TestFolder.open({ store })
  await makeFolder(folder)
  const { root, plainFiles, leftOut } = await headOf(folder.path, nodes)
  assert.deepEqual([plainFiles, leftOut], [2, []])
  const paths = (await entriesOf(root, nodes)).map((entry) => entry.path)
  assert.equal(paths.length, 15)
  assert.deepEqual(paths, paths.toSorted(comparePaths))
  const directory = await assertComesBack(root, nodes)
  await using again = await TestFolder.open({ directory, store })
  for (const name of ['looks like a stub.f/many blocks', 'looks like a stub.f/a/linked', 'a second name']) {
    assert.deepEqual(await again.read(name), await folder.read(name), name)
  }
  assert.equal(again.lookup('a second name')!.ino, again.lookup('looks like a stub.f/a/z')!.ino)
  assert.equal(again.lookup('a second name')!.nlink, 3)
  assert.equal(again.lookup('looks like a stub.f/labelled')!.mode & 0o7777, 0o4751)
  assert.equal(again.lookup('looks like a stub.f/a')!.mtimeNs, 1_000_000_007n)
})

/** Lists of access rights as the kernel has them: rwxr-x---, and what a directory hands down. */
const ACL_BYTES = Buffer.from('0200000001000700ffffffff04000500ffffffff10000700ffffffff20000000ffffffff', 'hex')

test('access lists come back, and those of the directory that is given are not handed down', async (t) => {
  await using folder = await TestFolder.open()
  const { filesystem } = folder
  const inner = filesystem.mkdir(ROOT_INO, 'd', 0o755, CALLER).ino
  try {
    filesystem.setxattr(inner, 'system.posix_acl_default', ACL_BYTES, 0)
  } catch (error) {
    if (kindOf(error) !== 'unsupported') throw error
    return t.skip('the file system of TMPDIR has no access lists')
  }
  filesystem.setxattr(await write(folder, inner, 'x', noise(10)), 'system.posix_acl_access', ACL_BYTES, 0)
  await write(folder, ROOT_INO, 'y', noise(10))
  await folder.checkpointer.run()
  const nodes = new MemoryNodes()
  const { root } = await headOf(folder.path, nodes)
  const names = (await entriesOf(root, nodes)).map((entry) => entry.xattrs?.map(({ name }) => name))
  assert.deepEqual(names, [undefined, ['system.posix_acl_default'], ['system.posix_acl_access'], undefined])
  const directory = temporaryDirectory()
  withDirectory(directory, (fd) => setXattrFd(fd, 'system.posix_acl_default', ACL_BYTES))
  await apply(readHead(root, nodes), directory)
  await assertIs(directory, root, nodes)
})

test('a walk changes nothing, and stays in the folder', async () => {
  await using folder = await TestFolder.open()
  await makeFolder(folder)
  const outside = temporaryDirectory()
  writeFileSync(path.join(outside, 'secret'), 'not of the folder')
  symlinkSync(outside, path.join(folder.path, 'way out'))
  const before = traces(folder.path)
  const nodes = new MemoryNodes()
  const { root } = await headOf(folder.path, nodes)
  assert.deepEqual(traces(folder.path), before)
  const entries = await entriesOf(root, nodes)
  assert.equal((entries.find((entry) => entry.path === 'way out') as Link).target, outside)
  assert(!entries.some((entry) => entry.path.startsWith('way out/') || entry.path.startsWith('.dfs')))
})

test('a stub without bytes is an empty file, also where it comes back', async () => {
  await using folder = await TestFolder.open()
  writeFileSync(path.join(folder.path, 'empty.f'), '')
  const nodes = new MemoryNodes()
  const { root } = await headOf(folder.path, nodes)
  assert.deepEqual((await headOf(folder.path, nodes)).root, root)
  const directory = await assertComesBack(root, nodes)
  assert.equal(lstatSync(path.join(directory, 'empty.f')).size, 0)
})

test('what changes while it is walked is carried as it was or as it is, under all its names alike', async () => {
  const nodes = new MemoryNodes()
  await using folder = await TestFolder.open()
  const { filesystem } = folder
  const linked = await write(folder, ROOT_INO, 'a', noise(5000, 1))
  await filesystem.link(linked, ROOT_INO, 'z')
  const single = await write(folder, ROOT_INO, 'm', noise(100, 1))
  await folder.checkpointer.run()
  const before = await entriesOf((await headOf(folder.path, nodes)).root, nodes)
  const change = async (ino: Ino) => {
    const handle = await filesystem.open(ino, O.RDWR)
    await filesystem.write(handle, 0, noise(64, 2))
    await filesystem.flush(handle)
    filesystem.release(handle)
    await folder.checkpointer.run()
  }
  const carried: HeadEntry[] = []
  await write(folder, ROOT_INO, 'gone', noise(10))
  await folder.checkpointer.run()
  await walkFolder(folder.path, async (entry) => {
    carried.push(entry)
    if (entry.path !== 'a') return
    await change(linked)
    await change(single)
    await filesystem.unlink(ROOT_INO, 'gone')
  })
  const [, a, m, z] = carried
  assert.deepEqual(a, before[1])
  assert.deepEqual({ ...z, path: 'a' }, a)
  assert.deepEqual(m, (await entriesOf((await headOf(folder.path, nodes)).root, nodes))[2])
  assert.equal(carried.length, 4)
})

test('a damaged stub is left out and told of, unless its entry is known from before', async () => {
  await using folder = await TestFolder.open()
  await makeFolder(folder)
  const nodes = new MemoryNodes()
  const { root } = await headOf(folder.path, nodes)
  truncateSync(path.join(folder.path, 'looks like a stub.f~', 'one block.f.f'), 300)
  const without = await headOf(folder.path, nodes)
  assert.deepEqual(without.leftOut, ['looks like a stub.f/one block.f corrupt'])
  assert.equal(without.root.entries, root.entries - 1)
  const known = await headOf(folder.path, nodes, (at) => findEntry(root, at, nodes))
  assert.deepEqual(known.root, root)
})

test('of two objects with one visible name the one that the mount shows is carried', async () => {
  await using folder = await TestFolder.open()
  await write(folder, ROOT_INO, 'both', noise(10))
  await folder.checkpointer.run()
  mkdirSync(path.join(folder.path, 'both'))
  const nodes = new MemoryNodes()
  const { root, leftOut } = await headOf(folder.path, nodes)
  assert.deepEqual(leftOut, ['both exists'])
  assert.equal((await findEntry(root, 'both', nodes))!.kind, 'file')
})

test('a directory that is not empty is refused, and left as it is', async () => {
  const nodes = new MemoryNodes()
  await using folder = await TestFolder.open()
  await makeFolder(folder)
  const { root } = await headOf(folder.path, nodes)
  await assert.rejects(apply(readHead(root, nodes), folder.path), refuses('not-empty'))
  await assertIs(folder.path, root, nodes)
  const other = temporaryDirectory()
  writeFileSync(path.join(other, 'mine'), 'mine')
  await assert.rejects(apply(readHead(root, nodes), other), refuses('not-empty'))
  assert.deepEqual(readdirSync(other), ['mine'])
  const done = await assertComesBack(root, nodes)
  await assert.rejects(apply(readHead(root, nodes), done), refuses('not-empty'))
})

test('a mark that is damaged or of a newer dfs is refused, and left as it is', async () => {
  const directory = temporaryDirectory()
  mkdirSync(path.join(directory, '.dfs'))
  const mark = path.join(directory, '.dfs/restoring')
  for (const [text, kind] of [
    ['dfs restoring 2\nmore\nlines', 'newer-version'],
    ['dfs restoring 1\none he', 'corrupt'],
    ['', 'corrupt'],
    ['dfs restoring 1\ntwo heads\n', 'not-empty'],
  ] as const) {
    writeFileSync(mark, text)
    await assert.rejects(apply([directoryEntry('')], directory), refuses(kind), text)
    assert.equal(readFileSync(mark, 'latin1'), text)
  }
})

test('nothing is made outside of the directory, whatever the names are', async () => {
  const root: HeadEntry = directoryEntry('')
  const wayOut: HeadEntry = { kind: 'symlink', path: 'a', uid: 0, gid: 0, mtimeNs: 0n, target: '..' }
  const wrong: Record<string, HeadEntry[]> = {
    'a parent': [fileEntry('../x')],
    'a parent on the way': [directoryEntry('a'), fileEntry('a/../../x')],
    'an absolute path': [fileEntry('/tmp/x')],
    'through a symbolic link': [wayOut, fileEntry('a/x')],
    'no directory': [fileEntry('b/x')],
    itself: [fileEntry('.')],
    'a NUL': [fileEntry('x\0')],
    "the folder's own directory": [directoryEntry('.dfs')],
    "in the folder's own directory": [fileEntry('.dfs/folder.json')],
    'a root that is no directory': [{ ...wayOut, path: '' }],
  }
  for (const [what, entries] of Object.entries(wrong)) {
    const around = temporaryDirectory()
    const directory = path.join(around, 'folder')
    mkdirSync(directory)
    await assert.rejects(apply([root, ...entries], directory), refuses('corrupt'), what)
    assert.deepEqual(readdirSync(around), ['folder'], what)
  }
})

/** Fails at its end, as if the process had. */
function* cutShort(entries: readonly HeadEntry[], count: number): Generator<HeadEntry> {
  yield* entries.slice(0, count)
  throw new Error('crash')
}

/** What a loss of power may do to what was not synced. */
function damageStubs(directory: string, random: Random): void {
  for (const name of readdirSync(directory, { recursive: true, encoding: 'latin1' })) {
    const at = Buffer.from(`${directory}/${name}`, 'latin1')
    const stat = lstatSync(at)
    if (!stat.isFile() || name.startsWith('.dfs') || !random.oneIn(3)) continue
    if (random.oneIn(2)) truncateSync(at, random.below(stat.size + 1))
    else unlinkSync(at)
  }
}

test('after a crash the same head is gone on with, as often as it takes, and no other', async () => {
  const nodes = new MemoryNodes()
  await using folder = await TestFolder.open()
  await makeFolder(folder)
  const { root } = await headOf(folder.path, nodes)
  const entries = await entriesOf(root, nodes)
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const random = new Random(seed)
      const directory = temporaryDirectory()
      for (let crashes = 1 + random.below(3); crashes > 0; crashes--) {
        await assert.rejects(apply(cutShort(entries, random.below(entries.length + 1)), directory), /crash/)
        if (random.oneIn(2)) damageStubs(directory, random)
      }
      await assert.rejects(apply(readHead(root, nodes), directory, 'another head'), refuses('not-empty'))
      await assert.rejects(headOf(directory, nodes), refuses('busy'))
      await apply(readHead(root, nodes), directory)
      await assertIs(directory, root, nodes)
      assert.deepEqual(readdirSync(path.join(directory, '.dfs')), [])
    }),
    { numRuns: 30 },
  )
})

async function differences(before: HeadRoot, after: HeadRoot, nodes: MemoryNodes) {
  const old = new Map((await entriesOf(before, nodes)).map((entry) => [entry.path, entry]))
  const now = new Map((await entriesOf(after, nodes)).map((entry) => [entry.path, entry]))
  const paths = [...new Set([...old.keys(), ...now.keys()])].sort(comparePaths)
  return paths.map((at) => ({ path: at, entry: now.get(at) }))
}

test('any folder comes back, and its head is the same made anew or from the one before', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const random = new Random(seed)
      const nodes = new MemoryNodes()
      await using folder = await TestFolder.open()
      let before: HeadRoot | undefined
      for (let round = 0; round < 3; round++) {
        for (let changes = random.below(25); changes >= 0; changes--) await change(folder, random)
        await folder.checkpointer.run()
        const { root, leftOut } = await headOf(folder.path, nodes)
        assert.deepEqual(leftOut, [])
        if (before !== undefined) {
          assert.deepEqual(await updateHead(before, await differences(before, root, nodes), nodes), root)
        }
        before = root
        await assertComesBack(root, nodes)
      }
    }),
    { numRuns: 15 },
  )
})
