/** `dfs conflicts`: files that two devices changed without knowing of each other. */
import type { Command } from 'commander'
import type { App, ReportOptions } from '../app.ts'
import { formatCount, formatTable } from '../output.ts'
import { resolvePath } from '../paths.ts'

export function registerConflicts(program: Command, app: App): void {
  const conflicts = program
    .command('conflicts')
    .description('show files that two of your devices changed at once, or settle one')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs conflicts
  $ dfs conflicts keep "~/cloud/plan (conflict laptop 2026-11-23).txt"`,
    )
  conflicts
    .command('list', { isDefault: true })
    .description('show them, in a folder or in all that are mounted')
    .argument('[path]', 'a folder, or a directory in one')
    .option('--json', 'report as JSON')
    .addHelpText('after', '\nExamples:\n  $ dfs conflicts list ~/cloud')
    .action((path: string | undefined, options: ReportOptions) => runConflicts(app, path, options))
  conflicts
    .command('keep')
    .description('keep one of the versions, under the name that both want; dfs history still has the others')
    .argument('<file>', 'the version to keep: the copy, or the file that it is beside')
    .option('--json', 'report as JSON')
    .addHelpText('after', '\nExamples:\n  $ dfs conflicts keep ~/cloud/plan.txt')
    .action((file: string, options: ReportOptions) => runKeep(app, file, options))
}

async function runConflicts(app: App, at: string | undefined, options: ReportOptions): Promise<void> {
  const path = at && (await resolvePath(at))
  const result = await app.withDaemon((client) => client.call('conflicts', { path }))
  app.report(options, result, ({ conflicts }) =>
    conflicts.length === 0
      ? 'there are no conflicts'
      : formatTable(conflicts.map(({ path: copy, original }) => [copy, `beside ${original}`])),
  )
}

async function runKeep(app: App, file: string, options: ReportOptions): Promise<void> {
  const path = await resolvePath(file)
  const result = await app.withDaemon((client) => client.call('conflictsKeep', { path }))
  app.report(options, result, (kept) => `Kept as ${kept.path}; ${formatCount(kept.removed, 'other version')} gone`)
}
