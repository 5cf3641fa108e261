/** `dfs status`: folders, files, and what they take on disk. */
import type { Command } from 'commander'
import type { ContentStates, FolderStatus, ReplicationStatus, StatusResult } from '../../daemon/control-api.ts'
import type { App, ReportOptions } from '../app.ts'
import { formatBytes, formatCount, formatSeconds, formatTable } from '../output.ts'
import { resolvePath } from '../paths.ts'
import { describeNetwork } from './devices.ts'

export function registerStatus(program: Command, app: App): void {
  program
    .command('status')
    .description('show folders and files, what they take on disk, and on how many other devices they are')
    .argument('[path]', 'only the folder this is in, and the state of what is at and below it')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
A file is "local", "replicated N/M" (all of it is here, and safe on N other devices, of M that are wanted), or "evicted" (not all
of it is here); "dirty" while it is being stored.

Examples:
  $ dfs status
  $ dfs status ~/cloud/films
  $ dfs status ~/cloud/report.pdf --json`,
    )
    .action((path: string | undefined, options: ReportOptions) => runStatus(app, path, options))
}

async function runStatus(app: App, path: string | undefined, options: ReportOptions): Promise<void> {
  const params = { path: path && (await resolvePath(path)) }
  const status = await app.withDaemon((client) => client.call('status', params))
  app.report(options, status, describe)
}

function describe({ home, folders, store, network, replication, file, below }: StatusResult): string {
  const { blocks, bytes, diskFreeBytes } = store
  return [
    ...replication.problems.map((problem) => `problem: ${problem}`),
    ...(file === undefined ? [] : [`${file.path}: ${file.state}, ${formatBytes(file.size)}`, '']),
    ...(file !== undefined || below === undefined ? [] : [below.path, formatTable(rowsOf(below.content)), '']),
    ...(folders.length === 0 ? ['no folders yet; "dfs mount FOLDER" makes one'] : folders.map(describeFolder)),
    '',
    `home   ${home}`,
    `store  ${formatCount(blocks, 'block')}, ${formatBytes(bytes)}; ${formatBytes(diskFreeBytes)} free on its disk`,
    describeNetwork(network),
    ...describeReplication(replication, network.members),
  ].join('\n')
}

function describeFolder(folder: FolderStatus): string {
  const { files, logicalBytes, storedBytes, journalBytes, problem, mountpoint, content } = folder
  const state =
    mountpoint === undefined
      ? 'not mounted'
      : `mounted${mountpoint === folder.folder ? '' : ` at ${mountpoint}`} (${folder.driver})`
  if (problem !== undefined) return `${folder.folder}  ${state}\n${formatTable([['  problem', problem]])}`
  const rows = [
    ['  files', String(files)],
    ['  size', `${formatBytes(logicalBytes)}, stored ${formatBytes(storedBytes)}`],
    ['  in the journal', formatBytes(journalBytes)],
    ...(content === undefined ? [] : rowsOf(content)),
  ]
  return `${folder.folder}  ${state}\n${formatTable(rows)}`
}

/** What is wrong first. */
function rowsOf({ states, bytes, localBytes, plainFiles, unreadable }: ContentStates): string[][] {
  return [
    ...unreadable.map(({ path, why }) => ['  unreadable', `${path}: ${why}`]),
    ...(plainFiles === 0 ? [] : [['  plain', `${formatCount(plainFiles, 'file')} not taken in; see "dfs add"`]]),
    ...states.map(({ state, files, bytes }) => [`  ${state}`, `${formatCount(files, 'file')}, ${formatBytes(bytes)}`]),
    ['  here', `${formatBytes(localBytes)} of ${formatBytes(bytes)}`],
  ]
}

function describeReplication(
  { replicas, isDone, bytesPerSecond, secondsLeft }: ReplicationStatus,
  members: number,
): string[] {
  if (members < 2 || replicas === 0) return []
  if (isDone) return [`copies  everything is on ${formatCount(replicas, 'other device')}`]
  const rate = bytesPerSecond === 0 ? 'waiting' : `${formatBytes(bytesPerSecond)}/s`
  const left = secondsLeft === undefined ? '' : `, ${formatSeconds(secondsLeft)} left`
  return [`copies  under way: ${rate}${left}`]
}
