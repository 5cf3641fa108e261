import assert from 'node:assert/strict'
import test from 'node:test'
import { App } from '../../../src/cli/app.ts'
import { allCommands, grammarOf } from '../../../src/cli/completion/grammar.ts'
import { createProgram } from '../../../src/cli/main.ts'
import { manPage } from '../../../src/cli/man-page.ts'
import { run } from '../../e2e/support/process.ts'
import { program } from '../../support/requirements.ts'

const whole = await createProgram(new App(process))
const page = manPage(whole)

test('the manual page has every command with its options', () => {
  for (const { path, options } of allCommands(grammarOf(whole)).slice(1)) {
    const [, section] = new RegExp(`^\\.SS ${path.join(' ')}(?: .*)?\n([^]*?)^\\.S[SH]`, 'm').exec(page) ?? []
    assert.ok(section !== undefined, path.join(' '))
    for (const flag of options.flatMap(({ flags }) => flags).filter((flag) => !/^(-h|--help)$/.test(flag))) {
      assert.ok(section.includes(flag.replaceAll('-', '\\-')), `${path.join(' ')} ${flag}`)
    }
  }
  assert.match(page, /^\.SH EXIT CODES$/m)
})

test('groff finds no fault with it, and shows what was said', { skip: program('groff')() }, async () => {
  const options = { input: page, env: { ...process.env, LC_ALL: 'C.UTF-8', MANWIDTH: '80' } }
  const { code, stdout, stderr } = await run('groff', ['-man', '-Tutf8', '-ww', '-P-cbou', '-'], options)
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  assert.match(stdout, /^ {7}--driver <driver>$/m)
  assert.match(stdout, /^ {7}\$ dfs mount -f --adopt ~\/documents$/m)
})
