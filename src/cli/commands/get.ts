/** `dfs get` and `dfs cat`: the original that a stub stands for, without a mount. */
import { once } from 'node:events'
import path from 'node:path'
import type { Command } from 'commander'
import type { App } from '../app.ts'
import { formatBytes } from '../output.ts'
import { resolvePath } from '../paths.ts'
import { ReceivedFile } from '../received-file.ts'

interface GetOptions {
  out?: string
  force?: boolean
  json?: boolean
}

export function registerGet(program: Command, app: App): void {
  program
    .command('get')
    .description('write the original that a stub stands for, without a mount')
    .argument('<stub>', 'NAME.f or NAME')
    .option('-o, --out <out>', 'file or directory to write to (else NAME, here)')
    .option('--force', 'replace what is there')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs get ~/cloud/report.pdf.f -o /tmp
  $ dfs get report.pdf.f -o copy.pdf`,
    )
    .action((stub: string, options: GetOptions) => runGet(app, stub, options))
}

export function registerCat(program: Command, app: App): void {
  program
    .command('cat')
    .description('write the original that a stub stands for to standard output')
    .argument('<stub>', 'NAME.f or NAME')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs cat ~/cloud/backup.tar.f | tar -x`,
    )
    .action((stub: string) => runCat(app, stub))
}

async function runGet(app: App, stub: string, { out, force = false, json }: GetOptions): Promise<void> {
  const name = path.basename(stub).replace(/\.f$/, '')
  await using file = await ReceivedFile.create({ out: out ?? '.', name, force })
  const { size, mode, mtimeMs } = await app.withDaemon(async (client) => {
    using bar = app.progressBar(name)
    const onBytes = (bytes: Buffer) => file.write(bytes)
    return await client.call('read', { path: await resolvePath(stub) }, { onBytes, onProgress: bar.onProgress })
  })
  await file.keep({ mode, mtimeMs })
  app.report({ json }, { out: file.path, size }, () => `Wrote ${file.path}, ${formatBytes(size)}`)
}

async function runCat(app: App, stub: string): Promise<void> {
  const { stdout } = app.streams
  let readerLeft = false
  const onError = () => {
    readerLeft = true
  }
  stdout.on('error', onError)
  try {
    await app.withDaemon(async (client) => {
      const onBytes = async (bytes: Buffer) => {
        if (readerLeft) client.close()
        else if (!stdout.write(bytes)) await Promise.race([once(stdout, 'drain'), once(stdout, 'close')])
      }
      await client.call('read', { path: await resolvePath(stub) }, { onBytes })
    })
  } catch (error) {
    // As with `head`: a reader that has enough is no failure.
    if (!readerLeft) throw error
  } finally {
    stdout.off('error', onError)
  }
}
