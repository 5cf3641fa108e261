/** `dfs hydrate`, `dfs pin`, `dfs unpin`: what is to be on this device. */
import type { Command } from 'commander'
import type { HydrateResult } from '../../daemon/control-api.ts'
import type { App, ReportOptions } from '../app.ts'
import { formatBytes, formatCount } from '../output.ts'
import { resolvePath } from '../paths.ts'

export function registerHydrate(program: Command, app: App): void {
  program
    .command('hydrate')
    .description('bring files back whole, from the devices that have them')
    .argument('<path...>', 'files and directories')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
See "dfs config get downBytesPerSecond" for how fast.

Examples:
  $ dfs hydrate ~/cloud/films/holiday.mp4`,
    )
    .action((paths: string[], options: ReportOptions) => runHydrate(app, paths, options))
}

export function registerPin(program: Command, app: App): void {
  program
    .command('pin')
    .description('bring files here and keep them here, whatever is evicted')
    .argument('<path...>', 'files and directories; of a directory, the files that it has now')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
A pin belongs to the file, also when it is renamed, moved or changed.

Examples:
  $ dfs pin ~/cloud/work
  $ dfs unpin ~/cloud/work/2019`,
    )
    .action((paths: string[], options: ReportOptions) => runPin(app, paths, options))
}

export function registerUnpin(program: Command, app: App): void {
  program
    .command('unpin')
    .description('let files be evicted again')
    .argument('<path...>', 'files and directories')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs unpin ~/cloud/work`,
    )
    .action((paths: string[], options: ReportOptions) => runUnpin(app, paths, options))
}

async function runHydrate(app: App, typed: string[], options: ReportOptions): Promise<void> {
  const paths = await resolveAll(typed)
  const result = await app.withDaemon(async (client) => {
    using bar = app.progressBar('hydrating')
    return await client.call('hydrate', { paths }, { onProgress: bar.onProgress })
  })
  if (result.failed.length > 0) app.outcome = 'incomplete'
  app.report(options, result, describeHydrated)
}

async function runPin(app: App, typed: string[], options: ReportOptions): Promise<void> {
  const paths = await resolveAll(typed)
  const result = await app.withDaemon(async (client) => {
    using bar = app.progressBar('hydrating')
    return await client.call('pin', { paths }, { onProgress: bar.onProgress })
  })
  if (result.hydrated.failed.length > 0) app.outcome = 'incomplete'
  app.report(
    options,
    result,
    ({ files, hydrated }) => `Pinned ${formatCount(files, 'file')}\n${describeHydrated(hydrated)}`,
  )
}

async function runUnpin(app: App, typed: string[], options: ReportOptions): Promise<void> {
  const paths = await resolveAll(typed)
  const result = await app.withDaemon((client) => client.call('unpin', { paths }))
  app.report(options, result, ({ changed }) => `Unpinned ${formatCount(changed, 'file')}`)
}

function resolveAll(typed: string[]): Promise<string[]> {
  return Promise.all(typed.map(resolvePath))
}

/** What is here, then a line for each file that could not be brought. */
export function describeHydrated({ files, bytes, failed }: HydrateResult): string {
  const lines = failed.map(({ path, why }) => `not whole: ${path}: ${why}`)
  return [`${formatCount(files, 'file')} here whole, ${formatBytes(bytes)} fetched`, ...lines].join('\n')
}
