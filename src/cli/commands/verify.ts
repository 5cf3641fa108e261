/** `dfs verify`: reads every block and stub, and names what is damaged and the files it hits. */
import type { Command } from 'commander'
import type { VerifyResult } from '../../daemon/control-api.ts'
import type { App, ReportOptions } from '../app.ts'
import { formatCount } from '../output.ts'
import { resolvePath } from '../paths.ts'

export function registerVerify(program: Command, app: App): void {
  program
    .command('verify')
    .description('read every block and stub, and name what is damaged or missing and the files it hits')
    .argument('[path]', 'only files below this')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs verify
  $ dfs verify ~/cloud/photos --json`,
    )
    .action((path: string | undefined, options: ReportOptions) => runVerify(app, path, options))
}

async function runVerify(app: App, path: string | undefined, options: ReportOptions): Promise<void> {
  const params = { path: path && (await resolvePath(path)) }
  const result = await app.withDaemon(async (client) => {
    using bar = app.progressBar('verifying')
    return await client.call('verify', params, { onProgress: bar.onProgress })
  })
  if (result.damaged.length + result.missing.length + result.stubs.length > 0) app.outcome = 'problems-found'
  app.report(options, result, describe)
}

function describe({ blocks, elsewhere, damaged, missing, stubs }: VerifyResult): string {
  const away = elsewhere === 0 ? '' : `; ${elsewhere} more are kept by other devices`
  const lines = [`Read ${formatCount(blocks, 'block')}${away}`]
  for (const { cid, files } of damaged) lines.push(`damaged block ${cid}${hits(files)}`)
  for (const { cid, files } of missing) lines.push(`missing block ${cid}${hits(files)}`)
  for (const { path, why } of stubs) lines.push(`unreadable stub ${path}: ${why}`)
  if (lines.length === 1) lines.push('Everything is as it should be')
  return lines.join('\n')
}

function hits(files: string[]): string {
  return files.length === 0 ? ', which no file needs' : files.map((file) => `\n  needed by ${file}`).join('')
}
