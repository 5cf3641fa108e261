/** A folder of which all content is to be on a device, and not only what is opened there. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs/promises'
import test from 'node:test'
import { noise } from '../support/files.ts'
import { fuseMissing } from '../support/mount.ts'
import { until } from '../support/process.ts'
import { at, MIB, SOON_MS, shows, soon, twoDevices } from '../support/same-folder.ts'
import { stopDaemon } from '../support/sharing.ts'

const skip = fuseMissing()

test('all content of an eager folder comes without anybody opening it', { skip }, async (t) => {
  const { laptop, desktop } = await twoDevices(t)
  const folder = async () => {
    const { folders } = await desktop.json('folders')
    return folders.find((one: { path?: string }) => one.path === desktop.folder)
  }
  /** The first file of the laptop is there by name, and so is this. */
  const isThere = (name: string) =>
    until(
      `${name} has come`,
      async () => (await soon(fs.stat(at(desktop, name)).catch(() => undefined))) !== undefined,
      SOON_MS,
    )
  const isHere = (bytes: number) =>
    until(
      'all content is here',
      async () => {
        const { fetching } = await folder()
        return fetching?.isComplete === true && fetching.fetchedBytes >= bytes
      },
      SOON_MS,
    )

  await t.test('what is there, and what comes later', async () => {
    await isThere('photos/one.jpg')
    assert.equal((await folder()).eager, false)
    assert.match(await desktop.dfsOk(['folders', 'set', '--eager', desktop.folder]), /all content of .* comes here/)
    await isHere(3 * MIB)
    assert.match(await desktop.dfsOk(['folders']), /all content is here/)
    await soon(fs.writeFile(at(laptop, 'photos/two.jpg'), noise(2 * MIB, 2)))
    await isThere('photos/two.jpg')
    await isHere(5 * MIB)
  })

  await t.test('what was written while this device was off comes when it is back', async () => {
    await desktop.dfsOk(['umount', desktop.folder])
    await stopDaemon(desktop)
    await soon(fs.writeFile(at(laptop, 'photos/three.jpg'), noise(2 * MIB, 3)))
    await desktop.dfsOk(['mount', desktop.folder])
    await isThere('photos/three.jpg')
    await isHere(2 * MIB)
  })

  await t.test('it can all be read when nobody else is there', async () => {
    await laptop.dfsOk(['umount', laptop.folder])
    await stopDaemon(laptop)
    await shows(desktop, 'photos/one.jpg', noise(3 * MIB, 1))
    await shows(desktop, 'photos/two.jpg', noise(2 * MIB, 2))
    await shows(desktop, 'photos/three.jpg', noise(2 * MIB, 3))
  })

  await t.test('a lazy folder has what is opened', async () => {
    assert.match(await desktop.dfsOk(['folders', 'set', '--lazy', desktop.folder]), /what is opened in/)
    assert.equal((await folder()).fetching, undefined)
    assert.match((await desktop.dfs(['folders', 'set', desktop.folder])).stderr, /say --eager or --lazy/)
    assert.match((await desktop.dfs(['folders', 'set', '--eager', desktop.root])).stderr, /is no folder of this home/)
  })
})
