import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { App } from '../../../src/cli/app.ts'
import { bashCompletion } from '../../../src/cli/completion/bash.ts'
import { fishCompletion } from '../../../src/cli/completion/fish.ts'
import { allCommands, type CommandGrammar, grammarOf } from '../../../src/cli/completion/grammar.ts'
import { zshCompletion } from '../../../src/cli/completion/zsh.ts'
import { createProgram } from '../../../src/cli/main.ts'
import { run } from '../../e2e/support/process.ts'
import { program } from '../../support/requirements.ts'

const grammar = grammarOf(await createProgram(new App(process)))
const commandAt = (...path: string[]): CommandGrammar =>
  allCommands(grammar).find((command) => command.path.join(' ') === ['dfs', ...path].join(' '))!

test('the grammar says what each word can be', () => {
  assert.deepEqual(
    commandAt('mount').operands.map(({ name, value, isOptional }) => [name, value.kind, isOptional]),
    [
      ['folder', 'directory', false],
      ['mountpoint', 'directory', true],
    ],
  )
  const driver = commandAt('mount').options.find(({ flags }) => flags.includes('--driver'))
  assert.deepEqual(driver?.value, { kind: 'choice', words: ['auto', 'kernel', 'fuse-native'] })
  assert.equal(commandAt('devices', 'remove').operands[0]?.value.kind, 'device')
  assert.equal(commandAt('config', 'set').operands[0]?.value.kind, 'setting')
  assert.deepEqual(commandAt('add').operands[0], {
    ...{ name: 'path', isOptional: false, isVariadic: true },
    value: { kind: 'file' },
  })
  const keep = commandAt('add').options.find(({ flags }) => flags.includes('--keep'))
  assert.equal(keep?.value, undefined)
})

for (const [shell, format] of Object.entries({ bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion })) {
  test(`${shell} reads its script without a word`, { skip: program(shell)() }, async (t) => {
    const dir = mkdtempSync(path.join(tmpdir(), 'dfs-completion-'))
    t.after(() => rmSync(dir, { recursive: true }))
    const file = path.join(dir, 'script')
    writeFileSync(file, format(grammar))
    const { code, stdout, stderr } = await run(shell, ['-n', file], { env: process.env })
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' })
  })

  test(`the script for ${shell} has every command and option`, () => {
    const script = format(grammar)
    for (const { path, options } of allCommands(grammar).slice(1)) {
      assert.ok(script.includes(path.at(-1)!), path.join(' '))
      for (const { flags } of options) {
        const long = flags.at(-1)!
        assert.ok(script.includes(shell === 'fish' ? `-l ${long.slice(2)}` : long), `${path.join(' ')} ${long}`)
      }
    }
  })
}
