/** The fuse-native driver against a real kernel: mounting, unmounting, and what it makes of libfuse's paths. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import fs from 'node:fs/promises'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { program, skipUnless } from '../../support/requirements.ts'
import { mountMemory, newMountpoint, startServer } from '../support/memory-mount.ts'
import { fuseMissing, isMounted } from '../support/mount.ts'
import { runOk, until, within } from '../support/process.ts'
import { secondUser, secondUserMissing } from '../support/second-user.ts'

const skip = fuseMissing()
const CLEAN = { unmounted: { inodes: 0, handles: 0 } }

/** A call into the mount, with a deadline. */
function soon<T>(work: Promise<T>): Promise<T> {
  return within(10_000, work, 'a call into the mount')
}

/** Runs a test against operations that answer at once, and against those that answer later. */
function testBoth(title: string, body: (t: TestContext, args: readonly string[]) => Promise<void>): void {
  test(title, { skip }, (t) => body(t, []))
  test(`${title} (asynchronous operations)`, { skip }, (t) => body(t, ['--async']))
}

async function mounted(
  t: TestContext,
  args: readonly string[] = [],
): Promise<{ at: (name: string) => string; unmount: () => Promise<unknown> }> {
  const { target, server } = await mountMemory(t, args)
  return { at: (name) => path.join(target, name), unmount: () => server.unmount() }
}

test('names hold every byte but NUL and the slash', { skip }, async (t) => {
  const { at, unmount } = await mounted(t)
  const bytes = [...Array(255).keys()].map((index) => index + 1).filter((byte) => byte !== 0x2f)
  const names = [...bytes.map((byte) => Buffer.from([0x78, byte, byte])), Buffer.alloc(255, 0xff)]
  const pathOf = (name: Buffer) => Buffer.concat([Buffer.from(at('/')), name])
  for (const name of names) await soon(fs.writeFile(pathOf(name), name))
  const listed = await soon(fs.readdir(at(''), { encoding: 'buffer' }))
  assert.deepEqual(listed.sort(Buffer.compare), [...names].sort(Buffer.compare))
  for (const name of names) assert.deepEqual(await soon(fs.readFile(pathOf(name))), name)
  const target = Buffer.from([...bytes, ...bytes])
  await soon(fs.symlink(target, at('link')))
  assert.deepEqual(await soon(fs.readlink(at('link'), { encoding: 'buffer' })), target)
  assert.deepEqual(await unmount(), CLEAN)
})

test('a name of more than 255 bytes is refused', { skip }, async (t) => {
  const { at } = await mounted(t)
  await assert.rejects(soon(fs.writeFile(at('x'.repeat(256)), '')), { code: 'ENAMETOOLONG' })
  await assert.rejects(soon(fs.stat(at('x'.repeat(256)))), { code: 'ENAMETOOLONG' })
})

testBoth('a file unlinked while open lives on for its handle alone', async (t, args) => {
  const { at, unmount } = await mounted(t, args)
  const file = await soon(fs.open(at('file'), 'w+'))
  await soon(file.write('before'))
  await soon(fs.unlink(at('file')))
  assert.deepEqual(await soon(fs.readdir(at(''))), [])
  await soon(file.write(' after'))
  await soon(file.chmod(0o600))
  await soon(file.truncate(9))
  const { nlink, size, mode } = await soon(file.stat())
  assert.deepEqual({ nlink, size, mode: mode & 0o777 }, { nlink: 0, size: 9, mode: 0o600 })
  assert.equal((await soon(file.read(Buffer.alloc(20), 0, 20, 0))).buffer.toString('utf8', 0, 9), 'before af')
  await soon(fs.writeFile(at('file'), 'another', { flag: 'wx' }))
  await soon(file.close())
  assert.deepEqual(await soon(fs.readdir(at(''))), ['file'])
  assert.deepEqual(await unmount(), CLEAN)
})

test('a directory can be removed at once after a file in it was unlinked while open', { skip }, async (t) => {
  const { at } = await mounted(t)
  await soon(fs.mkdir(at('dir')))
  const file = await soon(fs.open(at('dir/file'), 'w'))
  await soon(fs.unlink(at('dir/file')))
  await soon(fs.rmdir(at('dir')))
  await soon(file.close())
  assert.deepEqual(await soon(fs.readdir(at(''))), [])
})

test('a file unlinked while open is reached through its handle after its directory moved', { skip }, async (t) => {
  const { at } = await mounted(t)
  await soon(fs.mkdir(at('dir')))
  const file = await soon(fs.open(at('dir/file'), 'w+'))
  await soon(file.write('kept'))
  await soon(fs.unlink(at('dir/file')))
  await soon(fs.rename(at('dir'), at('moved')))
  await soon(file.write(' on'))
  assert.equal((await soon(file.stat())).size, 7)
  await soon(file.close())
})

