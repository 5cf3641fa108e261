/** One folder on two devices of a user who is not root: what its owner must not write to is kept the same all the same. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { type Device, newDevice, pair } from '../support/device.ts'
import { fuseMissing } from '../support/mount.ts'
import { until } from '../support/process.ts'
import { secondUser, secondUserMissing } from '../support/second-user.ts'
import { connected } from '../support/sharing.ts'

const skip = fuseMissing() || secondUserMissing()
const SOON_MS = 30_000

/** Modes, names and contents of all that is in the folder. */
function shown(device: Device): Promise<string> {
  return device.sh(`cd ${device.folder} && find . -printf '%M %p\\n' | sort && cat $(find . -type f | sort)`)
}

async function same(one: Device, other: Device): Promise<void> {
  const what = { one: '', other: '' }
  await until(
    'both show the same',
    async () => {
      const failed = (error: Error) => error.message
      what.one = await shown(one).catch(failed)
      what.other = await shown(other).catch(failed)
      return what.one === what.other
    },
    SOON_MS,
  ).catch(() => assert.equal(what.other, what.one))
}

test('what is read-only to its owner goes to the other device, is changed and moved there, and goes', {
  skip,
}, async (t) => {
  const user = await secondUser(t)
  const [laptop, desktop] = [await newDevice(t, { user }), await newDevice(t, { user })]
  await laptop.dfsOk(['init', '--name', 'laptop'])
  await laptop.dfsOk(['mount', laptop.folder])
  await laptop.sh(`cd ${laptop.folder} && mkdir -p module/inner other && echo one > module/one && echo two > module/inner/two
    chmod 444 module/one && chmod 400 module/inner/two && chmod 555 module/inner module && echo x > none && chmod 000 none`)
  await pair(laptop, desktop)
  await desktop.dfsOk(['mount', desktop.folder])
  await connected(desktop)
  await laptop.sh(`cd ${laptop.folder} && chmod 600 none`)
  await same(laptop, desktop)

  await t.test('new files in it', async () => {
    const add = (device: Device, name: string) =>
      device.sh(`cd ${device.folder}/module && chmod 755 . && echo ${name} > ${name} && chmod 555 .`)
    await add(laptop, 'from-laptop')
    await same(laptop, desktop)
    await add(desktop, 'from-desktop')
    await same(desktop, laptop)
  })

  await t.test('edits', async () => {
    await laptop.sh(`cd ${laptop.folder}/module && chmod 644 one && echo more >> one && chmod 444 one`)
    await same(laptop, desktop)
  })

  await t.test('moves, of files and of the directory', async () => {
    await desktop.sh(`cd ${desktop.folder} && chmod 755 module && mv module/one other/moved && chmod 555 module`)
    await same(desktop, laptop)
    await desktop.sh(`cd ${desktop.folder} && chmod 755 module && mv module other/module && chmod 555 other/module`)
    await same(desktop, laptop)
  })

  await t.test('removals', async () => {
    await laptop.sh(`cd ${laptop.folder}/other && chmod -R u+w module && rm module/from-laptop && chmod 555 module`)
    await same(laptop, desktop)
    await laptop.sh(`cd ${laptop.folder}/other && chmod -R u+w module && rm -r module`)
    await same(laptop, desktop)
  })

  await t.test('what even its owner cannot see keeps nothing else from coming', async () => {
    await laptop.sh(`cd ${laptop.folder} && mkdir closed && echo 1 > closed/one && chmod 000 closed && echo 2 > after`)
    await until(
      'the rest comes',
      () =>
        desktop.sh(`cat ${desktop.folder}/after`).then(
          () => true,
          () => false,
        ),
      SOON_MS,
    )
    await laptop.sh(`cd ${laptop.folder} && chmod 700 closed`)
    await same(laptop, desktop)
  })

  await t.test('after both were mounted anew', async () => {
    await laptop.sh(
      `cd ${laptop.folder} && mkdir -p again/deep && echo 1 > again/deep/one && chmod 555 again/deep again`,
    )
    await same(laptop, desktop)
    await desktop.dfsOk(['umount', desktop.folder])
    await laptop.sh(`cd ${laptop.folder}/again && chmod 755 deep && echo 2 > deep/two && chmod 555 deep`)
    await desktop.dfsOk(['mount', desktop.folder])
    await same(laptop, desktop)
  })
})
