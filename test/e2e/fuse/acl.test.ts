/** Access control lists: the same commands, with the same outcome, as on an ext4 disk. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { program, root, skipUnless } from '../../support/requirements.ts'
import { SmallDisk } from '../../support/small-disk.ts'
import { fuseMissing, mountFolder } from '../support/mount.ts'
import { DRIVER, newPlace, type Place } from '../support/place.ts'
import { runOk } from '../support/process.ts'
import { secondUser, secondUserMissing } from '../support/second-user.ts'

const skip =
  fuseMissing() ||
  (DRIVER === 'fuse-native' && 'libfuse 2.9 leaves lists to nobody') ||
  skipUnless(root, program('setfacl'), program('setpriv'), program('rsync'))

/** `as UID GID COMMAND` runs it as somebody else, and says whether he may. */
const PROLOGUE = `
  umask 027
  as() { u=$1 g=$2; shift 2; setpriv --reuid "$u" --regid "$g" --clear-groups -- sh -c "$*" 2>/dev/null && echo may || echo may not; }
  show() { getfacl -p -n -- "$@"; stat -c '%A %u %g %n' -- "$@"; }
`

const STORIES: Readonly<Record<string, string>> = {
  'a list grants what the mode does not, and its mask takes it away': `
    echo text > file; chmod 640 file
    as 2001 2001 cat file
    setfacl -m u:2001:rw,g:3001:r file; show file
    as 2001 2001 cat file; as 2001 2001 'echo more >> file'; as 2002 3001 cat file; as 2002 3001 'echo more >> file'
    chmod 600 file; show file; as 2001 2001 cat file
    chmod 664 file; show file; as 2001 2001 'echo more >> file'; as 2003 2003 cat file
    setfacl -m m::r file; show file; as 2001 2001 'echo more >> file'
    setfacl -x u:2001 file; show file; as 2001 2001 'echo more >> file'
    setfacl -b file; show file
    ln file link; setfacl -m u:2001:r link; show file
    mv link moved; show moved; setfacl -m u::r,g::-,o::- file; show moved`,
  'what is made in a directory with a default list gets its rights from it, not from the umask': `
    mkdir plain team; chmod 2770 team
    setfacl -m d:u:2001:rwx,d:g::r-x,d:o::-,u:2001:rwx team; show team
    umask 077
    touch plain/file team/file; mkdir plain/dir team/dir team/dir/deep; mkfifo team/pipe; ln -s file team/link
    echo x > team/dir/deep/file; cp /bin/true team/program; install -m 755 /bin/true team/installed
    (umask 0; touch team/open; mkdir team/open-dir)
    as 2001 2001 'umask 077; echo his > team/his; mkdir team/his-dir'
    as 2002 2002 'touch team/not'
    show plain/file plain/dir team/* team/dir/deep/file
    as 2001 2001 'cat team/file; echo y >> team/dir/deep/file'
    setfacl -k team; touch team/later; show team/later
    setfacl -d -m u::r,g::-,o::- team; touch team/narrow; show team/narrow; echo x > team/narrow; cat team/narrow`,
  'who changes a list as an ordinary owner does not keep a set-group-id bit of a group that is not his': `
    echo text > file; chown 2001:3001 file; chmod 2775 file
    as 2001 2001 setfacl -m u:2002:r file; show file
    chmod 2775 file; as 2001 3001 setfacl -m u:2002:rw file; show file
    mkdir dir; chown 2001:3001 dir; chmod 2775 dir; as 2001 2001 setfacl -m u:2002:r dir; show dir
    as 2002 2002 setfacl -m u:2003:r file`,
  'copies carry their lists': `
    mkdir from; echo text > from/file; mkdir from/dir; echo deep > from/dir/file
    setfacl -m u:2001:rw from/file; setfacl -m u:2001:rwx,d:g:3001:rwx from/dir; setfacl -m u::rw,u:2002:- from/dir/file
    cp -a from copied; rsync -aAX from/ synced; mkdir tarred; tar -c --acls -C from . | tar -x --acls -C tarred
    cp from/file cp; cp -p from/file cp-p
    for d in copied synced tarred; do show $d/file $d/dir $d/dir/file; done; show cp cp-p
    rm cp; setfacl -d -m u:2005:rwx .; mv copied/file moved; show moved
    getfacl -R from > lists; setfacl -R -b from; setfacl --restore=lists; show from/file from/dir from/dir/file`,
}

