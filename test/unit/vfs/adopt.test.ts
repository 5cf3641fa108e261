import assert from 'node:assert/strict'
import {
  appendFileSync,
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { byteStringOf } from '../../../src/bytes/byte-string.ts'
import type { Progress } from '../../../src/dfs.ts'
import { kindOf } from '../../../src/errors.ts'
import { O, syncFilesystem as realSync } from '../../../src/posix/files.ts'
import { makeNodeAt } from '../../../src/posix/names.ts'
import { MODE, statAt } from '../../../src/posix/stat.ts'
import { getXattrAt, setXattrAt } from '../../../src/posix/xattrs.ts'
import { MemoryBlocks } from '../../../src/store/memory-blocks.ts'
import { CALLER, noise, TestFolder, temporaryDirectory, withDirectory } from './support.ts'

const MIB = 1024 * 1024

/** Every name below the folder but for dfs's own, sorted. */
function names(folder: TestFolder): string[] {
  const list = (at: string): string[] =>
    readdirSync(path.join(folder.path, at), { withFileTypes: true }).flatMap((entry) => {
      const name = path.join(at, entry.name)
      return entry.isDirectory() ? [name, ...list(name)] : [name]
    })
  return list('')
    .filter((name) => name !== '.dfs' && !name.startsWith('.dfs/'))
    .sort()
}

function temporaries(folder: TestFolder): string[] {
  return readdirSync(path.join(folder.path, '.dfs', 'tmp'))
}

function put(folder: TestFolder, name: string, content: string | Buffer): string {
  const file = path.join(folder.path, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, content)
  return file
}

test('a tree of plain files becomes stubs of the same content, mode and times', async () => {
  await using folder = await TestFolder.open()
  const contents = {
    'a.txt': Buffer.from('hello'),
    'deep/er/b.bin': noise(3 * MIB + 17),
    'deep/empty': Buffer.alloc(0),
  }
  for (const [name, content] of Object.entries(contents)) {
    utimesSync(put(folder, name, content), 1_000_000_000.25, 1_100_000_000.75)
    chmodSync(path.join(folder.path, name), 0o4751)
  }
  const before = statSync(path.join(folder.path, 'a.txt'), { bigint: true })
  const result = await folder.adopt()
  assert.deepEqual(result, { files: 3, bytes: 5 + 3 * MIB + 17, skipped: [] })
  assert.deepEqual(names(folder), ['a.txt.f', 'deep', 'deep/empty.f', 'deep/er', 'deep/er/b.bin.f'])
  assert.deepEqual(temporaries(folder), [])
  const { mode, mtimeNs, atimeNs, ctimeNs, uid, gid, size } = folder.lookup('a.txt')!
  assert.equal(mode, MODE.REGULAR | 0o4751)
  assert.deepEqual([mtimeNs, atimeNs, ctimeNs], [before.mtimeNs, before.atimeNs, before.ctimeNs])
  assert.deepEqual([BigInt(uid), BigInt(gid), size], [before.uid, before.gid, 5])
  for (const [name, content] of Object.entries(contents)) assert.ok((await folder.read(name)).equals(content), name)
})

test('the stub below has the permissions of the file, and no suid bit', async () => {
  await using folder = await TestFolder.open()
  chmodSync(put(folder, 'a', 'x'), 0o4750)
  await folder.adopt()
  assert.equal(statSync(path.join(folder.path, 'a.f')).mode & 0o7777, 0o750)
})

test('adopting again finds nothing to do', async () => {
  await using folder = await TestFolder.open()
  put(folder, 'a', 'x')
  await folder.adopt()
  assert.deepEqual(await folder.adopt(), { files: 0, bytes: 0, skipped: [] })
  assert.deepEqual(names(folder), ['a.f'])
})

test('one file, or one directory, is adopted by its path', async () => {
  await using folder = await TestFolder.open()
  put(folder, 'd/a', 'x')
  put(folder, 'd/b', 'y')
  put(folder, 'e/c', 'z')
  assert.equal((await folder.adopt('d/a')).files, 1)
  assert.deepEqual(names(folder), ['d', 'd/a.f', 'd/b', 'e', 'e/c'])
  assert.equal((await folder.adopt('e/')).files, 1)
  assert.deepEqual(names(folder), ['d', 'd/a.f', 'd/b', 'e', 'e/c.f'])
})

test('a path that leads nowhere, out of the folder or below .dfs is refused', async () => {
  await using folder = await TestFolder.open()
  put(folder, 'a', 'x')
  for (const [inside, kind] of [
    ['none', 'not-found'],
    ['none/a', 'not-found'],
    ['a/b', 'not-a-directory'],
    ['../a', 'invalid'],
    ['.dfs', 'invalid'],
    ['.dfs/versions', 'invalid'],
  ] as const) {
    await assert.rejects(folder.adopt(inside), (error) => kindOf(error) === kind, inside)
  }
  assert.deepEqual(names(folder), ['a'])
})

test('with keep the original stays beside its stub, once', async () => {
  await using folder = await TestFolder.open()
  put(folder, 'a', 'x')
  assert.equal((await folder.adopt('', { keep: true })).files, 1)
  assert.deepEqual(names(folder), ['a', 'a.f'])
  assert.equal((await folder.adopt('', { keep: true })).files, 0)
  assert.deepEqual(names(folder), ['a', 'a.f'])
})

test('a plain file beside a stub of equal content goes', async () => {
  await using folder = await TestFolder.open()
  for (const [name, content] of [
    ['small', Buffer.from('x')],
    ['large', noise(200_000)],
    ['huge', noise(9 * MIB)],
  ] as const) {
    put(folder, name, content)
  }
  await folder.adopt('', { keep: true })
  const result = await folder.adopt()
  assert.deepEqual(result.skipped, [])
  assert.equal(result.files, 3)
  assert.deepEqual(names(folder), ['huge.f', 'large.f', 'small.f'])
})

test('a plain file beside a stub of other content becomes a conflict copy', async () => {
  await using folder = await TestFolder.open()
  put(folder, 'report.txt', 'old')
  await folder.adopt()
  put(folder, 'report.txt', 'new')
  assert.equal((await folder.adopt()).files, 1)
  put(folder, 'report.txt', 'newer')
  await folder.adopt()
  assert.deepEqual(names(folder), ['report (conflict 2).txt.f', 'report (conflict).txt.f', 'report.txt.f'])
  assert.equal((await folder.read('report.txt')).toString(), 'old')
  assert.equal((await folder.read('report (conflict).txt')).toString(), 'new')
  assert.equal((await folder.read('report (conflict 2).txt')).toString(), 'newer')
})

test('a plain file that is a conflict copy already makes no second one', async () => {
  await using folder = await TestFolder.open()
  put(folder, 'a', 'old')
  await folder.adopt()
  put(folder, 'a', 'new')
  await folder.adopt('', { keep: true })
  await folder.adopt('', { keep: true })
  assert.deepEqual(names(folder), ['a', 'a (conflict).f', 'a.f'])
  await folder.adopt()
  assert.deepEqual(names(folder), ['a (conflict).f', 'a.f'])
})

test('a plain file waits while the stub beside it has changes that are not in it yet', async () => {
  await using folder = await TestFolder.open()
  put(folder, 'a', 'old')
  await folder.adopt()
  const { filesystem } = folder
  const handle = await filesystem.open(folder.lookup('a')!.ino, O.RDWR)
  await filesystem.write(handle, 0, Buffer.from('new'))
  await filesystem.flush(handle)
  filesystem.release(handle)
  put(folder, 'a', 'old')
  assert.deepEqual(
    (await folder.adopt()).skipped.map(({ path }) => path),
    ['a'],
  )
  await folder.checkpointer.run({ all: true })
  assert.equal((await folder.adopt()).files, 1)
  assert.deepEqual(names(folder), ['a (conflict).f', 'a.f'])
})

test('a plain file beside a damaged stub stays', async () => {
  await using folder = await TestFolder.open()
  put(folder, 'a', 'x')
  await folder.adopt('', { keep: true })
  const stub = path.join(folder.path, 'a.f')
  const bytes = readFileSync(stub)
  writeFileSync(stub, bytes.fill(1, 256))
  const { files, skipped } = await folder.adopt()
  assert.equal(files, 0)
  assert.deepEqual(
    skipped.map(({ path }) => path),
    ['a'],
  )
  assert.deepEqual(names(folder), ['a', 'a.f'])
})

test('a Fortran source beside its program, and a chain of such names, all become stubs', async () => {
  await using folder = await TestFolder.open()
  for (const name of ['prog', 'prog.f', 'prog.f.f', 'x.f']) put(folder, name, `this is ${name}`)
  assert.deepEqual(await folder.adopt(), { files: 4, bytes: 53, skipped: [] })
  assert.deepEqual(names(folder), ['prog.f', 'prog.f.f', 'prog.f.f.f', 'x.f.f'])
  for (const name of ['prog', 'prog.f', 'prog.f.f', 'x.f']) {
    assert.equal((await folder.read(name)).toString(), `this is ${name}`)
  }
})

test('adopting a program alone takes the source in its way along', async () => {
  await using folder = await TestFolder.open()
  put(folder, 'prog', 'binary')
  put(folder, 'prog.f', 'source')
  assert.equal((await folder.adopt('prog')).files, 2)
  assert.deepEqual(names(folder), ['prog.f', 'prog.f.f'])
})

test('a directory that stands where the stub must go leaves the file alone', async () => {
  await using folder = await TestFolder.open()
  put(folder, 'a', 'x')
  put(folder, 'a.f/inside', 'y')
  const { files, skipped } = await folder.adopt()
  assert.equal(files, 1)
  assert.deepEqual(
    skipped.map(({ path }) => path),
    ['a'],
  )
  assert.deepEqual(names(folder), ['a', 'a.f', 'a.f/inside.f'])
})

test('a directory that a stub of its name hides is left out, and the stub stays known', async () => {
  await using folder = await TestFolder.open()
  put(folder, 'a', 'x')
  await folder.adopt()
  const { ino } = folder.lookup('a')!
  put(folder, 'a/inside', 'y')
  assert.deepEqual((await folder.adopt()).skipped, [{ path: 'a', why: 'something else of its name hides it' }])
  assert.equal(folder.lookup('a')!.ino, ino)
  assert.deepEqual(names(folder), ['a', 'a.f', 'a/inside'])
})

test('names of one file become names of one stub, also across directories', async () => {
  await using folder = await TestFolder.open()
  const file = put(folder, 'd/one', noise(100_000))
  mkdirSync(path.join(folder.path, 'e'))
  linkSync(file, path.join(folder.path, 'd/two'))
  linkSync(file, path.join(folder.path, 'e/three'))
  const result = await folder.adopt()
  assert.deepEqual(result, { files: 3, bytes: 100_000, skipped: [] })
  assert.deepEqual(names(folder), ['d', 'd/one.f', 'd/two.f', 'e', 'e/three.f'])
  const stats = ['d/one', 'd/two', 'e/three'].map((name) => folder.lookup(name)!)
  assert.equal(new Set(stats.map(({ statIno }) => statIno)).size, 1)
  assert.deepEqual(
    stats.map(({ nlink }) => nlink),
    [3, 3, 3],
  )
  assert.ok((await folder.read('e/three')).equals(noise(100_000)))
})

test('of a file that also has a name elsewhere only the names adopted become stubs', async () => {
  await using folder = await TestFolder.open()
  const file = put(folder, 'd/one', 'content')
  const elsewhere = path.join(temporaryDirectory(), 'elsewhere')
  linkSync(file, elsewhere)
  linkSync(file, path.join(folder.path, 'two'))
  assert.equal((await folder.adopt('d')).files, 1)
  assert.deepEqual(names(folder), ['d', 'd/one.f', 'two'])
  assert.equal(readFileSync(elsewhere, 'utf8'), 'content')
  assert.equal((await folder.read('d/one')).toString(), 'content')
})

test('extended attributes come along', async () => {
  await using folder = await TestFolder.open()
  put(folder, 'a', 'x')
  const attribute = 'user.comment'
  withDirectory(folder.path, (fd) => setXattrAt(fd, 'a', attribute, Buffer.from('kept')))
  await folder.adopt()
  assert.equal(withDirectory(folder.path, (fd) => getXattrAt(fd, 'a.f', attribute))?.toString(), 'kept')
})

test('a sparse file keeps its holes', async () => {
  await using folder = await TestFolder.open()
  const file = put(folder, 'sparse', '')
  const fd = openSync(file, 'r+')
  writeSync(fd, noise(4096), 0, 4096, 300 * MIB)
  ftruncateSync(fd, 40 * 1024 * MIB)
  closeSync(fd)
  assert.deepEqual(await folder.adopt(), { files: 1, bytes: 40 * 1024 * MIB, skipped: [] })
  const { size, blocks, ino } = folder.lookup('sparse')!
  assert.equal(size, 40 * 1024 * MIB)
  assert.ok(blocks * 512 <= MIB)
  const handle = await folder.filesystem.open(ino, O.RDONLY)
  const piece = Buffer.alloc(8192, 1)
  await folder.filesystem.read(handle, 300 * MIB - 4096, piece)
  assert.ok(piece.equals(Buffer.concat([Buffer.alloc(4096), noise(4096)])))
  folder.filesystem.release(handle)
})

test('what is no regular file stays, and links are not followed', async () => {
  await using folder = await TestFolder.open()
  put(folder, 'd/a', 'x')
  symlinkSync('d/a', path.join(folder.path, 'to-file'))
  symlinkSync('.', path.join(folder.path, 'd/loop'))
  symlinkSync('self', path.join(folder.path, 'self'))
  withDirectory(folder.path, (fd) => makeNodeAt(fd, 'pipe', MODE.FIFO | 0o600, 0))
  assert.deepEqual(await folder.adopt(), { files: 1, bytes: 1, skipped: [] })
  assert.deepEqual(names(folder), ['d', 'd/a.f', 'd/loop', 'pipe', 'self', 'to-file'])
})

test('a name too long for a stub is left alone, the longest that fits is not', async () => {
  await using folder = await TestFolder.open()
  const [fits, tooLong] = ['a'.repeat(253), 'b'.repeat(254)]
  put(folder, fits, 'x')
  put(folder, tooLong, 'y')
  const result = await folder.adopt()
  assert.deepEqual(result.skipped, [{ path: tooLong, why: 'its name is too long for a stub' }])
  assert.deepEqual(names(folder), [`${fits}.f`, tooLong])
})

test('names that are not UTF-8 are kept to the byte', async () => {
  await using folder = await TestFolder.open()
  writeFileSync(Buffer.concat([Buffer.from(`${folder.path}/`), Buffer.from([0x66, 0xff, 0xfe])]), 'x')
  assert.equal((await folder.adopt()).files, 1)
  const stat = withDirectory(folder.path, (fd) => statAt(fd, 'f\u00ff\u00fe.f'))
  assert.ok(stat !== undefined)
})

test('a file that is open elsewhere stays', async () => {
  await using folder = await TestFolder.open()
  const file = put(folder, 'a', 'x')
  put(folder, 'b', 'y')
  for (const flags of ['r', 'r+']) {
    const fd = openSync(file, flags)
    assert.deepEqual((await folder.adopt()).skipped, [{ path: 'a', why: 'it is in use' }])
    closeSync(fd)
  }
  assert.deepEqual(names(folder), ['a', 'b.f'])
  assert.equal((await folder.adopt()).files, 1)
})

test('a file that is open through the folder itself stays, and its handle goes on to work', async () => {
  await using folder = await TestFolder.open()
  put(folder, 'a', 'x')
  const { filesystem } = folder
  const handle = await filesystem.open(folder.lookup('a')!.ino, O.RDWR)
  assert.deepEqual((await folder.adopt()).skipped, [{ path: 'a', why: 'it is in use' }])
  await filesystem.write(handle, 0, Buffer.from('y'))
  filesystem.release(handle)
  assert.equal(readFileSync(path.join(folder.path, 'a'), 'utf8'), 'y')
})

/** Runs `change` at the nth time the adopter makes the file system durable. */
function changingAt(nth: number, change: () => void): (fd: number) => Promise<void> {
  let count = 0
  return async (fd) => {
    await realSync(fd)
    count++
    if (count === nth) change()
  }
}

test('a file that changes before its stub stands stays alone', async () => {
  const directory = temporaryDirectory()
  const file = path.join(directory, 'a')
  await using folder = await TestFolder.open({
    directory,
    syncFilesystem: changingAt(1, () => appendFileSync(file, 'y')),
  })
  put(folder, 'a', 'x')
  put(folder, 'b', 'z')
  const result = await folder.adopt()
  assert.deepEqual(result, { files: 1, bytes: 1, skipped: [{ path: 'a', why: 'it changed meanwhile' }] })
  assert.deepEqual(names(folder), ['a', 'b.f'])
  assert.deepEqual(temporaries(folder), [])
  assert.equal(readFileSync(file, 'utf8'), 'xy')
})

test('a file that changes after its stub stands stays beside it, and becomes a conflict copy the next time', async () => {
  const directory = temporaryDirectory()
  const file = path.join(directory, 'a')
  await using folder = await TestFolder.open({
    directory,
    syncFilesystem: changingAt(2, () => appendFileSync(file, 'y')),
  })
  put(folder, 'a', 'x')
  assert.deepEqual((await folder.adopt()).skipped, [{ path: 'a', why: 'it changed meanwhile' }])
  assert.deepEqual(names(folder), ['a', 'a.f'])
  assert.equal(readFileSync(file, 'utf8'), 'xy')
  await folder.adopt()
  assert.deepEqual(names(folder), ['a (conflict).f', 'a.f'])
})

test('an original that somebody opens while it is on its way out comes back', async () => {
  const directory = temporaryDirectory()
  let fd: number | undefined
  const openWhenAside = () => {
    const [aside] = readdirSync(path.join(directory, '.dfs/tmp'))
    if (aside === undefined) setImmediate(openWhenAside)
    else fd = openSync(path.join(directory, '.dfs/tmp', aside), 'r+')
  }
  await using folder = await TestFolder.open({ directory, syncFilesystem: changingAt(2, openWhenAside) })
  put(folder, 'a', 'x')
  assert.deepEqual((await folder.adopt()).skipped, [{ path: 'a', why: 'it is in use' }])
  writeSync(fd!, 'y')
  closeSync(fd!)
  assert.deepEqual(names(folder), ['a', 'a.f'])
  assert.equal(readFileSync(path.join(directory, 'a'), 'utf8'), 'y')
  assert.deepEqual(temporaries(folder), [])
})

test('a change that leaves size and modification time as they were is noticed', async () => {
  const directory = temporaryDirectory()
  const file = path.join(directory, 'a')
  const change = () => {
    writeFileSync(file, 'y')
    utimesSync(file, 1_000_000_000, 1_000_000_000)
  }
  await using folder = await TestFolder.open({ directory, syncFilesystem: changingAt(1, change) })
  utimesSync(put(folder, 'a', 'x'), 1_000_000_000, 1_000_000_000)
  assert.equal((await folder.adopt()).files, 0)
  assert.equal(readFileSync(file, 'utf8'), 'y')
})

test('a file that is replaced, moved or removed meanwhile is not touched', async () => {
  const directory = temporaryDirectory()
  const at = (name: string) => path.join(directory, name)
  const change = () => {
    writeFileSync(at('new'), 'new')
    renameSync(at('new'), at('replaced'))
    renameSync(at('moved'), at('elsewhere'))
    rmSync(at('removed'))
  }
  await using folder = await TestFolder.open({ directory, syncFilesystem: changingAt(1, change) })
  for (const name of ['replaced', 'moved', 'removed']) put(folder, name, 'old')
  const result = await folder.adopt()
  assert.deepEqual(result.skipped.map(({ path }) => path).sort(), ['moved', 'removed', 'replaced'])
  assert.deepEqual(names(folder), ['elsewhere', 'replaced'])
  assert.equal(readFileSync(at('replaced'), 'utf8'), 'new')
})

test('a directory that is removed meanwhile is no failure', async () => {
  const directory = temporaryDirectory()
  const change = () => rmSync(path.join(directory, 'd'), { recursive: true })
  await using folder = await TestFolder.open({ directory, syncFilesystem: changingAt(1, change) })
  put(folder, 'd/a', 'x')
  put(folder, 'e/b', 'y')
  const result = await folder.adopt()
  assert.deepEqual(
    result.skipped.map(({ path }) => path),
    ['d/a'],
  )
  assert.deepEqual(names(folder), ['e', 'e/b.f'])
})

test('a file that is cut while it is read stays', async () => {
  await using folder = await TestFolder.open()
  const file = put(folder, 'a', noise(4 * MIB))
  const onProgress = () => truncateSync(file, 10)
  assert.deepEqual((await folder.adopt('', { onProgress })).files, 0)
  assert.deepEqual(names(folder), ['a'])
  assert.equal(statSync(file).size, 10)
})

test('originals go only when blocks and stubs are durable, in this order', async () => {
  const seen: [string, string[]][] = []
  const store = new MemoryBlocks()
  const sync = store.sync.bind(store)
  store.sync = async (cids) => {
    seen.push(['blocks', names(folder)])
    await sync(cids)
  }
  await using folder = await TestFolder.open({
    store,
    syncFilesystem: async (fd) => {
      seen.push(['stubs', names(folder)])
      await realSync(fd)
    },
  })
  put(folder, 'a', noise(100_000))
  await folder.adopt()
  assert.deepEqual(seen, [
    ['blocks', ['a']],
    ['stubs', ['a']],
    ['stubs', ['a', 'a.f']],
  ])
})

test('blocks stay pinned until their stub stands, and not longer', async () => {
  const store = new MemoryBlocks()
  const pins = new Map<string, number>()
  let atPlacing = 0
  const { put: putBlock, unpin } = store
  store.put = (ref, bytes) => {
    pins.set(ref.cid, (pins.get(ref.cid) ?? 0) + 1)
    return putBlock.call(store, ref, bytes)
  }
  store.unpin = (cid) => {
    pins.set(cid, pins.get(cid)! - 1)
    unpin.call(store, cid)
  }
  const count = () => [...pins.values()].reduce((sum, pinned) => sum + pinned, 0)
  const syncFilesystem = async () => {
    atPlacing = count()
  }
  await using folder = await TestFolder.open({ store, syncFilesystem })
  put(folder, 'a', noise(9 * MIB))
  put(folder, 'b', noise(9 * MIB))
  await folder.adopt()
  assert.ok(atPlacing > 0)
  assert.equal(count(), 0)
})

test('where blocks cannot be kept the run fails and leaves everything as it was', async () => {
  const store = new MemoryBlocks()
  const failure = Object.assign(new Error('full'), { kind: 'no-space' })
  store.put = () => Promise.reject(failure)
  await using folder = await TestFolder.open({ store })
  put(folder, 'a', noise(100_000))
  put(folder, 'b', 'small')
  await assert.rejects(folder.adopt(), failure)
  assert.deepEqual(names(folder), ['a', 'b'])
  assert.deepEqual(temporaries(folder), [])
})

test('a failing sync leaves the original, whichever it is', async () => {
  for (const nth of [1, 2]) {
    const change = () => {
      throw new Error('sync failed')
    }
    await using folder = await TestFolder.open({ syncFilesystem: changingAt(nth, change) })
    put(folder, 'a', 'x')
    await assert.rejects(folder.adopt(), /sync failed/)
    assert.deepEqual(names(folder), nth === 1 ? ['a'] : ['a', 'a.f'])
    assert.deepEqual(temporaries(folder), [])
    assert.equal((await folder.adopt()).files, 1)
    assert.deepEqual(names(folder), ['a.f'])
  }
})

test('what a crash left in .dfs/tmp is removed, and what is not ours there is not', async () => {
  await using folder = await TestFolder.open()
  put(folder, '.dfs/tmp/adopt-1', 'left')
  put(folder, '.dfs/tmp/other', 'kept')
  put(folder, 'a', 'x')
  await folder.adopt()
  assert.deepEqual(temporaries(folder), ['other'])
})

test('an aborted run stops between files, and what is done is whole', async () => {
  await using folder = await TestFolder.open()
  for (let i = 0; i < 600; i++) put(folder, `file-${i}`, `content ${i}`)
  const controller = new AbortController()
  let reports = 0
  const onProgress = () => {
    reports++
    if (reports === 300) controller.abort()
  }
  const run = folder.adopt('', { signal: controller.signal, onProgress })
  await assert.rejects(run, (error) => kindOf(error) === 'aborted')
  const left = names(folder)
  assert.equal(left.length, 600)
  assert.ok(left.some((name) => name.endsWith('.f')) && left.some((name) => !name.endsWith('.f')))
  assert.deepEqual(temporaries(folder), [])
  for (let i = 0; i < 600; i += 37) assert.equal((await folder.read(`file-${i}`)).toString(), `content ${i}`)
})

test('progress counts bytes up to the total', async () => {
  await using folder = await TestFolder.open()
  put(folder, 'a', noise(MIB))
  put(folder, 'b', 'small')
  const seen: Progress[] = []
  await folder.adopt('', { onProgress: (progress) => seen.push(progress) })
  assert.ok(seen.every(({ total, unit, done }) => total === MIB + 5 && unit === 'bytes' && done <= total))
  assert.equal(seen.at(-1)?.done, MIB + 5)
  assert.ok(seen.length > 2)
})

test('a number the kernel knows a plain file by goes on to work for its stub', async () => {
  await using folder = await TestFolder.open()
  put(folder, 'a', 'hello')
  const { ino } = folder.lookup('a')!
  await folder.adopt()
  assert.equal(folder.filesystem.getattr(ino).size, 5)
  const handle = await folder.filesystem.open(ino, O.RDWR)
  await folder.filesystem.write(handle, 5, Buffer.from(' world'))
  await folder.filesystem.flush(handle)
  folder.filesystem.release(handle)
  assert.equal((await folder.read('a')).toString(), 'hello world')
})

test('a number known by several names works by all of them', async () => {
  await using folder = await TestFolder.open()
  linkSync(put(folder, 'a', 'x'), path.join(folder.path, 'b'))
  linkSync(path.join(folder.path, 'a'), path.join(folder.path, 'c'))
  const { ino } = folder.lookup('a')!
  assert.equal(folder.lookup('b')!.ino, ino)
  await folder.adopt()
  // The kernel may have pages of the plain file: who asks by a name is given a new number for the stub.
  const { ino: found, statIno } = folder.lookup('a')!
  for (const name of ['b', 'c']) assert.equal(folder.lookup(name)!.ino, found)
  assert.equal(folder.filesystem.getattr(ino).statIno, statIno)
})

test('a walk remembers no directory longer than it needs it', async () => {
  await using folder = await TestFolder.open()
  const before = folder.services.table.size
  for (let i = 0; i < 20; i++) put(folder, `d${i}/e/f`, 'x')
  linkSync(path.join(folder.path, 'd0/e/f'), path.join(folder.path, 'd1/linked'))
  assert.equal((await folder.adopt()).files, 21)
  assert.equal(folder.services.table.size, before)
})

test('a new file whose stub a plain file keeps from its place makes that a stub first', async () => {
  await using folder = await TestFolder.open()
  put(folder, 'prog.f', 'source')
  const root = folder.services.table.root.ino
  const { handle } = await folder.filesystem.create(root, 'prog', 0o644, O.RDWR, CALLER)
  folder.filesystem.release(handle)
  assert.deepEqual(names(folder), ['prog.f', 'prog.f.f'])
  assert.equal((await folder.read('prog.f')).toString(), 'source')
  assert.equal(folder.lookup('prog')!.size, 0)
})

test('a plain file named like a stub becomes one when it is opened for writing', async () => {
  await using folder = await TestFolder.open()
  put(folder, 'prog.f', 'source')
  const { ino } = folder.lookup('prog.f')!
  const handle = await folder.filesystem.open(ino, O.RDWR)
  await folder.filesystem.write(handle, 0, Buffer.from('S'))
  await folder.filesystem.flush(handle)
  folder.filesystem.release(handle)
  assert.deepEqual(names(folder), ['prog.f.f'])
  assert.equal((await folder.read('prog.f')).toString(), 'Source')
})

test('a file in the way that is in use is an error with a mend, and one that is gone is none', async () => {
  await using folder = await TestFolder.open()
  const { adopter, services } = folder
  const fd = openSync(put(folder, 'prog.f', 'source'), 'r')
  await assert.rejects(adopter.adoptInWay(services.table.root, byteStringOf('prog.f')), (error) => {
    assert.equal(kindOf(error), 'busy')
    assert.ok(error instanceof Error && 'mend' in error && error.mend !== undefined)
    return true
  })
  closeSync(fd)
  await adopter.adoptInWay(services.table.root, 'none.f')
  await Promise.all([1, 2, 3].map(() => adopter.adoptInWay(services.table.root, 'prog.f')))
  await adopter.adoptInWay(services.table.root, 'prog.f.f')
  assert.deepEqual(names(folder), ['prog.f.f'])
})
