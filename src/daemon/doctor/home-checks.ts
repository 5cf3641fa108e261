/** Whether the home is as it should be: its directory, keys, settings, folders, port, daemon and index. Changes nothing but a broken index. */
import { lstatSync, readdirSync, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describeError, kindOf } from '../../errors.ts'
import { programOf } from '../../posix/program.ts'
import { hasPassphrase, isHome, readAddress } from '../address.ts'
import { CONTROL_VERSION, encodeJsonFrame } from '../control-api.ts'
import type { HomeView } from '../home.ts'
import { type Examine, type Finding, ok, problem, warning } from './finding.ts'

const DAY_MS = 86_400_000
const ANSWER_MS_MAX = 5_000

export const HOME_CHECKS: Record<string, Examine> = {
  home: checkHome,
  settings: inHome((home) => ok(`${Object.keys(home.config).length} settings are readable`)),
  folders: inHome(checkFolders),
  'clock and home': checkTimes,
  port: checkPort,
  daemon: checkDaemon,
  index: checkIndex,
}

async function checkHome(dir: string): Promise<Finding> {
  if (!isHome(dir)) return warning(`there is none at ${dir} yet`, 'run "dfs init", or mount a folder')
  const who = await identify(dir)
  const mode = statSync(dir).mode & 0o777
  if ((mode & 0o077) !== 0)
    return problem(`${dir} is open to other users (mode ${mode.toString(8)})`, `run "chmod 700 ${dir}"`)
  const uid = process.getuid?.() ?? 0
  const foreign = filesOf(dir).filter((file) => file.uid !== uid)
  if (uid !== 0 && foreign.length > 0)
    return problem(
      `${foreign.map(({ name }) => name).join(', ')} in ${dir} belong to another user`,
      `run "chown -R ${uid} ${dir}" as root`,
    )
  return ok(`${dir}, ${who}`)
}

/** Keys are read only where no passphrase is needed. */
async function identify(dir: string): Promise<string> {
  if (hasPassphrase(dir)) return 'keys under a passphrase'
  const { Home } = await import('../home.ts')
  return `device ${Home.open(dir).deviceId}`
}

/** Each folder is there, and is the one that is registered. */
async function checkFolders(home: HomeView): Promise<Finding> {
  const [missing, strange]: [string[], string[]] = [[], []]
  for (const { id, path } of home.folders.list()) {
    const found = await withinDeadline(folderAt(path), UNKNOWN)
    if (found === undefined) missing.push(path)
    else if (found !== UNKNOWN && found !== id) strange.push(path)
  }
  if (strange.length > 0) {
    return problem(
      `there is another folder, or none, at ${strange.join(', ')}`,
      'connect the disk it was on, or give it up with "dfs mount --yes"',
    )
  }
  if (missing.length === 0) return ok(`${home.folders.list().length} registered`)
  return warning(`not there: ${missing.join(', ')}`, 'connect the disk they are on, or mount them where they are now')
}

const UNKNOWN = 'unknown'

/** The id of the folder at a path; undefined if nothing is there, '' if it is no folder, `UNKNOWN` if that cannot be seen. */
async function folderAt(path: string): Promise<string | undefined> {
  const { readMarker } = await import('../../vfs/marker.ts')
  try {
    if (!(await stat(path)).isDirectory()) return ''
    return (await readMarker(path))?.id ?? ''
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : UNKNOWN
  }
}

/** What was written in the future was written by another clock. */
function checkTimes(dir: string): Finding {
  if (!isHome(dir)) return undefined
  const newest = Math.max(...filesOf(dir).map(({ mtimeMs }) => mtimeMs))
  if (newest <= Date.now() + DAY_MS) return ok('agree')
  return problem(
    `the clock is behind: the home was written to on ${new Date(newest).toISOString().slice(0, 10)}`,
    'set the clock ("timedatectl set-ntp true")',
  )
}