async function tell(directory: string, story: string): Promise<string> {
  fs.mkdirSync(directory)
  fs.chmodSync(directory, 0o755)
  return runOk('bash', ['-uc', PROLOGUE + story], { cwd: directory })
}

/** Root's folder on a disk at `disk`, which everybody may pass. */
async function mountOn(t: TestContext, prepare: (place: Place, disk: string) => Promise<unknown>) {
  const place = newPlace(t)
  const disk = join(place.root, 'disk')
  await prepare(place, disk)
  const folder = join(disk, 'folder')
  fs.mkdirSync(folder)
  fs.chmodSync(place.root, 0o755)
  return { mounted: await mountFolder(t, { place: { ...place, folder } }), disk }
}

const ext4 = (place: Place, _disk: string) => SmallDisk.create(place, 'disk', { mebibytes: 64 })

async function withoutAcls(_place: Place, disk: string): Promise<void> {
  fs.mkdirSync(disk)
  await runOk('mount', ['-t', 'ramfs', 'none', disk])
}

for (const [title, story] of Object.entries(STORIES)) {
  test(title, { skip }, async (t) => {
    const { mounted, disk } = await mountOn(t, ext4)
    const expected = await tell(join(disk, 'story'), story)
    assert.match(expected, /^user:2001:|^user:2002:/m)
    const inside = join(mounted.folder, 'story')
    assert.equal(await tell(inside, story), expected)
    const all = () => runOk('getfacl', ['-R', '-p', '-n', '.'], { cwd: inside })
    const before = await all()
    await mounted.unmount()
    await mounted.mount()
    assert.equal(await all(), before, 'after mounting again')
    await mounted.unmount()
  })
}

test('where the disk below has no lists, there are none, and the umask counts', { skip }, async (t) => {
  const { mounted } = await mountOn(t, withoutAcls)
  const inside = join(mounted.folder, 'story')
  const told = await tell(
    inside,
    'touch file; mkdir dir; stat -c "%A" file dir; as 2001 2001 cat file; setfacl -m u:2001:r file 2>&1; cp -a file copy && cat copy',
  )
  assert.equal(told, '-rw-r-----\ndrwxr-x---\nmay not\nsetfacl: file: Operation not supported\n')
  await mounted.unmount()
})

test('a user who mounted by himself keeps lists, and reads files that their lists close to him', {
  skip: skip || secondUserMissing(),
}, async (t) => {
  const user = await secondUser(t)
  const mounted = await mountFolder(t, { user })
  const story = `cd folder; umask 022; echo text > file; setfacl -m u::-,g::r,m::r,u:2001:rw file
    mkdir dir; setfacl -d -m u::r,g::r,o::- dir; echo y > dir/file || true`
  const show = 'cd folder; getfacl -p -n file dir dir/file; stat -c "%A" file dir/file'
  await mounted.sh(story)
  const shown = await mounted.sh(show)
  assert.match(shown, /^user::---\nuser:2001:rw-\s+#effective:r--\ngroup::r--\nmask::r--\nother::r--\n/m)
  assert.match(shown, /----r--r--\+?\n-r--r-----\n$/)
  await mounted.sh('chmod u+r folder/file; cat folder/file')
  await mounted.unmount()
  await mounted.mount()
  assert.equal(await mounted.sh(show), shown.replace('user::---', 'user::r--').replace('----r--r--', '-r--r--r--'))
  await mounted.unmount()
})
