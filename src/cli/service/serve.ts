/**
 * The daemon as a service: runs it in the foreground, mounts the folders it is to serve, and tells the service manager
 * when they are there, and then, as long as the daemon answers, that it lives.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { hasPassphrase } from '../../daemon/control-api.ts'
import { DfsError, describeError } from '../../errors.ts'
import { warn } from '../../log.ts'
import type { App } from '../app.ts'
import { fromWire } from '../client.ts'
import { formatCount } from '../output.ts'
import { connectRunning, startInForeground } from '../start-daemon.ts'
import { ServiceManager } from './manager.ts'

/** A folder, and where it is mounted if not over itself. */
export interface ServedFolder {
  readonly folder: string
  readonly mountpoint: string | undefined
}

/** A folder that cannot be mounted may be on a disk that comes later. */
const RETRY_MS = 30_000
/** Of the time in which the manager wants word. */
const WATCHDOG_SHARE = 1 / 3

/** Resolves once the daemon has ended in good order. Fails as its start does, and with `io` if it fails later. */
export async function serve(app: App, home: string, folders: readonly ServedFolder[]): Promise<void> {
  if (!hasPassphrase(home)) return await serveWith(app, home, folders, undefined)
  await app.passphrases.withPresent(home, (passphrase) => serveWith(app, home, folders, passphrase))
}

async function serveWith(
  app: App,
  home: string,
  folders: readonly ServedFolder[],
  passphrase: string | undefined,
): Promise<void> {
  const manager = new ServiceManager(app.streams.env)
  let isStopping = false
  const onSignal = () => {
    isStopping = true
    void manager.tell('STOPPING=1')
  }
  await using daemon = startInForeground(home, { onSignal, passphrase })
  const readiness = await daemon.ready
  if ('error' in readiness && isStopping) return // Told to end before it had begun.
  if ('error' in readiness) throw fromWire(readiness.error)
  const over = new AbortController()
  const work = [tellAlive(home, manager, over.signal), keepMounting(home, manager, folders, over.signal)]
  const code = await daemon.ended
  over.abort()
  await Promise.all(work)
  if (code !== 0) throw new DfsError('io', 'the daemon failed', { mend: 'it has said why above' })
}

/** Ready once each folder was tried; those that could not be mounted are tried again until they are. */
async function keepMounting(
  home: string,
  manager: ServiceManager,
  folders: readonly ServedFolder[],
  signal: AbortSignal,
): Promise<void> {
  const problems = new Map<ServedFolder, string>()
  let left = folders
  for (let isFirst = true; isFirst || left.length > 0; isFirst = false) {
    if (!isFirst && !(await pause(RETRY_MS, signal))) return
    left = await mountEach(home, left, problems)
    if (signal.aborted) return
    const status = `STATUS=${describeServed(folders, left, problems)}`
    await manager.tell(...(isFirst ? ['READY=1'] : []), status)
  }
}

/** Gives those that are still to be mounted. A reason is said once. */
async function mountEach(
  home: string,
  folders: readonly ServedFolder[],
  problems: Map<ServedFolder, string>,
): Promise<ServedFolder[]> {
  const left: ServedFolder[] = []
  for (const served of folders) {
    try {
      const client = await connectRunning(home)
      if (client === undefined) return [...folders] // It ends just now.
      try {
        await client.call('mount', served)
      } finally {
        client.close()
      }
    } catch (error) {
      const problem = describeError(error)
      if (problems.get(served) !== problem) warn(`not mounted, and will be tried again: ${problem}`)
      problems.set(served, problem)
      left.push(served)
    }
  }
  return left
}

function describeServed(
  folders: readonly ServedFolder[],
  left: readonly ServedFolder[],
  problems: ReadonlyMap<ServedFolder, string>,
): string {
  if (left.length === 0) return `${formatCount(folders.length, 'folder')} mounted`
  const reasons = left.map((served) => problems.get(served) ?? served.folder)
  return `${folders.length - left.length} of ${formatCount(folders.length, 'folder')} mounted; ${reasons.join('; ')}`
}

/** Asks the daemon something over its socket, and tells of the answer: one that hangs is not told of. */
async function tellAlive(home: string, manager: ServiceManager, signal: AbortSignal): Promise<void> {
  if (manager.watchdogMs === undefined) return
  do {
    const answered = connectRunning(home).then(
      (client) => client?.close(),
      () => undefined, // It ends, and says so.
    )
    await Promise.race([answered, aborted(signal)])
    await manager.tell('WATCHDOG=1')
  } while (await pause(manager.watchdogMs * WATCHDOG_SHARE, signal))
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) resolve()
  else signal.addEventListener('abort', () => resolve(), { once: true })
  return promise
}

/** False if the signal fires before. */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return delay(ms, true, { signal }).catch(() => false)
}
