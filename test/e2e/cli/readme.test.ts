/** What the papers say, as far as a command can check it. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { EXIT_MEANINGS } from '../../../src/cli/exit-codes.ts'
import { countsAtOnce, listConfig, readConfig } from '../../../src/daemon/config.ts'
import { dfsCommand } from '../support/place.ts'
import { runOk } from '../support/process.ts'
import { PROJECT } from '../support/second-user.ts'

const readme = readFileSync(path.join(PROJECT, 'README.md'), 'utf8')
const [node, launcher] = dfsCommand()
const help = (...args: string[]) => runOk(node, [launcher, ...args, '--help'])

/** `dfs mount FOLDER [MOUNTPOINT]` and what the table says of it. */
const described = [...readme.matchAll(/^\| `dfs ([a-z]+)([^`]*)` \| (.*) \|$/gm)].map(([, verb, operands, text]) => ({
  verb: verb!,
  operands: operands!.trim(),
  text: text!,
}))

test('README describes the commands that dfs has, and no others', async () => {
  const verbs = [...(await help()).matchAll(/^ {2}([a-z]+)\b/gm)].map((match) => match[1]!)
  const listed = described.map(({ verb }) => verb)
  assert.deepEqual(listed.toSorted(), verbs.filter((verb) => verb !== 'help').toSorted())
})

for (const { verb, operands, text } of described) {
  test(`dfs ${verb} takes what README says`, async () => {
    const said = await help(verb)
    const usage = /^Usage: .*$/m.exec(said)?.[0].toUpperCase().replaceAll(/[<>]/g, '') ?? ''
    if (operands !== '') assert.ok(usage.includes(operands), `${operands} in ${usage}`)
    for (const [, option] of text.matchAll(/`(--?[a-z]+)/g)) assert.match(said, new RegExp(`(^|[ ,])${option}\\b`, 'm'))
  })
}

test('README lists the exit codes as the command tells them', () => {
  const listed = [...readme.matchAll(/^\| (\d+) \| (.*) \|$/gm)].map(([, code, meaning]) => [code, meaning])
  assert.deepEqual(Object.fromEntries(listed), EXIT_MEANINGS)
})

test('README lists the settings with what they are if nobody sets them', () => {
  const listed = [...readme.matchAll(/^\| `([a-z]\w*)`( \*)? \| (.*?) \|/gm)]
  const said = listed.map(([, key, star, fallback]) => ({ key, fallback, atOnce: star !== undefined }))
  const settings = listConfig(readConfig('/there/is/none')).map(({ key, fallback }) => ({
    key,
    fallback: key === 'deviceName' ? "the host's name" : String(fallback),
    atOnce: countsAtOnce(key),
  }))
  const byKey = (one: { key?: string }, other: { key?: string }) => one.key!.localeCompare(other.key!)
  assert.deepEqual(said.toSorted(byKey), settings.toSorted(byKey))
})

test('.ci/run does what README says and nothing else', () => {
  const steps = readFileSync(path.join(PROJECT, '.ci/run'), 'utf8').split('\n\n').at(-1)?.trim()
  const line = /^Run the tests:\n\n {4}(.+)$/m.exec(readme)?.[1]
  assert.equal(steps, line)
})

test('ARCHITECTURE names files that are there', () => {
  const text = readFileSync(path.join(PROJECT, 'native-notes', 'ARCHITECTURE.md'), 'utf8')
  const rooms = readdirSync(path.join(PROJECT, 'src')).filter((name) => !name.endsWith('.ts'))
  const named = [...text.matchAll(/`((\w+)\/[\w/-]*)`/g)].filter(([, , room]) => rooms.includes(room!))
  const gone = named
    .map(([, file]) => path.join(PROJECT, 'src', file!))
    .filter((file) => !existsSync(file) && !existsSync(`${file}.ts`))
  assert.ok(named.length > 50)
  assert.deepEqual(gone, [])
})

test('links between the papers lead somewhere', () => {
  const papers = [
    'README.md',
    'CHANGELOG.md',
    'src/format/FORMAT.md',
    ...readdirSync(path.join(PROJECT, 'native-notes')).map((name) => `native-notes/${name}`),
  ]
  const broken = papers.flatMap((paper) => {
    const links = readFileSync(path.join(PROJECT, paper), 'utf8').matchAll(/\]\(([^)#\s]+)[^)]*\)/g)
    const files = [...links].map((match) => match[1]!).filter((link) => !/^[a-z]+:/.test(link))
    return files
      .filter((link) => !existsSync(path.join(PROJECT, path.dirname(paper), link)))
      .map((link) => `${paper}: ${link}`)
  })
  assert.deepEqual(broken, [])
})
