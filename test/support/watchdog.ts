/**
 * Guards a test that touches a mount with synchronous calls: should the test hang or die, another process kills
 * what serves the mount and takes the mount away, and the hanging call fails.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Writable } from 'node:stream'
import type { Place } from '../e2e/support/place.ts'

export interface Watchdog {
  /** The guarded work is over: nothing will be killed. */
  release(): void
}

// `read` ends when a line comes (released), when this process dies (end of file), or in time.
const SCRIPT = `
read -r -t "$1" line && exit 0
for file in $(grep -lzsx -F -e "DFS_TEST_PLACE=$2" /proc/[0-9]*/environ); do pid=\${file#/proc/}; kill -9 "\${pid%/environ}"; done
umount -l "$3" || fusermount3 -uz "$3"
`

/** Kills the processes of `place` and unmounts `target`, unless released in time. */
export function watch(place: Place, target: string, timeoutMs: number): Watchdog {
  const seconds = String(Math.ceil(timeoutMs / 1000))
  const env = { PATH: process.env.PATH }
  const child: ChildProcess = spawn('bash', ['-c', SCRIPT, 'watchdog', seconds, place.root, target], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    env,
  })
  child.unref()
  const stdin = child.stdin as Writable & { unref(): void }
  stdin.on('error', () => undefined)
  stdin.unref() // A guard that was not released must not keep a failed test from ending.
  return { release: () => void stdin.end('released\n') }
}
