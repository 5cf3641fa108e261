import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import test from 'node:test'
import { App, type AppStreams } from '../../../src/cli/app.ts'
import { allCommands, grammarOf } from '../../../src/cli/completion/grammar.ts'
import { createProgram, main } from '../../../src/cli/main.ts'

async function run(...argv: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const streams = {
    env: { DFS_HOME: '/nonexistent/home' },
    stdin: new PassThrough(),
    stdout,
    stderr,
  } as unknown as AppStreams
  const code = await main(argv, streams)
  stdout.end()
  stderr.end()
  return { code, stdout: await text(stdout), stderr: await text(stderr) }
}

test('what cannot be understood is one line with the way to the help', async () => {
  for (const [argv, pattern] of [
    [[], /^dfs: which command\?; see "dfs --help"\n$/],
    [['mont'], /^dfs: unknown command 'mont' \(Did you mean mount\?\); see "dfs --help"\n$/],
    [['mount'], /^dfs: missing required argument 'folder'; see "dfs mount --help"\n$/],
    [['umount', '--lazi', 'x'], /^dfs: unknown option '--lazi' \(Did you mean --lazy\?\); see "dfs umount --help"\n$/],
    [['service', 'instal'], /^dfs: unknown command 'instal' \(Did you mean install\?\); see "dfs service --help"\n$/],
    [['umount', '--nope', 'x'], /^dfs: unknown option '--nope'; see "dfs umount --help"\n$/],
    [['umount', 'a', 'b'], /^dfs: too many arguments.*; see "dfs umount --help"\n$/],
    [['mount', 'x', '--driver', 'ntfs'], /^dfs: option '--driver <driver>' argument 'ntfs' is invalid.*\n$/],
  ] as const) {
    const { code, stdout, stderr } = await run(...argv)
    assert.deepEqual({ code, stdout }, { code: 2, stdout: '' })
    assert.match(stderr, pattern)
  }
})

test('a command that needs a home says so, and makes none', async () => {
  const { code, stderr } = await run('id')
  assert.equal(code, 3)
  assert.equal(stderr, 'dfs: /nonexistent/home: there is no dfs home here; run "dfs init", or set DFS_HOME\n')
})

test('every command has a help with examples', async () => {
  const program = await createProgram(new App(process))
  for (const { path } of allCommands(grammarOf(program)).slice(1)) {
    const { code, stdout } = await run(...path.slice(1), '-h')
    assert.equal(code, 0)
    assert.match(stdout, /\nExamples:\n {2}\$ /, path.join(' '))
  }
  assert.match((await run('--help')).stdout, /\nExit codes:\n {4}0 {2}done\n/)
})

test('the version is told', async () => {
  const { code, stdout } = await run('--version')
  assert.equal(code, 0)
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
})
