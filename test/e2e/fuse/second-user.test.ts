/** The mount as another user sees it: root's mount shared by all, and a mount of that user's own. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { DaemonProcess } from '../../support/daemon-process.ts'
import { isMounted, mountFolder } from '../support/mount.ts'
import { DRIVER } from '../support/place.ts'
import { runOk, until } from '../support/process.ts'
import { type SecondUser, secondUser, secondUserMissing } from '../support/second-user.ts'

const skip = secondUserMissing()

test('another user makes files of his own in a directory of root that he may write', { skip }, async (t) => {
  const { folder, user, asUser, unmount, mount } = await sharedMount(t)
  const shared = join(folder, 'shared')
  fs.mkdirSync(shared)
  fs.chmodSync(shared, 0o1777)
  await asUser('echo mine > "$1/file"; mkdir "$1/sub"; ln -s file "$1/link"; mkfifo "$1/pipe"', shared)
  const check = () => {
    for (const name of ['file', 'sub', 'link', 'pipe']) {
      const { uid, gid } = fs.lstatSync(join(shared, name))
      assert.deepEqual({ uid, gid }, { uid: user.uid, gid: user.gid }, name)
    }
    assert.equal(fs.readFileSync(join(shared, 'file'), 'utf8'), 'mine\n')
  }
  check()
  await unmount()
  await mount()
  check()
})

test('in a setgid directory new files get the group of the directory', { skip }, async (t) => {
  const { folder, asUser } = await sharedMount(t)
  const team = join(folder, 'team')
  fs.mkdirSync(team)
  fs.chownSync(team, 0, 4321)
  fs.chmodSync(team, 0o2777)
  await asUser('echo x > "$1/file"; mkdir "$1/sub"', team)
  for (const name of ['file', 'sub']) assert.equal(fs.statSync(join(team, name)).gid, 4321)
  assert.equal(fs.statSync(join(team, 'sub')).mode & 0o2000, 0o2000)
})

test('permissions of root hold for another user', { skip }, async (t) => {
  const { folder, asUser } = await sharedMount(t)
  fs.writeFileSync(join(folder, 'private'), 'secret', { mode: 0o600 })
  fs.writeFileSync(join(folder, 'public'), 'hello', { mode: 0o644 })
  assert.equal(await asUser('cat "$1/public"', folder), 'hello')
  await assert.rejects(asUser('cat "$1/private"', folder), /ermission denied/)
  await assert.rejects(asUser('echo x > "$1/public"', folder), /ermission denied/)
  await assert.rejects(asUser('rm -f "$1/public"', folder), /ermission denied/)
})

test('a user mounts, writes, unmounts and mounts again without root', { skip }, async (t) => {
  const user = await secondUser(t)
  const place = await mountFolder(t, { user })
  await place.sh(
    'mkdir folder/sub; echo content > folder/sub/file; chmod 400 folder/sub/file; cp folder/sub/file folder/copy',
  )
  await place.unmount()
  assert.equal((await place.sh('ls folder/sub')).trim(), 'file.f')
  await place.mount()
  assert.equal(await place.sh('cat folder/sub/file folder/copy; stat -c %a folder/sub/file'), 'content\ncontent\n400\n')
  await place.unmount()
})

test('the mount of a user goes by itself when the daemon is killed, and can be made again', {
  skip: skip || (DRIVER === 'fuse-native' && 'libfuse 2.9 leaves a dead mount'),
}, async (t) => {
  const user = await secondUser(t)
  const place = await mountFolder(t, { user })
  await place.sh('echo content > folder/file')
  assert(isMounted(place.folder))
  // The daemon alone: what it has left behind is to act.
  process.kill(new DaemonProcess(place).pid, 'SIGKILL')
  await until('it is unmounted', () => !isMounted(place.folder))
  await place.mount()
  assert.equal(await place.sh('cat folder/file'), 'content\n')
  await place.unmount()
})

/** Root's mount below a directory that everybody may pass. */
async function sharedMount(t: TestContext) {
  const user: SecondUser = await secondUser(t)
  const mounted = await mountFolder(t)
  for (const directory of [mounted.root, mounted.folder]) fs.chmodSync(directory, 0o755)
  const asUser = (script: string, path: string) => runOk('sh', ['-euc', script, 'sh', path], { user, cwd: '/' })
  return { ...mounted, user, asUser }
}