/** The home, and what is right in it; what goes meanwhile is left out. */
function filesOf(dir: string): { name: string; uid: number; mtimeMs: number }[] {
  return ['.', ...readdirSync(dir)].flatMap((name) => {
    const found = lstatSync(path.join(dir, name), { throwIfNoEntry: false })
    return found === undefined ? [] : [{ name, uid: found.uid, mtimeMs: found.mtimeMs }]
  })
}

/** While the daemon runs, it has the port itself. */
async function checkPort(dir: string): Promise<Finding> {
  if (!isHome(dir)) return undefined
  const [home, { chooseListenPlace }, { isSet }, { listOf }] = await Promise.all([
    viewHome(dir),
    import('../../net/listen.ts'),
    import('../config.ts'),
    import('../network-start.ts'),
  ])
  const { network, port, listenHosts } = home.config
  const address = readAddress(dir)
  if (network === 'off' || (address !== undefined && (await answers(address.socket)))) return undefined
  const hosts = listenHosts === 'all' ? undefined : listOf(listenHosts)
  try {
    const place = await chooseListenPlace({ port, explicit: isSet(home.configFile, 'port'), hosts })
    if (place.port === port) return ok(port === 0 ? 'any that is free' : `${port} is free`)
    return warning(
      `${port} is taken by another program, and ${place.port} will be used`,
      'end that program, or set "port"',
    )
  } catch (error) {
    if (kindOf(error) !== 'busy') throw error
    return problem(
      `${port} is taken by another program`,
      'end that program, or choose another with "dfs config set port"',
    )
  }
}

async function checkDaemon(dir: string): Promise<Finding> {
  const address = readAddress(dir)
  if (address === undefined) return ok('none runs; it starts when it is needed')
  if (await answers(address.socket)) return ok(`process ${address.pid} answers`)
  // One that was killed stays in /proc until its parent has looked at it, and runs no program any more.
  if (programOf(address.pid)?.file === undefined)
    return ok('the last one ended without notice; the next one goes on from its journal')
  return problem(
    `process ${address.pid} does not answer`,
    `see ${path.join(dir, 'daemon.log')}; if it is dfs and hangs, run "kill -9 ${address.pid}", then "dfs umount --force" for each mount that stays`,
  )
}

/** Under the home's lock: no daemon can start meanwhile and find the index in use. */
async function checkIndex(dir: string): Promise<Finding> {
  if (!isHome(dir)) return undefined
  const { HomeLock } = await import('../home-lock.ts')
  const { IndexDb } = await import('../../store/index-db.ts')
  try {
    using _lock = HomeLock.take(dir)
    const index = await IndexDb.open(path.join(dir, 'index'))
    await index.close()
    return ok(index.rebuilt ? 'is empty, and fills by itself' : 'opens')
  } catch (error) {
    if (kindOf(error) === 'locked') return ok('is in use by the daemon')
    return problem(describeError(error), `remove ${path.join(dir, 'index')}; it is made again from the stubs`)
  }
}

function inHome(examine: (home: HomeView) => Finding | Promise<Finding>): Examine {
  return async (dir) => (isHome(dir) ? examine(await viewHome(dir)) : undefined)
}

async function viewHome(dir: string): Promise<HomeView> {
  const { Home } = await import('../home.ts')
  return Home.view(dir)
}

/** For a mount may hang. */
function withinDeadline<T>(asked: Promise<T>, late: T): Promise<T> {
  return Promise.race([asked, delay(ANSWER_MS_MAX, late, { ref: false })])
}

/** Whether who listens there says something when greeted: one that hangs is still connected to. */
function answers(socket: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const connection = connect(socket)
  connection.write(encodeJsonFrame({ id: 1, method: 'hello', params: { version: CONTROL_VERSION } }))
  connection.once('data', () => resolve(true))
  connection.on('error', () => resolve(false)).setTimeout(ANSWER_MS_MAX, () => resolve(false))
  return promise.finally(() => connection.destroy())
}
