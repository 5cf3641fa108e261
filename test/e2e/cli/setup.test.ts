/** `dfs setup`, and the script that brings a clone so far. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { program } from '../../support/requirements.ts'
import { freePort } from '../support/device.ts'
import { fakeSystemd } from '../support/fake-systemd.ts'
import { fuseMissing, isMounted } from '../support/mount.ts'
import { newPlace } from '../support/place.ts'
import { run, until, within } from '../support/process.ts'
import { PROJECT } from '../support/second-user.ts'

const skip = fuseMissing()
const DEADLINE_MS = 60_000

test('setup makes everything, and run again leaves it as it is', { skip }, async (t) => {
  const place = newPlace(t)
  const folder = path.join(place.root, 'my cloud')
  const bin = path.join(place.root, 'bin')
  const port = await freePort()
  const args = ['setup', '--yes', '--no-service', '--folder', folder, '--port', String(port), '--bin', bin]
  const first = await place.dfs(args)
  assert.equal(first.code, 0, first.stderr)
  assert.match(first.stderr, /This is your recovery kit\./)
  assert.match(first.stdout, new RegExp(`folder +${folder}, mounted\\n`))
  assert.ok(isMounted(folder))
  assert.equal(readlinkSync(path.join(bin, 'dfs')), path.join(PROJECT, 'bin/dfs.js'))
  await place.sh(`printf kept > '${folder}/file'`)

  const again = await place.dfs(args, { env: { PATH: `${bin}:${place.env.PATH}` } })
  assert.equal(again.code, 0, again.stderr)
  assert.doesNotMatch(again.stderr, /recovery kit/)
  assert.match(again.stdout, /mounted already/)
  assert.equal(await place.sh(`cat '${folder}/file'`), 'kept')
  const [setting] = JSON.parse(await place.dfsOk(['config', 'get', 'port', '--json']))
  assert.equal(setting.value, port)
  await place.dfsOk(['umount', folder])
})

test('setup hands the folder to systemd where it runs', { skip }, async (t) => {
  const place = newPlace(t)
  const systemd = fakeSystemd(place)
  const result = JSON.parse(
    await place.dfsOk(['setup', '--yes', '--user', '--no-link', '--folder', place.folder, '--port', '0', '--json'], {
      env: systemd.env,
    }),
  )
  assert.ok(result.kit.includes('recovery kit'))
  assert.deepEqual(result.service.folders, [place.folder])
  assert.deepEqual(systemd.calls(), ['systemctl daemon-reload', 'systemctl enable --now dfs'])
})

test('at a terminal, setup asks, and takes what it proposes for an answer that is empty', {
  skip: skip || program('script')(),
}, async (t) => {
  const place = newPlace(t)
  const atTerminal = async (input: string) => {
    const command = [...place.command, 'setup', '--no-service', '--no-link'].join(' ')
    const child = spawn('script', ['-qec', command, '/dev/null'], { env: place.env, cwd: place.root })
    t.after(() => child.kill('SIGKILL'))
    let stdout = ''
    child.stdout.on('data', (bytes) => (stdout += bytes))
    const ended = once(child, 'close')
    await until('it asks', () => stdout.includes('Which folder'), DEADLINE_MS)
    child.stdin.write(input)
    const [code] = await within(DEADLINE_MS, ended)
    return { code, stdout }
  }
  const ended = await atTerminal('\x04')
  assert.deepEqual([ended.code, existsSync(place.home)], [130, false], 'who does not answer has nothing made')
  const { code, stdout } = await atTerminal('~/my cloud\r\r')
  assert.equal(code, 0, stdout)
  assert.match(stdout, /Which folder .*\[.*\/cloud\]/)
  assert.match(stdout, /At which TCP port .*\[8080\]/)
  const folder = path.join(place.root, 'user', 'my cloud')
  assert.ok(isMounted(folder), stdout)
  await place.dfsOk(['umount', folder])
})

test('without a terminal, setup says which answers it wants', async (t) => {
  const place = newPlace(t)
  const { code, stderr } = await place.dfs(['setup', '--no-service', '--no-link'])
  assert.equal(code, 12)
  assert.match(stderr, /^dfs: [^\n]*--folder and --port[^\n]*--yes\n$/)
  assert.equal(existsSync(place.home), false)
})

test('setup refuses what is no port, and leaves another dfs alone', { skip }, async (t) => {
  const place = newPlace(t)
  const bin = path.join(place.root, 'bin')
  mkdirSync(bin)
  writeFileSync(path.join(bin, 'dfs'), 'another')
  const args = ['setup', '--yes', '--no-service', '--folder', place.folder, '--bin', bin, '--port']
  const wrong = await place.dfs([...args, 'eighty'])
  assert.deepEqual([wrong.code, existsSync(place.home)], [2, false])
  assert.match(await place.dfsOk([...args, '0']), /something else, and stays/)
})

const LAUNCHER = `console.log(JSON.stringify({ argv: process.argv.slice(2), cwd: process.cwd() }))`
const NPM = `#!/bin/sh
echo "npm $*" >> "$PWD/npm-calls"
mkdir -p node_modules && touch node_modules/.package-lock.json
`

/** A clone with the script, a launcher that says how it was called, and an npm that installs nothing. */
function makeClone(t: TestContext) {
  const root = mkdtempSync(path.join(tmpdir(), 'dfs setup-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  cpSync(path.join(PROJECT, 'setup'), path.join(root, 'setup'))
  for (const directory of ['bin', 'tools']) mkdirSync(path.join(root, directory))
  writeFileSync(path.join(root, 'bin/dfs.js'), LAUNCHER)
  writeFileSync(path.join(root, 'package-lock.json'), '{}')
  writeFileSync(path.join(root, 'tools/npm'), NPM)
  chmodSync(path.join(root, 'tools/npm'), 0o755)
  const start = (env: NodeJS.ProcessEnv, ...args: string[]) => run(path.join(root, 'setup'), args, { env, cwd: '/' })
  return { root, start }
}

test('a clone installs what it is built on, and hands the answers over', async (t) => {
  const { root, start } = makeClone(t)
  const env = { PATH: `${root}/tools:${path.dirname(process.execPath)}:/usr/bin:/bin`, INIT_CWD: tmpdir() }
  const first = await start(env, '--yes', '--folder', 'my cloud')
  assert.equal(first.code, 0, first.stderr)
  assert.deepEqual(JSON.parse(first.stdout), { argv: ['setup', '--yes', '--folder', 'my cloud'], cwd: tmpdir() })
  assert.match(first.stderr, /Installing/)
  const again = await start(env)
  assert.deepEqual([again.code, again.stderr], [0, ''], 'what is installed is not installed again')
  const later = new Date(Date.now() + 60_000)
  utimesSync(path.join(root, 'package-lock.json'), later, later)
  assert.match((await start(env)).stderr, /Installing/, 'but for what is wanted since')
})

test('a clone on a machine without Node says what to install', async (t) => {
  const { root, start } = makeClone(t)
  const tools = path.join(root, 'tools')
  for (const name of ['sh', 'uname', 'dirname', 'id']) symlinkSync(`/bin/${name}`, path.join(tools, name))
  const { code, stderr } = await start({ PATH: tools }, '--yes')
  assert.equal(code, 1)
  assert.match(stderr, /^setup: needs Node 18 or later, and npm: [^\n]*\n$/)
})
