/** `dfs history` and `dfs restore`: earlier versions of files, deleted ones too. */
import type { Command } from 'commander'
import type { App, ReportOptions } from '../app.ts'
import { formatBytes, formatTable } from '../output.ts'
import { resolvePath } from '../paths.ts'

interface RestoreOptions extends ReportOptions {
  at?: string
}

export function registerHistory(program: Command, app: App): void {
  program
    .command('history')
    .description('list the earlier versions of a file, deleted files too')
    .argument('<path>', 'the file')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs history ~/cloud/report.txt`,
    )
    .action((path: string, options: ReportOptions) => runHistory(app, path, options))
}

export function registerRestore(program: Command, app: App): void {
  program
    .command('restore')
    .description('bring an earlier version of a file back; the present one becomes a version')
    .argument('<path>', 'the file')
    .option('--at <time>', 'which version, as "dfs history" shows it (else the newest)')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs restore ~/cloud/report.txt
  $ dfs restore ~/cloud/report.txt --at 2026-01-31T12:00:00.000Z`,
    )
    .action((path: string, options: RestoreOptions) => runRestore(app, path, options))
}

async function runHistory(app: App, typed: string, options: ReportOptions): Promise<void> {
  const path = await resolvePath(typed)
  const history = await app.withDaemon((client) => client.call('history', { path }))
  app.report(options, history, ({ versions }) =>
    versions.length === 0
      ? 'no earlier versions'
      : formatTable(versions.map(({ time, size }) => [time, formatBytes(size)])),
  )
}

async function runRestore(app: App, typed: string, { at, ...options }: RestoreOptions): Promise<void> {
  const path = await resolvePath(typed)
  const restored = await app.withDaemon((client) => client.call('restore', { path, at }))
  app.report(options, restored, ({ path, time, size }) => `Restored ${path} as of ${time}, ${formatBytes(size)}`)
}
