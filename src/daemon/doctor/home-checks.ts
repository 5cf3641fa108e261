/** Whether the home is as it should be: its directory, keys, settings, folders, daemon, index and disk. Changes nothing but a broken index. */
import { existsSync, statfsSync, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describeError, kindOf } from '../../errors.ts'
import { isHome, readAddress } from '../address.ts'
import type { RegisteredFolder } from '../folder-registry.ts'
import type { Home } from '../home.ts'
import { type Examine, type Finding, ok, problem, warning } from './finding.ts'

const FREE_BYTES_MIN = 64 * 1024 * 1024
const FREE_BYTES_GOOD = 1024 * 1024 * 1024
const MIB = 1024 * 1024
const ANSWER_MS_MAX = 5_000

export const HOME_CHECKS: Record<string, Examine> = {
  home: checkHome,
  settings: inHome((home) => ok(`${Object.keys(home.config).length} settings are readable`)),
  folders: inHome(checkFolders),
  'disk space': checkSpace,
  daemon: checkDaemon,
  index: checkIndex,
}

async function checkHome(dir: string): Promise<Finding> {
  if (!isHome(dir)) return warning(`there is none at ${dir} yet`, 'run "dfs init", or mount a folder')
  const home = await openHome(dir)
  const mode = statSync(dir).mode & 0o777
  if ((mode & 0o077) !== 0)
    return problem(`${dir} is open to other users (mode ${mode.toString(8)})`, `run "chmod 700 ${dir}"`)
  return ok(`${home.dir}, device ${home.deviceId}`)
}

async function checkFolders(home: Home): Promise<Finding> {
  const missing: RegisteredFolder[] = []
  for (const folder of home.folders.list()) if (!(await isThere(folder.path))) missing.push(folder)
  if (missing.length === 0) return ok(`${home.folders.list().length} registered`)
  const names = missing.map(({ path }) => path).join(', ')
  return warning(`not there: ${names}`, 'connect the disk they are on, or mount them where they are now')
}

function checkSpace(dir: string): Finding {
  if (!isHome(dir)) return undefined
  const { bavail, bsize } = statfsSync(path.join(dir, 'blocks'))
  const free = bavail * bsize
  const finding = `${Math.floor(free / MIB)} MiB free for blocks`
  if (free < FREE_BYTES_MIN) return problem(finding, 'free space on that disk; "dfs gc" may help')
  return free < FREE_BYTES_GOOD ? warning(finding, 'free space on that disk soon') : ok(finding)
}

async function checkDaemon(dir: string): Promise<Finding> {
  const address = readAddress(dir)
  if (address === undefined) return ok('none runs; it starts when it is needed')
  if (await answers(address.socket)) return ok(`process ${address.pid} answers`)
  if (!existsSync(`/proc/${address.pid}`))
    return ok('the last one ended without notice; the next one goes on from its journal')
  return warning(
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

function inHome(examine: (home: Home) => Finding | Promise<Finding>): Examine {
  return async (dir) => (isHome(dir) ? examine(await openHome(dir)) : undefined)
}

async function openHome(dir: string): Promise<Home> {
  const { Home } = await import('../home.ts')
  return Home.open(dir)
}

/** Asked with a deadline, for a mount may hang. */
function isThere(path: string): Promise<boolean> {
  const there = stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  )
  return Promise.race([there, delay(ANSWER_MS_MAX, true, { ref: false })])
}

function answers(socket: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const connection = connect(socket, () => resolve(true))
  connection.on('error', () => resolve(false)).setTimeout(ANSWER_MS_MAX, () => resolve(false))
  return promise.finally(() => connection.destroy())
}
