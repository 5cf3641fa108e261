/** `dfs config`: shows and changes settings. */
import type { Command } from 'commander'
import type { Setting } from '../../daemon/control-api.ts'
import type { App, ReportOptions } from '../app.ts'
import { formatTable } from '../output.ts'

export function registerConfig(program: Command, app: App): void {
  const config = program
    .command('config')
    .description('show and change settings')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs config get
  $ dfs config get versionDays
  $ dfs config set versionDays 90
  $ dfs config set versionDays default`,
    )
  config
    .command('get', { isDefault: true })
    .description('show all settings, or one')
    .argument('[key]', 'the setting')
    .option('--json', 'report as JSON')
    .addHelpText('after', '\nExamples:\n  $ dfs config get\n  $ dfs config get replicas --json')
    .action((key: string | undefined, options: ReportOptions) => runGet(app, key, options))
  config
    .command('set')
    .description('change a setting')
    .argument('<key>', 'the setting')
    .argument('<value>', 'its value, in the unit that the name says; "default" takes it back')
    .option('--json', 'report as JSON')
    .addHelpText('after', '\nExamples:\n  $ dfs config set offerBytes 50GB\n  $ dfs config set offerBytes default')
    .action((key: string, value: string, options: ReportOptions) => runSet(app, key, value, options))
}

async function runGet(app: App, key: string | undefined, options: ReportOptions): Promise<void> {
  const { settings } = await app.withDaemon((client) => client.call('configGet', { key }))
  app.report(options, settings, describe)
}

async function runSet(app: App, key: string, value: string, options: ReportOptions): Promise<void> {
  const result = await app.withDaemon((client) => client.call('configSet', { key, value }))
  app.report(options, result, ({ setting }) => describe([setting]))
  if (result.restartNeeded && !options.json)
    app.say('It counts from the next start of the daemon, after the last unmount.')
}

function describe(settings: Setting[]): string {
  return formatTable(settings.map(({ key, value, about }) => [key, String(value), about]))
}
