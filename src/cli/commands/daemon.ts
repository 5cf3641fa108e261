/** `dfs daemon`: runs the daemon in the foreground, as a service manager wants it. */
import type { Command } from 'commander'
import { isHome } from '../../daemon/control-api.ts'
import { DfsError } from '../../errors.ts'
import type { App } from '../app.ts'
import { resolvePath } from '../paths.ts'
import { type ServedFolder, serve } from '../service/serve.ts'
import { connectRunning } from '../start-daemon.ts'

interface DaemonOptions {
  stop?: boolean
}

const END_MS = 60_000

export function registerDaemon(program: Command, app: App): void {
  const folders: ServedFolder[] = []
  program
    .command('daemon')
    .description('run the daemon in the foreground until it is told to stop; other commands start one by themselves')
    .option('--foreground', 'the same: it always is')
    .option('--mount <folder>', 'mount a folder, as soon as that can be done; may be given several times', (folder) => {
      folders.push({ folder, mountpoint: undefined })
    })
    .option('--at <mountpoint>', 'where to mount the folder named before it (else over the folder itself)', (at) => {
      placeLast(folders, at)
    })
    .option('--stop', 'end the running daemon: unmounts and stores everything first')
    .addHelpText(
      'after',
      `
A service manager that asks for it (sd_notify) is told when the folders are mounted, and that the daemon lives. "dfs service
install" sets that up.

Examples:
  $ dfs daemon                      stays when nothing is mounted; Ctrl-C or SIGTERM ends it in good order
  $ dfs daemon --mount ~/cloud --mount ~/work --at /mnt/work
  $ dfs daemon --stop`,
    )
    .action(({ stop }: DaemonOptions) => (stop ? runStop(app) : runDaemon(app, folders)))
}

function placeLast(folders: ServedFolder[], mountpoint: string): void {
  const last = folders.pop()
  if (last === undefined || last.mountpoint !== undefined) {
    throw new DfsError('usage', '--at says where the folder of the --mount before it goes', {
      mend: 'see "dfs daemon --help"',
    })
  }
  folders.push({ ...last, mountpoint })
}

async function runDaemon(app: App, typed: readonly ServedFolder[]): Promise<void> {
  const home = await app.home()
  if (!isHome(home))
    throw new DfsError('not-found', 'there is no dfs home here', { subject: home, mend: 'run "dfs init" first' })
  const running = await connectRunning(home)
  if (running !== undefined) {
    running.close()
    throw new DfsError('locked', 'a daemon works in this home already', {
      subject: home,
      mend: 'end it with "dfs daemon --stop"',
    })
  }
  const resolve = async ({ folder, mountpoint }: ServedFolder) => ({
    folder: await resolvePath(folder),
    mountpoint: mountpoint && (await resolvePath(mountpoint)),
  })
  await serve(app, home, await Promise.all(typed.map(resolve)))
}

async function runStop(app: App): Promise<void> {
  const client = await connectRunning(await app.home())
  if (client === undefined) throw new DfsError('not-running', 'no daemon runs for this home')
  await client.call('stop', {})
  await client.awaitEnd(END_MS)
}
