/** `dfs add`: replaces plain files by stubs. */
import type { Command } from 'commander'
import type { AddResult } from '../../daemon/control-api.ts'
import type { App } from '../app.ts'
import { formatBytes, formatCount } from '../output.ts'
import { resolvePath } from '../paths.ts'

interface AddOptions {
  keep?: boolean
  json?: boolean
}

export function registerAdd(program: Command, app: App): void {
  program
    .command('add')
    .description('replace plain files by stubs, in folders that are mounted or not; a new directory becomes a folder')
    .argument('<path...>', 'files and directories; of directories, all below them')
    .option('--keep', 'leave the originals where they are')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs add ~/photos                   makes ~/photos a folder of dfs, without mounting it
  $ dfs add ~/cloud/new.iso ~/cloud/src`,
    )
    .action((paths: string[], options: AddOptions) => runAdd(app, paths, options))
}

async function runAdd(app: App, typed: string[], { keep, json }: AddOptions): Promise<void> {
  const paths = await Promise.all(typed.map(resolvePath))
  const added = await app.withDaemon(async (client) => {
    using bar = app.progressBar('adding')
    return await client.call('add', { paths, keep }, { onProgress: bar.onProgress })
  })
  app.report({ json }, added, describeAdded)
}

export function describeAdded({ files, bytes, skipped }: AddResult): string {
  const lines = [`Added ${formatCount(files, 'file')}, ${formatBytes(bytes)}`]
  for (const { path, why } of skipped) lines.push(`skipped ${path}: ${why}`)
  return lines.join('\n')
}
