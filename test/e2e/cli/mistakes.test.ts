/** Each command's most likely mistake: one line that says what is wrong, what mends it, and an exit code that says which kind. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { before, suite, test } from 'node:test'
import { newPlace, type Place } from '../support/place.ts'
import { type Ending, within } from '../support/process.ts'

/** What is typed, in a directory with a folder `cloud` that has `plan.txt`, and a file `plain`; the code; what is said. */
const MISTAKES: readonly (readonly [typed: string, code: number, said: RegExp])[] = [
  ['stauts', 2, /unknown command 'stauts' \(Did you mean status\?\)/],
  ['add plain', 2, /plain: .*folder/],
  ['cat cloud/none', 3, /none: there is no such file/],
  ['completion tcsh', 2, /'tcsh'.*bash, zsh, fish/],
  ['config set replicas many', 2, /"replicas" takes a whole number, not "many"/],
  ['config get replica', 2, /there is no setting "replica"; see "dfs config"/],
  ['conflicts keep cloud/plan.txt', 3, /no conflict about this file; see "dfs conflicts"/],
  ['daemon', 6, /works in this home already; end it with "dfs daemon --stop"/],
  ['devices remove nobody', 3, /nobody: is no device .*; see "dfs devices"/],
  ['doctor --fix', 2, /unknown option '--fix'; see "dfs doctor --help"/],
  ['evict none', 3, /is not in a folder .*; see "dfs status"/],
  ['folders add none elsewhere', 3, /no folder of your other devices is called so; .*"dfs folders"/],
  ['folders leave elsewhere', 3, /elsewhere/],
  ['gc cloud', 2, /too many arguments for 'gc'.*; see "dfs gc --help"/],
  ['get cloud/plan.txt -o plain', 4, /plain: is there already; name another with -o, or use --force/],
  ['history none', 3, /is not in a folder .*; see "dfs status"/],
  ['hydrate none', 3, /is not in a folder .*; see "dfs status"/],
  ['id me', 2, /too many arguments for 'id'.*; see "dfs id --help"/],
  ['init me', 2, /too many arguments for 'init'.*; see "dfs init --help"/],
  ['invite', 12, /confirmed on a terminal; or let them in unseen with --yes/],
  ['join nonsense', 2, /this is no ticket; copy all of what "dfs invite" printed/],
  ['mount none', 3, /none: is not there; make it with "mkdir -p /],
  ['passphrase remove', 3, /under no passphrase; set one with "dfs passphrase set"/],
  ['peers all', 2, /too many arguments for 'peers'.*; see "dfs peers --help"/],
  ['pin none', 3, /is not in a folder .*; see "dfs status"/],
  ['recover nonsense', 2, /word 1, "nonsense", is not in the list; did you mean "sense"\?/],
  ['recovery show', 12, /see them at a terminal, or say --yes/],
  ['restore cloud/plan.txt', 3, /plan\.txt: no earlier version is kept/],
  ['service install none', 3, /none: is not there/],
  ['setup --yes --port eighty', 2, /"eighty" is no port; give a number up to 65535/],
  ['status none', 3, /is not in a folder .*; see "dfs status"/],
  ['ui --port 99999', 2, /--port takes a number below 65536, not "99999"/],
  ['umount cloud', 2, /cloud: is not mounted; see "dfs status"/],
  ['unpin none', 3, /is not in a folder .*; see "dfs status"/],
  ['verify none', 3, /is not in a folder .*; see "dfs status"/],
  ['wait cloud/plan.txt', 10, /2 other devices are wanted, and 0 can count; invite another with "dfs invite"/],
]

suite('mistakes', () => {
  const undos: (() => unknown)[] = []
  const ending: Ending = { after: (undo) => undos.push(undo) }
  let place: Place

  before(async () => {
    place = newPlace(ending)
    const cloud = path.join(place.root, 'cloud')
    mkdirSync(cloud)
    writeFileSync(path.join(cloud, 'plan.txt'), 'first this, then that')
    writeFileSync(path.join(place.root, 'plain'), 'a file that no folder has')
    await place.dfsOk(['init'])
    await place.dfsOk(['config', 'set', 'network', 'off'])
    await place.dfsOk(['config', 'set', 'idleStopMs', '60000'])
    await place.dfsOk(['add', cloud])
  })
  test.after(async () => {
    for (const undo of undos.toReversed()) await undo()
  })

  for (const [typed, expected, line] of MISTAKES) {
    test(`dfs ${typed}`, async () => {
      const { code, stdout, stderr } = await place.dfs(typed.split(' '))
      assert.match(stderr, line)
      assert.deepEqual({ code, stdout, lines: stderr.split('\n').length }, { code: expected, stdout: '', lines: 2 })
    })
  }

  test('are known of every command', async () => {
    const verbs = [...(await place.dfsOk(['--help'])).matchAll(/^ {2}([a-z]+)\b/gm)].map((match) => match[1]!)
    const tried = new Set(MISTAKES.map(([typed]) => typed.split(' ')[0]!))
    assert.deepEqual(
      verbs.filter((verb) => verb !== 'help' && !tried.has(verb)),
      [],
    )
  })
})

test('a command whose reader ends is ended, without a word', async (t) => {
  const place = newPlace(t)
  const [program, ...args] = place.command
  for (const command of [['--help'], ['help', 'folders'], ['completion', 'bash']]) {
    const child = spawn(program, [...args, ...command], { env: place.env, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    const said = text(child.stderr)
    const [code] = await within(20_000, once(child, 'exit'))
    assert.equal(await said, '')
    assert.equal(code, 141, command.join(' '))
  }
})
