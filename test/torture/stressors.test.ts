/**
 * The file system stressors of stress-ng on a mount, some at a time: none of them finds a fault or hangs, the daemon is
 * the same afterwards and has all that was there before. DFS_STRESS_SECONDS says for how long in all.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { assertContent, noise } from '../e2e/support/files.ts'
import { isMounted } from '../e2e/support/mount.ts'
import { newPlace } from '../e2e/support/place.ts'
import { run } from '../e2e/support/process.ts'
import { program, root, skipUnless } from '../support/requirements.ts'
import { target } from '../support/systems/target.ts'

const SECONDS = Number(process.env.DFS_STRESS_SECONDS ?? 6)
/** How many stressors run side by side. */
const AT_ONCE = 12
/** Stressors look at the clock between two steps, and then remove what they made, which may take as long as making it. */
const GRACE_MS = 120_000
const REMOVING = 2

/** What these do, they do to other things than the files of one mount; `io` syncs all mounts of the machine. */
const NOT_OF_FILES = ['bind-mount', 'binderfs', 'eventfd', 'fanotify', 'handle', 'io', 'ioprio', 'procfs', 'rawdev']

/** Says of every disk that it fails: it asks for the state of a file by a name that it has removed. */
const FAILS_ANYWHERE = 'io-uring'

test('stressors find no fault in a mount, and leave it as it was', {
  skip: skipUnless(target.missing, root, program('stress-ng')),
  timeout: SECONDS * 1000 * (1 + REMOVING) + 10 * GRACE_MS,
}, async (t) => {
  const place = newPlace(t)
  const system = await target.create(place)
  await system.mount()
  const kept = join(system.root, 'kept')
  writeFileSync(kept, noise(3_000_000))
  const daemons = place.pids()
  const all = await stressors()
  t.diagnostic(`${all.length} stressors: ${all.join(' ')}`)
  const groups = Array.from({ length: Math.ceil(all.length / AT_ONCE) }, (_, index) =>
    all.filter((_, at) => at % Math.ceil(all.length / AT_ONCE) === index),
  )
  for (const [index, group] of groups.entries()) {
    const directory = join(system.root, `group-${index}`)
    mkdirSync(directory)
    await stress(group, directory, SECONDS / groups.length)
    assert.deepEqual(readdirSync(directory), [], `what ${group.join(' ')} left`)
    // Another watchdog, and the proof that nothing holds the mount.
    await system.unmount()
    assert(!isMounted(system.root) || target.name === 'disk')
    await system.mount()
    assertContent(kept, noise(3_000_000))
  }
  assert.equal(place.pids().length, daemons.length)
  await system.unmount()
})

async function stress(group: readonly string[], directory: string, seconds: number): Promise<void> {
  const words = group.flatMap((stressor) => [`--${stressor}`, '1'])
  const timeout = `${Math.ceil(seconds)}s`
  const { code, stdout, stderr } = await run(
    'stress-ng',
    ['--temp-path', directory, '--timeout', timeout, '--verify', ...words],
    { deadlineMs: seconds * 1000 * (1 + REMOVING) + GRACE_MS },
  )
  const said = `${stdout}${stderr}`
  assert.equal(code, 0, said)
  assert(!/\bfail:/.test(said), said)
}

/** Those of the file system's and I/O's classes that this stress-ng has. */
async function stressors(): Promise<string[]> {
  const found = new Set<string>()
  for (const name of ['filesystem', 'io']) {
    const { stdout, stderr } = await run('stress-ng', ['--class', `${name}?`])
    const list = /stressors: (.*)/.exec(`${stdout}${stderr}`)?.[1] ?? ''
    for (const stressor of list.trim().split(/\s+/)) found.add(stressor)
  }
  const left = [FAILS_ANYWHERE, ...NOT_OF_FILES]
  return [...found].filter((stressor) => !left.includes(stressor)).toSorted()
}
