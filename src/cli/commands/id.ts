/** `dfs id`: this device, its owner and its home. */
import type { Command } from 'commander'
import type { App, ReportOptions } from '../app.ts'
import { formatTable } from '../output.ts'

export function registerId(program: Command, app: App): void {
  program
    .command('id')
    .description('show this device, its owner and its home')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs id --json`,
    )
    .action((options: ReportOptions) => runId(app, options))
}

async function runId(app: App, options: ReportOptions): Promise<void> {
  const identity = await app.withDaemon((client) => client.call('id', {}))
  app.report(options, identity, ({ device, name, owner, home }) =>
    formatTable([
      ['device', device],
      ['name', name],
      ['owner', owner],
      ['home', home],
    ]),
  )
}
