/**
 * Many processes make, change, rename, link and remove files of many names. Each with a directory of its own also does
 * so beside the mount, on the disk, and every answer is compared; those that share a directory get no answer that says
 * the file system is broken, and what they leave is whole. All is the same after a remount.
 */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { newPlace } from '../e2e/support/place.ts'
import { runOk } from '../e2e/support/process.ts'
import { skipUnless } from '../support/requirements.ts'
import { target } from '../support/systems/target.ts'
import { compile, compiler, kernelDriver } from './support/c-program.ts'
import { rounds } from './support/rounds.ts'

const ROUND_OPERATIONS = 60_000
const ROUND_MS = 9 * 60_000
const ALONE = 4
const TOGETHER = 4

test('many processes get from the mount what they would get from the disk', {
  skip: skipUnless(target.missing, compiler, kernelDriver),
  timeout: 24 * 3_600_000,
}, async (t) => {
  const place = newPlace(t)
  const twins = await compile(place, 'twins')
  const system = await target.create(place)
  const [shown, disk] = [join(system.root, 'round'), join(place.root, 'disk')]
  await system.mount()
  for (const { seed, operations } of rounds(16_000, ROUND_OPERATIONS)) {
    const each = String(Math.ceil(operations / (ALONE + TOGETHER)))
    t.diagnostic(`DFS_TORTURE_SEED=${seed}: ${operations} operations`)
    for (const path of [shown, disk, join(shown, 'together')]) mkdirSync(path)
    const work = Array.from({ length: ALONE + TOGETHER }, (_, index) => {
      const [left, right] = [join(shown, String(index)), join(disk, String(index))]
      if (index >= ALONE) return [join(shown, 'together'), '-', String(seed + index), each]
      for (const path of [left, right]) mkdirSync(path)
      return [left, right, String(seed + index), each]
    })
    await Promise.all(work.map((words) => runOk(twins, words, { deadlineMs: ROUND_MS })))
    const before = await inventory(shown)
    await system.unmount()
    await system.mount()
    assertSame(await inventory(shown), before)
    for (const path of [shown, disk]) rmSync(path, { recursive: true })
  }
  await system.unmount()
})

/** Shows what differs and no more: two inventories are long. */
function assertSame(actual: string, expected: string): void {
  const [lines, others] = [new Set(actual.split('\n')), new Set(expected.split('\n'))]
  assert.deepEqual([...lines.difference(others)], [...others.difference(lines)])
  assert.equal(actual, expected)
}

/** All that can be told of a tree: attributes, targets, links that are one file, extended attributes, content. */
function inventory(tree: string): Promise<string> {
  const script = `cd "$1"
    find . \\( -type d -printf '%y %m %U %G %T@ %p\\n' \\) -o -printf '%y %m %U %G %s %T@ %n %p %l\\n' | sort
    find . -type f -links +1 -printf '%i %p\\n' | sort | awk '{ if ($1 == last) print first, $2; else { last = $1; first = $2 } }'
    getfattr -Rhd -e hex . 2>/dev/null | sort
    find . -type f -print0 | sort -z | xargs -0r sha256sum`
  return runOk('bash', ['-c', script, 'bash', tree], { deadlineMs: ROUND_MS, env: { ...process.env, LC_ALL: 'C' } })
}
