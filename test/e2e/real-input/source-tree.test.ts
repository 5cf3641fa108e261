/**
 * A real tree of thousands of files goes in with rsync and comes back without a difference, and nothing of what is in
 * the files is found on disk. The tree is of what npm installed for this project, without large files.
 */
import assert from 'node:assert/strict'
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { program, skipUnless } from '../../support/requirements.ts'
import { setXattr } from '../../support/syscalls.ts'
import { target } from '../../support/systems/target.ts'
import { newPlace } from '../support/place.ts'
import { run, runOk } from '../support/process.ts'
import { PROJECT } from '../support/second-user.ts'

const TREE = `${join(PROJECT, 'node_modules')}/`
/** A part of it; not the caches that tools keep there, which change while the test runs. */
const WHAT = ['--max-size=500k', '--exclude=/.cache', '--exclude=/[g-z]*']
const isTaken = (name: string) => !/^(\.cache|[g-z])/.test(name)
const DEADLINE_MS = 180_000
const SECRETS = 300

const skip = skipUnless(target.missing, program('rsync'))

test('a tree of thousands of files is the same after a remount, and nothing of it is readable on disk', {
  skip,
}, async (t) => {
  const place = newPlace(t)
  const system = await target.create(place)
  await system.mount()
  const copy = `${join(system.root, 'tree')}/`
  await rsync('-aHX', TREE, copy)
  addMetadata(join(system.root, 'added'))
  const expected = await inventory(system.root)
  assert(expected.split('\n').length > 2000)
  await system.unmount()

  await t.test(
    'not one line of the files is on disk',
    { skip: target.name === 'disk' && 'disk hides nothing' },
    async () => {
      const secrets = someLines(TREE, SECRETS)
      for (const directory of system.kept) await assertNothingOf(secrets, directory)
    },
  )

  await system.mount()
  assert.equal(await inventory(system.root), expected)
  assert.equal(await rsync('-aHXni', '--checksum', '--delete', TREE, copy), '', 'no difference going in')
  const out = `${join(place.root, 'out')}/`
  mkdirSync(out)
  await rsync('-aHX', `${system.root}/`, out)
  assert.equal(await rsync('-aHXni', '--checksum', '--delete', `${system.root}/`, out), '', 'no difference coming out')
  await system.unmount()
})

function rsync(...args: string[]): Promise<string> {
  return runOk('rsync', [...WHAT, ...args], { deadlineMs: DEADLINE_MS })
}

/** What a tree of packages has little of. */
function addMetadata(added: string): void {
  mkdirSync(added, { mode: 0o2750 })
  writeFileSync(join(added, 'attributes'), 'content', { mode: 0o640 })
  setXattr(join(added, 'attributes'), 'user.origin', Buffer.from('here'))
}

/** Everything `find` can say of a tree: kinds, modes, owners, sizes of files, times, link counts, targets. */
function inventory(tree: string): Promise<string> {
  const script = `cd "$1" && find . \\( -type d -printf '%y %m %U %G %p\\n' \\) -o -printf '%y %m %U %G %s %T@ %n %p %l\\n' | sort`
  return runOk('sh', ['-c', script, 'sh', tree], { deadlineMs: DEADLINE_MS })
}

/** Long lines from the beginnings of files all over a tree. */
function someLines(tree: string, count: number): string[] {
  const files = readdirSync(tree, { recursive: true, encoding: 'utf8' })
    .filter((name) => isTaken(name) && /\.(js|ts|md|json|cjs|mjs)$/.test(name))
    .map((name) => join(tree, name))
    .filter((path) => lstatSync(path).isFile() && lstatSync(path).size < 100_000)
  const step = Math.max(1, Math.floor(files.length / count))
  const lines = files
    .filter((_, index) => index % step === 0)
    .map((path) =>
      readFileSync(path, 'latin1')
        .split('\n')
        .find((line) => line.length >= 40 && line.length <= 400),
    )
  return [...new Set(lines.filter((line) => line !== undefined))]
}

/** Looks for the lines in every file below `directory`. */
async function assertNothingOf(secrets: readonly string[], directory: string): Promise<void> {
  assert(secrets.length > 100)
  const input = Buffer.from(secrets.join('\n'), 'latin1')
  const options = { env: { ...process.env, LC_ALL: 'C' }, input, deadlineMs: DEADLINE_MS }
  const { code, stdout, stderr } = await run('grep', ['-raFl', '-f', '-', '--', directory], options)
  assert.deepEqual({ found: stdout.split('\n', 3), code, stderr }, { found: [''], code: 1, stderr: '' })
}
