/** `dfs gc`: deletes blocks that nothing needs any more. */
import type { Command } from 'commander'
import type { App, ReportOptions } from '../app.ts'
import { formatBytes, formatCount } from '../output.ts'

export function registerGc(program: Command, app: App): void {
  program
    .command('gc')
    .description('let old versions go, and delete blocks that nothing has needed for a while')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Versions stay for an hour, then one an hour for a day, one a day for thirty days, then one a week: see
"dfs config get versionDays" and "dfs config get versionBytes". A block that
nothing needs stays for a while: see "dfs config get gcGraceMinutes".

Examples:
  $ dfs gc`,
    )
    .action((options: ReportOptions) => runGc(app, options))
}

async function runGc(app: App, options: ReportOptions): Promise<void> {
  const result = await app.withDaemon(async (client) => {
    using bar = app.progressBar('collecting')
    return await client.call('gc', {}, { onProgress: bar.onProgress })
  })
  app.report(options, result, ({ blocks, bytes, keptByGrace, versions }) => {
    const expired = versions === 0 ? '' : `Let go of ${formatCount(versions, 'old version')}\n`
    const kept =
      keptByGrace === 0 ? '' : `; ${formatCount(keptByGrace, 'more block')} will go when the grace period is over`
    return `${expired}Deleted ${formatCount(blocks, 'block')}, ${formatBytes(bytes)}${kept}`
  })
}
