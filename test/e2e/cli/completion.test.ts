/** Completion as a person at a shell has it: keys are typed at a terminal, and the command says what arrived. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { program, skipUnless } from '../../support/requirements.ts'
import { invite, newDevice } from '../support/device.ts'
import { newPlace, type Place } from '../support/place.ts'
import { run } from '../support/process.ts'

const skip = skipUnless(program('bash'), program('script'))

/**
 * Types lines at an interactive bash in the place's folder that has read the script. Gives for each line the words with which
 * `dfs` was called in the end.
 */
async function typed(place: Place, lines: readonly string[]): Promise<string[][]> {
  const script = await place.dfsOk(['completion', 'bash'])
  writeFileSync(path.join(place.root, 'completion.bash'), script)
  // What completion asks for is answered by dfs itself; what was typed is written down.
  const [program, launcher] = place.command
  const rc = `
PS1= PROMPT_COMMAND=
bind 'set bell-style none' 'set enable-bracketed-paste off' 2>/dev/null
source ${place.root}/completion.bash
dfs() {
  if [[ $1 == completion ]]; then ${program} ${launcher} "$@"
  else printf '<%s>' "$@" >> ${place.root}/called; echo >> ${place.root}/called; fi
}
cd ${place.folder}
`
  writeFileSync(path.join(place.root, 'rc'), rc)
  const input = `${lines.join('\n')}\nexit\n`
  const bash = `bash --noprofile --rcfile ${place.root}/rc -i`
  await run('script', ['-qec', bash, '/dev/null'], { input, env: { ...place.env, TERM: 'dumb' }, cwd: place.root })
  const called = await place.sh('cat called')
  return called
    .trimEnd()
    .split('\n')
    .map((line) => [...line.matchAll(/<([^>]*)>/g)].map(([, word]) => word!))
}

test('commands, options and their values are completed', { skip }, async (t) => {
  const place = newPlace(t)
  assert.deepEqual(
    await typed(place, [
      'dfs moun\t',
      'dfs mount --dri\tker\t x',
      'dfs mount --driver=fu\t x',
      'dfs devices rem\t',
      'dfs service install --pr\topen\t',
      'dfs add -- --dri\t',
    ]),
    [
      ['mount'],
      ['mount', '--driver', 'kernel', 'x'],
      ['mount', '--driver=fuse-native', 'x'],
      ['devices', 'remove'],
      ['service', 'install', '--print', 'openrc'],
      ['add', '--', '--dri'],
    ],
  )
})

test('paths are completed as the shell completes them, directories alone where only they make sense', {
  skip,
}, async (t) => {
  const place = newPlace(t)
  writeFileSync(path.join(place.folder, 'my file'), '')
  mkdirSync(path.join(place.folder, 'my films'))
  assert.deepEqual(
    await typed(place, ['dfs add my\\ film\t', 'dfs add a my\\ file\t', 'dfs mount my\t', 'dfs get -o my\\ film\t s']),
    [
      ['add', 'my films/'],
      ['add', 'a', 'my file'],
      ['mount', 'my films/'],
      ['get', '-o', 'my films/', 's'],
    ],
  )
})

test('devices and settings are completed if the daemon runs, and none is started for that', { skip }, async (t) => {
  const [one, other] = [await newDevice(t), await newDevice(t)]
  await one.dfsOk(['init', '--name', 'laptop'])
  const { ticket, ended } = await invite(one)
  await other.dfsOk(['join', ticket, '--name', 'old phone'])
  await ended
  // Or on a busy machine the daemon has ended by the time that bash asks it.
  await one.dfsOk(['mount', '--new', one.folder])
  assert.deepEqual(await typed(one, ['dfs devices remove ol\t', 'dfs config get versionD\t']), [
    ['devices', 'remove', 'old phone'],
    ['config', 'get', 'versionDays'],
  ])
  const alone = newPlace(t)
  assert.equal(await alone.dfsOk(['completion', '--ask', 'device']), '')
  assert.deepEqual(alone.pids(), [])
})

test('fish completes commands, values and paths', { skip: program('fish')() }, async (t) => {
  const place = newPlace(t)
  mkdirSync(path.join(place.folder, 'my films'))
  const script = path.join(place.root, 'completion.fish')
  writeFileSync(script, await place.dfsOk(['completion', 'fish']))
  for (const [typed, word] of Object.entries({
    'dfs moun': 'mount',
    'dfs mount --driver k': 'kernel',
    'dfs devices rem': 'remove',
    'dfs add my': 'my films/',
  })) {
    const said = await place.sh(`cd ${place.folder}; fish --no-config -c 'source ${script}; complete -C "${typed}"'`)
    assert.equal(said.split(/[\t\n]/)[0], word, typed)
  }
})