testBoth('rename replaces an open file, whose handle keeps the old content', async (t, args) => {
  const { at, unmount } = await mounted(t, args)
  await soon(fs.writeFile(at('target'), 'old'))
  await soon(fs.writeFile(at('source'), 'new'))
  const file = await soon(fs.open(at('target')))
  await soon(fs.rename(at('source'), at('target')))
  assert.equal(await soon(file.readFile('utf8')), 'old')
  assert.equal((await soon(file.stat())).nlink, 0)
  await soon(file.close())
  assert.equal(await soon(fs.readFile(at('target'), 'utf8')), 'new')
  assert.deepEqual(await soon(fs.readdir(at(''))), ['target'])
  assert.deepEqual(await unmount(), CLEAN)
})

testBoth('a renamed directory is found with all below it under the new name only', async (t, args) => {
  const { at, unmount } = await mounted(t, args)
  await soon(fs.mkdir(at('a/b/c'), { recursive: true }))
  await soon(fs.writeFile(at('a/b/c/file'), 'content'))
  await soon(fs.rename(at('a/b'), at('d')))
  assert.equal(await soon(fs.readFile(at('d/c/file'), 'utf8')), 'content')
  await assert.rejects(soon(fs.stat(at('a/b'))), { code: 'ENOENT' })
  await soon(fs.mkdir(at('a/b')))
  assert.deepEqual(await soon(fs.readdir(at('a/b'))), [])
  assert.deepEqual(await unmount(), CLEAN)
})

testBoth('all names of a file show what was written through any of them', async (t, args) => {
  const { at } = await mounted(t, args)
  await soon(fs.writeFile(at('one'), 'first '))
  await soon(fs.link(at('one'), at('two')))
  for (const [name, text] of [
    ['two', 'second '],
    ['one', 'third '],
    ['two', 'fourth'],
  ] as const) {
    await soon(fs.appendFile(at(name), text))
  }
  assert.equal(await soon(fs.readFile(at('one'), 'utf8')), 'first second third fourth')
  assert.equal(await soon(fs.readFile(at('two'), 'utf8')), 'first second third fourth')
  assert.equal((await soon(fs.stat(at('one')))).ino, (await soon(fs.stat(at('two')))).ino)
})

test('times are set to the millisecond, each for itself', { skip }, async (t) => {
  const { at } = await mounted(t)
  await soon(fs.writeFile(at('file'), ''))
  await soon(fs.utimes(at('file'), 1_500_000_000.125, 1_600_000_000.75))
  const both = await soon(fs.stat(at('file'), { bigint: true }))
  assert.deepEqual([both.atimeNs, both.mtimeNs], [1_500_000_000_125_000_000n, 1_600_000_000_750_000_000n])
  await runOk('touch', ['-m', '-d', '2001-02-03 04:05:06.789 UTC', at('file')], { deadlineMs: 10_000 })
  const one = await soon(fs.stat(at('file'), { bigint: true }))
  assert.deepEqual([one.atimeNs, one.mtimeNs], [1_500_000_000_125_000_000n, 981_173_106_789_000_000n])
})

test('a file of more than 4 GiB has its size and its far bytes', { skip }, async (t) => {
  const { at } = await mounted(t)
  const far = 5 * 2 ** 30
  const file = await soon(fs.open(at('sparse'), 'w+'))
  await soon(file.truncate(far))
  assert.equal((await soon(file.stat())).size, far)
  await soon(file.write('end', far))
  assert.equal((await soon(file.read(Buffer.alloc(10), 0, 10, far - 1))).buffer.toString('latin1', 0, 4), '\0end')
  await soon(file.close())
  await soon(fs.truncate(at('sparse'), far + 1))
  assert.equal((await soon(fs.stat(at('sparse')))).size, far + 1)
  await soon(fs.writeFile(at('sparse'), 'short'))
  assert.equal(await soon(fs.readFile(at('sparse'), 'utf8')), 'short')
})

test('df shows disks beyond 2^32 blocks in proportion', { skip }, async (t) => {
  const { target } = await mountMemory(t, ['--blocks', String(2 ** 36)])
  const { bsize, blocks, bfree } = await soon(fs.statfs(target))
  assert.equal(bsize * blocks, 4096 * 2 ** 36)
  assert.equal(bsize * bfree, 4096 * 2 ** 35)
})

