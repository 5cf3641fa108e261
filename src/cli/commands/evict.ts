/** `dfs evict`: frees the space that files take here, of what is safe on other devices. */
import type { Command } from 'commander'
import type { EvictResult } from '../../daemon/control-api.ts'
import type { App, ReportOptions } from '../app.ts'
import { formatBytes, formatCount } from '../output.ts'
import { resolvePath } from '../paths.ts'

export function registerEvict(program: Command, app: App): void {
  program
    .command('evict')
    .description('free the space that files take here, of what is safe on other devices')
    .argument('<path...>', 'files and directories')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Files stay where they are, and open as before: what they hold is fetched when it is read. What too few other devices are bound to keep
stays here: see "dfs config get replicas". What is pinned stays, too.

Examples:
  $ dfs evict ~/cloud/films
  $ dfs wait ~/cloud/films && dfs evict ~/cloud/films`,
    )
    .action((paths: string[], options: ReportOptions) => runEvict(app, paths, options))
}

async function runEvict(app: App, typed: string[], options: ReportOptions): Promise<void> {
  const paths = await Promise.all(typed.map(resolvePath))
  const result = await app.withDaemon(async (client) => {
    using bar = app.progressBar('evicting')
    return await client.call('evict', { paths }, { onProgress: bar.onProgress })
  })
  if (result.kept.length > 0) app.outcome = 'incomplete'
  app.report(options, result, describeEvicted)
}

/** Why something stays, and what to do about it. */
const REASONS: Readonly<Record<string, string>> = {
  'too-few-holders': 'not safe on enough other devices yet; "dfs wait PATH" says when',
  pinned: 'pinned; "dfs unpin PATH" lets go',
  dirty: 'being written; try again when the programs have closed it',
  holding: 'kept for another device, which was promised that',
  'in-use': 'in use now; try again later',
  busy: 'asked about already; try again later',
  unreachable: 'its holders do not answer now; see "dfs peers"',
  unreadable: 'its stub cannot be read; see "dfs verify"',
}

/** What went, then a line for each reason why something stays. */
export function describeEvicted({ files, bytes, kept }: EvictResult): string {
  const lines = kept.map(({ why, files }) => `${formatCount(files, 'file')} not evicted: ${REASONS[why] ?? why}`)
  return [`Evicted ${formatCount(files, 'file')}, ${formatBytes(bytes)} freed`, ...lines].join('\n')
}
