/** `dfs wait`: returns when files are safe on other devices. */
import type { Command } from 'commander'
import { DfsError } from '../../errors.ts'
import type { App, ReportOptions } from '../app.ts'
import { formatBytes, formatCount } from '../output.ts'
import { resolvePath } from '../paths.ts'

interface WaitOptions extends ReportOptions {
  replicas?: string
  timeout?: string
}

export function registerWait(program: Command, app: App): void {
  program
    .command('wait')
    .description('return when files are safe on other devices')
    .argument('<path>', 'a file or directory')
    .option('--replicas <n>', 'on how many (else as "dfs config get replicas" says)')
    .option('--timeout <s>', 'give up after so many seconds')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Of all devices of another owner together one counts, for who does not own them cannot tell whether they share a disk.

Examples:
  $ dfs wait ~/cloud
  $ dfs wait ~/cloud/thesis.tex --replicas 1 --timeout 60`,
    )
    .action((path: string, options: WaitOptions) => runWait(app, path, options))
}

async function runWait(app: App, typed: string, { replicas, timeout, json }: WaitOptions): Promise<void> {
  const params = {
    path: await resolvePath(typed),
    replicas: parseCount('--replicas', replicas),
    timeoutSeconds: parseCount('--timeout', timeout),
  }
  const result = await app.withDaemon(async (client) => {
    using bar = app.progressBar('waiting')
    return await client.call('wait', params, { onProgress: bar.onProgress })
  })
  app.report({ json }, result, ({ files, bytes, replicas }) => {
    const devices = formatCount(replicas, 'other device')
    return `On ${devices} at least: ${formatCount(files, 'file')}, ${formatBytes(bytes)}`
  })
  if (result.plainFiles > 0 && !json) {
    app.say(`${formatCount(result.plainFiles, 'plain file')} not taken in yet, and on no other device; see "dfs add".`)
  }
}

function parseCount(option: string, text: string | undefined): number | undefined {
  if (text === undefined || /^\d{1,9}$/.test(text)) return text === undefined ? undefined : Number(text)
  throw new DfsError('usage', `${option} takes a whole number, not "${text}"`, { mend: 'see "dfs wait --help"' })
}
