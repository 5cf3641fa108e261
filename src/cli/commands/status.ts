/** `dfs status`: folders, files, and what they take on disk. */
import type { Command } from 'commander'
import type { FolderStatus, StatusResult } from '../../daemon/control-api.ts'
import type { App, ReportOptions } from '../app.ts'
import { formatBytes, formatCount, formatTable } from '../output.ts'
import { resolvePath } from '../paths.ts'
import { describeNetwork } from './devices.ts'

export function registerStatus(program: Command, app: App): void {
  program
    .command('status')
    .description('show folders, files, and what they take on disk')
    .argument('[path]', 'only the folder this is in; of a file, its state too')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs status
  $ dfs status ~/cloud/report.pdf --json`,
    )
    .action((path: string | undefined, options: ReportOptions) => runStatus(app, path, options))
}

async function runStatus(app: App, path: string | undefined, options: ReportOptions): Promise<void> {
  const params = { path: path && (await resolvePath(path)) }
  const status = await app.withDaemon((client) => client.call('status', params))
  app.report(options, status, describe)
}

function describe({ home, folders, store, network, file }: StatusResult): string {
  const { blocks, bytes, diskFreeBytes } = store
  return [
    ...(file === undefined ? [] : [`${file.path}: ${file.state}, ${formatBytes(file.size)}`, '']),
    ...(folders.length === 0 ? ['no folders yet; "dfs mount FOLDER" makes one'] : folders.map(describeFolder)),
    '',
    `home   ${home}`,
    `store  ${formatCount(blocks, 'block')}, ${formatBytes(bytes)}; ${formatBytes(diskFreeBytes)} free on its disk`,
    describeNetwork(network),
  ].join('\n')
}

function describeFolder(folder: FolderStatus): string {
  const { files, logicalBytes, storedBytes, journalBytes, problem, mountpoint } = folder
  const state =
    mountpoint === undefined
      ? 'not mounted'
      : `mounted${mountpoint === folder.folder ? '' : ` at ${mountpoint}`} (${folder.driver})`
  if (problem !== undefined) return `${folder.folder}  ${state}\n${formatTable([['  problem', problem]])}`
  const rows = [
    ['  files', String(files)],
    ['  size', `${formatBytes(logicalBytes)}, stored ${formatBytes(storedBytes)}`],
    ['  in the journal', formatBytes(journalBytes)],
  ]
  return `${folder.folder}  ${state}\n${formatTable(rows)}`
}
