/** `dfs daemon`: runs the daemon in the foreground, as a service manager wants it. */
import type { Command } from 'commander'
import { isHome } from '../../daemon/control-api.ts'
import { DfsError } from '../../errors.ts'
import type { App } from '../app.ts'
import { connectRunning, runInForeground } from '../start-daemon.ts'

interface DaemonOptions {
  stop?: boolean
}

const END_MS = 60_000

export function registerDaemon(program: Command, app: App): void {
  program
    .command('daemon')
    .description('run the daemon in the foreground until it is told to stop; other commands start one by themselves')
    .option('--foreground', 'the same: it always is')
    .option('--stop', 'end the running daemon: unmounts and stores everything first')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs daemon             stays when nothing is mounted; Ctrl-C or SIGTERM ends it in good order
  $ dfs daemon --stop`,
    )
    .action(({ stop }: DaemonOptions) => (stop ? runStop(app) : runDaemon(app)))
}

async function runDaemon(app: App): Promise<void> {
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
  if ((await runInForeground(home)) !== 0)
    throw new DfsError('io', 'the daemon failed', { mend: 'it has said why above' })
}

async function runStop(app: App): Promise<void> {
  const client = await connectRunning(await app.home())
  if (client === undefined) throw new DfsError('not-running', 'no daemon runs for this home')
  await client.call('stop', {})
  await client.awaitEnd(END_MS)
}
