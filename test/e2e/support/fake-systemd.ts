/**
 * systemctl and loginctl that run nothing: they write down what they are asked, and remember what is enabled and started.
 * For machines whose own systemd does not run, or is not the test's to change.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Place } from './place.ts'

const SYSTEMCTL = `#!/bin/sh
cd "$(dirname "$0")"
[ "$1" = --user ] && shift
echo "systemctl $*" >> calls
case $1 in
  is-system-running) cat state; [ "$(cat state)" = running ] ;;
  is-active) [ -e started ] && echo active ;;
  is-enabled) [ -e started ] && echo enabled ;;
  enable) touch started ;;
  stop | disable) rm -f started ;;
esac
`
const LOGINCTL = `#!/bin/sh
cd "$(dirname "$0")"
echo "loginctl $*" >> calls
case $1 in
  enable-linger) touch lingers ;;
  show-user) if [ -e lingers ]; then echo yes; else echo no; fi ;;
esac
`

export interface FakeSystemd {
  /** An environment in which it is found. */
  readonly env: NodeJS.ProcessEnv
  /** What changes something, of all that was asked, since this was read last. */
  calls(): string[]
}

export function fakeSystemd(place: Place, { state = 'running' } = {}): FakeSystemd {
  const dir = path.join(place.root, 'systemd')
  mkdirSync(dir)
  const calls = path.join(dir, 'calls')
  writeFileSync(path.join(dir, 'state'), `${state}\n`)
  for (const [name, script] of Object.entries({ systemctl: SYSTEMCTL, loginctl: LOGINCTL })) {
    writeFileSync(path.join(dir, name), script)
    chmodSync(path.join(dir, name), 0o755)
  }
  return {
    env: { PATH: `${dir}:${place.env.PATH}` },
    calls: () => {
      const all = existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : []
      writeFileSync(calls, '')
      return all.filter((call) => !/ (is-|show-)/.test(call) && call !== '')
    },
  }
}
