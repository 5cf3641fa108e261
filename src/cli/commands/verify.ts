/** `dfs verify`: reads every block and stub, names what is damaged and the files it hits, and repairs it where asked to; or has other devices do so. */
import type { Command } from 'commander'
import type { AuditedHolder, DamagedBlock, VerifyResult } from '../../daemon/control-api.ts'
import type { App, ReportOptions } from '../app.ts'
import { formatCount, formatTable } from '../output.ts'
import { resolvePath } from '../paths.ts'

interface VerifyOptions extends ReportOptions {
  repair?: boolean
  peers?: true
}

export function registerVerify(program: Command, app: App): void {
  program
    .command('verify')
    .description('read every block and stub, and name what is damaged or missing and the files it hits')
    .argument('[path]', 'only files below this')
    .option('--repair', 'fetch damaged and missing blocks again from other devices')
    .option('--peers', 'have other devices prove that they have what they keep for this one, instead')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
With --peers each device that keeps blocks for this one has to read them, and to show parts of them that nobody could foresee.
What it cannot show is copied to others.

Examples:
  $ dfs verify
  $ dfs verify --repair
  $ dfs verify --peers
  $ dfs verify ~/cloud/photos --json`,
    )
    .action((path: string | undefined, options: VerifyOptions) =>
      options.peers ? runVerifyPeers(app, path, options) : runVerify(app, path, options),
    )
}

async function runVerify(app: App, path: string | undefined, options: VerifyOptions): Promise<void> {
  const params = { path: path && (await resolvePath(path)), repair: options.repair }
  const result = await app.withDaemon(async (client) => {
    using bar = app.progressBar('verifying')
    return await client.call('verify', params, { onProgress: bar.onProgress })
  })
  if (result.damaged.length + result.missing.length + result.stubs.length > 0) app.outcome = 'problems-found'
  app.report(options, result, describe)
}

async function runVerifyPeers(app: App, path: string | undefined, options: ReportOptions): Promise<void> {
  const params = { path: path && (await resolvePath(path)) }
  const result = await app.withDaemon(async (client) => {
    using bar = app.progressBar('auditing')
    return await client.call('verifyPeers', params, { onProgress: bar.onProgress })
  })
  if (result.holders.some(({ failed }) => failed > 0)) app.outcome = 'problems-found'
  app.report(options, result, describeHolders)
}

function describeHolders({ holders }: { holders: AuditedHolder[] }): string {
  if (holders.length === 0) return 'No other device keeps any of it'
  const rows = holders.map(({ name, blocks, good, failed, unreachable }) => {
    const told = [`${good} good`, `${failed} failed`, `${unreachable} not reached`]
    return [name, formatCount(blocks, 'block'), ...told]
  })
  const failed = holders.reduce((sum, holder) => sum + holder.failed, 0)
  const lost = `${formatCount(failed, 'block')} lost by others: copied again from here, or from whoever has them`
  return [formatTable(rows), ...(failed > 0 ? [lost] : [])].join('\n')
}

function describe({ blocks, elsewhere, repaired, damaged, missing, stubs }: VerifyResult): string {
  const away = elsewhere === 0 ? '' : `; ${elsewhere} more are kept by other devices`
  const lines = [`Read ${formatCount(blocks, 'block')}${away}`]
  if (repaired > 0) lines.push(`Repaired ${formatCount(repaired, 'block')}`)
  for (const block of damaged) lines.push(`damaged block ${describeBlock(block)}`)
  for (const block of missing) lines.push(`missing block ${describeBlock(block)}`)
  for (const { path, why } of stubs) lines.push(`unreadable stub ${path}: ${why}`)
  if (damaged.length + missing.length + stubs.length === 0) lines.push('Everything is as it should be')
  return lines.join('\n')
}

function describeBlock({ cid, files, why }: DamagedBlock): string {
  const reason = why === undefined ? '' : `: not repaired: ${why}`
  const hits = files.length === 0 ? ', which no file needs' : files.map((file) => `\n  needed by ${file}`).join('')
  return `${cid}${reason}${hits}`
}
