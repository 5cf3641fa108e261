import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { asRoot, findProgram, installCommand, runsUnasked } from '../../../../src/cli/setup/packages.ts'

/** A PATH with just these programs, each a shell script. */
function pathWith(t: TestContext, programs: Record<string, string>): NodeJS.ProcessEnv {
  const dir = mkdtempSync(path.join(tmpdir(), 'dfs-packages-'))
  t.after(() => rmSync(dir, { recursive: true }))
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(path.join(dir, name), `#!/bin/sh\n${script}\n`)
    chmodSync(path.join(dir, name), 0o755)
  }
  return { PATH: dir }
}

test('the package manager is the one that the machine has', (t) => {
  assert.deepEqual(installCommand(['fuse3'], pathWith(t, { dnf: '' })), ['dnf', 'install', '-y', 'fuse3'])
  assert.deepEqual(installCommand(['fuse3'], pathWith(t, { 'apt-get': '', apk: '' })), [
    'apt-get',
    'install',
    '-y',
    'fuse3',
  ])
  assert.equal(installCommand(['fuse3'], pathWith(t, {})), undefined)
})

test('root runs it as it is, others through sudo, if it is there', (t) => {
  assert.deepEqual(asRoot(['apk', 'add'], {}, true), ['apk', 'add'])
  assert.deepEqual(asRoot(['apk', 'add'], pathWith(t, { sudo: '' }), false), ['sudo', 'apk', 'add'])
  assert.equal(asRoot(['apk', 'add'], pathWith(t, {}), false), undefined)
})

test('it is known whether sudo asks for a password', async (t) => {
  assert.equal(await runsUnasked(['apk', 'add'], {}), true)
  assert.equal(await runsUnasked(['sudo', 'apk'], pathWith(t, { sudo: '[ "$*" = "-n true" ]' })), true)
  assert.equal(await runsUnasked(['sudo', 'apk'], pathWith(t, { sudo: 'exit 1' })), false)
})

test('a program is what can be executed, in a directory that is named whole', (t) => {
  const env = pathWith(t, { dfs: '' })
  assert.equal(findProgram('dfs', { PATH: `.:${env.PATH}` }), path.join(env.PATH!, 'dfs'))
  assert.equal(findProgram('absent', env), undefined)
  assert.equal(findProgram('dfs', {}), undefined)
})
