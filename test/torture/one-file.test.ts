/**
 * A file holds what it must, in whatever ways it is changed: written, appended to, cut, mapped, written past the page
 * cache, punched, zeroed, copied by reference, reopened, synced, forgotten by the kernel; and after a remount.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { newPlace } from '../e2e/support/place.ts'
import { runOk } from '../e2e/support/process.ts'
import { skipUnless } from '../support/requirements.ts'
import { target } from '../support/systems/target.ts'
import { compile, compiler, kernelDriver } from './support/c-program.ts'
import { rounds } from './support/rounds.ts'

const MIB = 2 ** 20
const ROUND_OPERATIONS = 40_000
const ROUND_MS = 9 * 60_000

/** What is written of a file: within its stub, where chunks are small, where they become larger, and larger again. */
const WINDOWS = [
  { base: 0, length: 16_384 },
  { base: 0, length: 300_000 },
  { base: 8 * MIB - 400_000, length: MIB },
  { base: 128 * MIB - 500_000, length: 2 * MIB },
]

test('a file holds what was put into it, whichever way', {
  skip: skipUnless(target.missing, compiler, kernelDriver),
  timeout: 24 * 3_600_000,
}, async (t) => {
  const place = newPlace(t)
  const fsx = await compile(place, 'fsx')
  const system = await target.create(place)
  await system.mount()
  for (const { seed, operations } of rounds(8000, ROUND_OPERATIONS)) {
    const each = String(Math.ceil(operations / WINDOWS.length))
    t.diagnostic(`DFS_TORTURE_SEED=${seed}: ${operations} operations`)
    const places = WINDOWS.map((window, index) => ({
      ...window,
      seed: String(seed + index),
      directory: join(system.root, `window-${index}`),
      expected: join(place.root, `expected-${index}`),
    }))
    await Promise.all(
      places.map(async ({ base, length, seed, directory, expected }) => {
        for (const path of [directory, expected]) mkdirSync(path)
        const words = [directory, seed, each, String(base), String(length)]
        await runOk(fsx, words, { cwd: expected, deadlineMs: ROUND_MS })
      }),
    )
    await system.unmount()
    await system.mount()
    for (const { directory, expected } of places) {
      for (const name of ['one', 'two']) await runOk('cmp', [join(directory, name), join(expected, `${name}.expected`)])
      for (const path of [directory, expected]) rmSync(path, { recursive: true })
    }
  }
  await system.unmount()
})
