/**
 * An ordinary user for tests that root runs: Debian's `nobody`, so that no account is made.
 *
 * While a test holds the second user, /dev/fuse is open to everybody; the last holder on the machine puts the mode
 * back (test files run side by side, so holders are counted in a directory, under flock(1)).
 */
import { existsSync, mkdirSync, mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Ending, run, runOk } from './process.ts'

export const PROJECT = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')

export interface SecondUser {
  readonly uid: number
  readonly gid: number
  /** The project's directory under a path that this user can reach. */
  readonly project: string
}

const NOBODY = { uid: 65534, gid: 65534 }
const CLAIMS = path.join(tmpdir(), 'dfs-test-dev-fuse')

/** Why there can be no second user on this machine, for a test's `skip`; false if there can. */
export function secondUserMissing(): string | false {
  if (process.platform !== 'linux') return 'needs Linux'
  if (process.getuid?.() !== 0) return 'needs root, to become another user'
  if (!existsSync('/dev/fuse')) return 'needs /dev/fuse'
  if (!['/usr/bin', '/bin'].some((dir) => existsSync(path.join(dir, 'fusermount3')))) {
    return 'needs fusermount3 (Debian: apt-get install fuse3)'
  }
  return false
}

/** The second user, until the test ends. Call `secondUserMissing` first. */
export async function secondUser(t: Ending): Promise<SecondUser> {
  mkdirSync(CLAIMS, { recursive: true, mode: 0o700 })
  await underLock(CLAIM)
  t.after(() => underLock(RELEASE))
  return { ...NOBODY, project: await reachableProject(t) }
}

// One claim a process and call; claims of processes that died without releasing are not counted.
const CLAIM = `
  [ -e mode ] || stat -c %a /dev/fuse > mode
  echo >> "claim.$1"
  chmod 666 /dev/fuse`
const RELEASE = `
  sed -i '$d' "claim.$1"; [ -s "claim.$1" ] || rm -f "claim.$1"
  for claim in claim.*; do
    [ -e "$claim" ] || continue
    if kill -0 "\${claim#claim.}" 2>/dev/null; then exit 0; fi
    rm -f "$claim"
  done
  [ -e mode ] && chmod "$(cat mode)" /dev/fuse && rm -f mode`

async function underLock(script: string): Promise<void> {
  await runOk('flock', ['lock', 'sh', '-c', script, 'sh', String(process.pid)], { cwd: CLAIMS })
}

/** A clone below a private directory (as /root) is shown to the user through a bind mount. */
async function reachableProject(t: Ending): Promise<string> {
  const { code } = await run('test', ['-r', path.join(PROJECT, 'package.json')], { user: NOBODY, cwd: '/' })
  if (code === 0) return PROJECT
  const shown = mkdtempSync(path.join(tmpdir(), 'dfs-project-'))
  await runOk('mount', ['--bind', PROJECT, shown])
  t.after(async () => {
    await runOk('umount', ['-l', shown])
    rmdirSync(shown)
  })
  return shown
}