test('a new object belongs to whoever made it', { skip: secondUserMissing() }, async (t) => {
  const { target } = await mountMemory(t)
  await soon(fs.chmod(target, 0o777))
  const user = { uid: 12_345, gid: 23_456 }
  const script = 'mkdir dir; echo > file; ln -s target link; mkfifo fifo; stat -c "%u %g" dir file link fifo'
  const owners = await runOk('sh', ['-euc', script], { cwd: target, user, deadlineMs: 20_000 })
  assert.deepEqual(new Set(owners.trim().split('\n')), new Set(['12345 23456']))
})

test('an ordinary user mounts and unmounts', { skip: secondUserMissing() }, async (t) => {
  const user = await secondUser(t)
  const { target, server } = await mountMemory(t, [], user)
  const options = { user, cwd: '/', deadlineMs: 20_000 }
  assert.equal(await runOk('sh', ['-euc', 'echo text > "$0/file"; cat "$0/file"', target], options), 'text\n')
  assert.deepEqual(await server.unmount(), CLEAN)
  assert.equal(isMounted(target), false)
  assert.equal(await server.exited(), 0)
})

test('unmounting while a file is open is refused, and works lazily', { skip }, async (t) => {
  const { target, server } = await mountMemory(t)
  const file = await soon(fs.open(path.join(target, 'file'), 'w+'))
  assert.deepEqual(await server.unmount(), { failed: 'busy' })
  await soon(file.write('still here'))
  const unmounted = server.unmount('lazy')
  await until('the mount has left the tree', () => !isMounted(target))
  await soon(file.write(' and here'))
  assert.equal((await soon(file.stat())).size, 19)
  await soon(file.close())
  assert.deepEqual(await unmounted, CLEAN)
  assert.equal(await server.exited(), 0)
})

test('a mount taken away by somebody else is reported, and the process can end', { skip }, async (t) => {
  const { target, server } = await mountMemory(t)
  await runOk('umount', ['--', target])
  const { gone, inodes, handles } = await server.heard()
  assert.match(String(gone), /unmounted by somebody else/)
  assert.deepEqual({ inodes, handles }, { inodes: 0, handles: 0 })
  assert.equal(await server.exited(), 0)
})

test('the mount of a daemon that was killed is replaced', { skip }, async (t) => {
  const target = newMountpoint(t)
  const first = startServer(t, target)
  assert.deepEqual(await first.heard(), { mounted: target })
  first.child.kill('SIGKILL')
  await first.exited()
  await assert.rejects(soon(fs.stat(target)), { code: 'ENOTCONN' })
  const second = startServer(t, target)
  assert.deepEqual(await second.heard(), { mounted: target })
  assert.deepEqual(await soon(fs.readdir(target)), [])
  assert.deepEqual(await second.unmount(), CLEAN)
})

test('a mount that is served is not mounted over', { skip }, async (t) => {
  const { target } = await mountMemory(t)
  assert.deepEqual(await startServer(t, target).heard(), { failed: 'busy' })
})

test('a directory that is not empty is mounted over and comes back', { skip }, async (t) => {
  const target = newMountpoint(t)
  writeFileSync(path.join(target, 'below'), '')
  mkdirSync(path.join(target, 'dir'))
  const server = startServer(t, target)
  assert.deepEqual(await server.heard(), { mounted: target })
  assert.deepEqual(await soon(fs.readdir(target)), [])
  assert.deepEqual(await server.unmount(), CLEAN)
  assert.deepEqual((await soon(fs.readdir(target))).sort(), ['below', 'dir'])
})

test('what is no directory, or not there, cannot be mounted over', { skip }, async (t) => {
  const target = newMountpoint(t)
  writeFileSync(path.join(target, 'file'), '')
  assert.deepEqual(await startServer(t, path.join(target, 'file')).heard(), { failed: 'not-a-directory' })
  assert.deepEqual(await startServer(t, path.join(target, 'missing')).heard(), { failed: 'not-found' })
})

const skipAttributes = skip || skipUnless(program('setfattr'), program('getfattr'))

test('attributes come back byte for byte; a name that is not UTF-8 is refused', { skip: skipAttributes }, async (t) => {
  const { at } = await mounted(t)
  await soon(fs.writeFile(at('file'), ''))
  await runOk('setfattr', ['-n', 'user.é', '-v', '0x00ff80', at('file')], { deadlineMs: 10_000 })
  await runOk('setfattr', ['-n', 'user.empty', at('file')], { deadlineMs: 10_000 })
  const shown = await runOk('getfattr', ['-d', '-e', 'hex', '--absolute-names', at('file')], { deadlineMs: 10_000 })
  assert.match(shown, /=0x00ff80$/m)
  assert.match(shown, /user\.empty/)
})
