/**
 * What other devices changed comes whole or not at all: power is lost when the files that came have their names on the disk,
 * and nothing else of them was synced. The disk's ext4 writes content much later than names.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { newPlace } from '../e2e/support/place.ts'
import { within } from '../e2e/support/process.ts'
import { loopDisk, skipUnless } from '../support/requirements.ts'
import { SmallDisk } from '../support/small-disk.ts'
import { bringAll, outsideOf } from '../unit/vfs/outside.ts'
import { TestFolder } from '../unit/vfs/support.ts'

const CHILD = fileURLToPath(new URL('support/bring-and-wait.ts', import.meta.url))
const BROUGHT_MS = 30_000

/** More are synced together, fewer one by one. */
for (const files of [5, 50]) {
  test(`of ${files} files that came each is as it was or as it came after a loss of power`, {
    skip: skipUnless(loopDisk),
  }, async (t) => {
    const options = { mebibytes: 64, mountOptions: 'noauto_da_alloc,commit=300' }
    const disk = await SmallDisk.create(newPlace(t), 'disk', options)
    const directory = join(disk.path, 'folder')
    mkdirSync(directory)
    {
      await using folder = await TestFolder.open({ directory })
      await bringAll(folder, Math.ceil(files / 2), 'before')
      await outsideOf(folder).sync()
    }
    const child = spawn(process.execPath, [CHILD, directory, `${files}`, 'after'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await within(BROUGHT_MS, once(child.stdout, 'data'), 'bringing')
    syncNames(directory)
    disk.losePower()
    child.kill('SIGKILL')
    await once(child, 'exit')
    await disk.restorePower()
    await using folder = await TestFolder.open({ directory })
    const outside = outsideOf(folder)
    for (let at = 0; at < files; at++) {
      const found = outside.look(`${at}`)
      assert(typeof found === 'object' && found.content.kind === 'file', `${at} is a file`)
      const { content } = found.content
      assert.equal(content.kind === 'inline' && `${content.bytes}`, `after ${at}`)
    }
  })
}

/** Commits what the directory says, and no content of files. */
function syncNames(directory: string): void {
  const fd = openSync(directory, 'r')
  fsyncSync(fd)
  closeSync(fd)
}
