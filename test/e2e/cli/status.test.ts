/** `dfs status` as a person and as a program has it, at a terminal and elsewhere. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import test from 'node:test'
import { program } from '../../support/requirements.ts'
import { fuseMissing, mountFolder } from '../support/mount.ts'
import { newPlace } from '../support/place.ts'
import { within } from '../support/process.ts'

const DEADLINE_MS = 60_000
const atTerminal = program('script')()

test('what is piped is data, without colours and folds', { skip: fuseMissing() }, async (t) => {
  const place = await mountFolder(t)
  await place.sh(`printf x > ${place.folder}/file`)
  const said = await place.dfsOk(['status'], { env: { FORCE_COLOR: undefined } })
  assert.match(said, new RegExp(`^${place.folder}  mounted \\(\\w+\\)\\n  files +1\\n`))
  assert.equal(said.includes('\x1b'), false)
})

test('a narrow terminal gets narrow lines, problems first and in red, unless NO_COLOR', {
  skip: atTerminal,
}, async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['init'])
  await place.dfsOk(['add', place.folder])
  writeFileSync(path.join(place.folder, 'a.f'), 'dfs stub, damaged')
  await place.sh(`mv ${place.folder} ${place.root}/elsewhere`)
  const [node, launcher] = place.command
  const show = (env: NodeJS.ProcessEnv) =>
    place.sh(`script -qec 'stty cols 40; ${node} ${launcher} status' /dev/null < /dev/null`, {
      env: { TERM: 'xterm', ...env },
    })
  const said = (await show({})).trim().split(/\r?\n/)
  assert.match(said[0]!, /^\x1b\[31mproblem {2}/)
  const plain = (await show({ NO_COLOR: '1' })).trim().split(/\r?\n/)
  assert.match(plain[0]!, /^problem {2}/)
  for (const line of plain) assert.ok(line.length <= 40 || !line.trim().includes(' '), line)
})

test('it is watched until it is interrupted', async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['init'])
  const [program, ...before] = place.command
  const child = spawn(program, [...before, 'status', '--watch', '0.1', '--json'], {
    env: place.env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  for (let i = 0; i < 2; i++) {
    const { value } = await within(DEADLINE_MS, lines.next())
    assert.equal(JSON.parse(value ?? '').home, place.home)
  }
  child.kill('SIGINT')
  assert.deepEqual(await within(DEADLINE_MS, ended), [0, null])
})

test('what cannot be an interval is refused', async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['init'])
  const { code, stderr } = await place.dfs(['status', '--watch', 'often'])
  assert.equal(code, 2)
  assert.match(stderr, /^dfs: --watch takes seconds[^\n]*\n$/)
})
