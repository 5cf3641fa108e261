/**
 * A store that does not answer for a while: whoever waits for it can be ended (but for the one whose request is being
 * worked on, which no file system of Linux lets go before its disk does), and all goes on when it answers again. Who
 * cannot wait for the disk takes the mount off by force.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { newPlace, type Place } from '../e2e/support/place.ts'
import { runOk, until, within } from '../e2e/support/process.ts'
import { loopDisk, program, skipUnless } from '../support/requirements.ts'
import { SmallDisk } from '../support/small-disk.ts'
import { DfsSystem, dfs } from '../support/systems/dfs.ts'

const END_MS = 10_000
/** Long enough for a request to have come to where it stays. */
const SETTLE_MS = 1000

/** A shell that works in a folder, and has not ended by itself. */
class Waiting {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>

  constructor(place: Place, script: string) {
    this.#child = spawn('sh', ['-c', script], { cwd: place.root, stdio: 'ignore' })
    this.#ended = once(this.#child, 'exit')
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  async ended(): Promise<void> {
    await within(END_MS, this.#ended, 'ending by SIGKILL')
  }
}

/** A folder on a disk, with the files a, b and c; frozen until it is told to thaw, or the test ends. */
async function frozenFolder(t: TestContext) {
  const place = newPlace(t)
  const disk = await SmallDisk.create(place, 'disk', { mebibytes: 300 })
  const folder = join(disk.path, 'folder')
  await runOk('mkdir', [folder])
  const system = new DfsSystem(place, { home: join(disk.path, 'home'), folder })
  await system.mount()
  await place.sh(`cd '${folder}'; for name in a b c; do echo $name > $name; done; sync -f .`)
  await runOk('fsfreeze', ['-f', disk.path])
  return { place, folder, system, thaw: () => runOk('fsfreeze', ['-u', disk.path]) }
}

const skip = skipUnless(dfs.missing, loopDisk, program('fsfreeze'))

test('on a disk that is frozen, all but the first who waits can be ended; thawed, all goes on', {
  skip,
}, async (t) => {
  const { place, folder, system, thaw } = await frozenFolder(t)
  try {
    const first = new Waiting(place, `exec 2>&-; printf more >> '${folder}/a'`)
    await sleep(SETTLE_MS)
    const others = [
      new Waiting(place, `exec mkdir '${folder}/new'`),
      new Waiting(place, `exec mv '${folder}/b' '${folder}/other'`),
      new Waiting(place, `exec sync '${folder}/c'`),
    ]
    await sleep(SETTLE_MS)
    assert(!first.hasEnded)
    for (const one of [first, ...others]) one.kill()
    await Promise.all(others.map((one) => one.ended()))
    await thaw()
    await first.ended()
  } catch (error) {
    await thaw().catch(() => undefined)
    throw error
  }
  await place.sh(`cd '${folder}'; test "$(cat b)" = b; echo d > d; test "$(ls | tr -d '\\n')" = abcd`)
  await system.unmount()
  await system.mount()
  assert.equal(readFileSync(join(folder, 'd'), 'utf8'), 'd\n')
  await system.unmount()
})

test('umount --force lets go even that one, while the disk is frozen', { skip }, async (t) => {
  const { place, folder, system, thaw } = await frozenFolder(t)
  try {
    const first = new Waiting(place, `exec 2>&-; printf more >> '${folder}/a'`)
    await sleep(SETTLE_MS)
    first.kill()
    await sleep(SETTLE_MS)
    assert(!first.hasEnded)
    const { code, stderr } = await system.command(['umount', '--force', folder])
    assert.equal(code, 0, stderr)
    await first.ended()
  } finally {
    await thaw()
  }
  await until('the daemon has ended its mount', async () => (await place.sh(`ls '${folder}'`)) === 'a.f\nb.f\nc.f\n')
  await system.mount()
  assert.match(readFileSync(join(folder, 'a'), 'utf8'), /^a\n(more)?$/)
  await system.unmount()
})
