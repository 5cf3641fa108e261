/** `dfs folders`: the folders of this device and of the owner's others; having one of theirs here, and leaving one. */
import { type Command, Option } from 'commander'
import type { FolderInfo, MissingFilesInfo } from '../../daemon/control-api.ts'
import { DfsError } from '../../errors.ts'
import type { App, ReportOptions } from '../app.ts'
import { formatBytes, formatCount, formatTable } from '../output.ts'
import { resolvePath } from '../paths.ts'
import { Questions } from '../questions.ts'

interface SetOptions extends ReportOptions {
  eager?: boolean
  lazy?: boolean
}

interface ConfirmOptions extends ReportOptions {
  yes?: boolean
}

export function registerFolders(program: Command, app: App): void {
  const folders = program
    .command('folders')
    .description('show the folders that your devices keep the same, have one here, or leave one')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs folders
  $ dfs folders add photos ~/photos    has what your other devices have, from the next mount on
  $ dfs folders leave ~/photos         keeps what is in it, and follows the others no more
  $ dfs folders set --eager ~/photos   has all content here, not only what is opened
  $ dfs folders restore ~/photos       brings back what is gone without anybody having removed it
  $ dfs folders confirm ~/photos       says that it was removed`,
    )
  folders
    .command('list', { isDefault: true })
    .description('show which folders there are, and where')
    .option('--json', 'report as JSON')
    .addHelpText('after', '\nExamples:\n  $ dfs folders list')
    .action((options: ReportOptions) => runFolders(app, options))
  folders
    .command('add')
    .description("make a directory one of your other devices' folders")
    .argument('<name>', 'what the others call it, or the beginning of its id')
    .argument('<directory>', 'a directory that is no folder; what is in it stays, and comes to the others')
    .option('--json', 'report as JSON')
    .addHelpText('after', '\nExamples:\n  $ dfs folders add photos ~/photos')
    .action((name: string, directory: string, options: ReportOptions) => runAdd(app, { name, directory }, options))
  folders
    .command('leave')
    .description('stop keeping a folder the same as on your other devices')
    .argument('<folder>', 'a folder that is not mounted')
    .option('--json', 'report as JSON')
    .addHelpText('after', '\nExamples:\n  $ dfs folders leave ~/photos')
    .action((folder: string, options: ReportOptions) => runLeave(app, folder, options))
  folders
    .command('set')
    .description('say whether all content of a folder comes to this device, or what is opened')
    .argument('<folder>', 'a folder, by its path or its mount point')
    .addOption(new Option('--eager', 'fetch all content, and what comes later').conflicts('lazy'))
    .option('--lazy', 'fetch what is opened')
    .option('--json', 'report as JSON')
    .addHelpText('after', '\nExamples:\n  $ dfs folders set --eager ~/photos\n  $ dfs folders set --lazy ~/photos')
    .action((folder: string, options: SetOptions) => runSet(app, folder, options))
  folders
    .command('confirm')
    .description('say that files that are gone were deleted, when "dfs status" asks that: they go on the others, too')
    .argument('<folder>', 'a folder, by its path or its mount point')
    .option('--yes', 'without asking')
    .option('--json', 'report as JSON')
    .addHelpText('after', '\nExamples:\n  $ dfs folders confirm ~/photos\n  $ dfs folders confirm --yes ~/photos')
    .action((folder: string, options: ConfirmOptions) => runConfirm(app, folder, options))
  folders
    .command('restore')
    .description('bring files back that are gone, when "dfs status" asks that')
    .argument('<folder>', 'a folder, by its path or its mount point')
    .option('--json', 'report as JSON')
    .addHelpText('after', '\nExamples:\n  $ dfs folders restore ~/photos')
    .action((folder: string, options: ReportOptions) => runRestore(app, folder, options))
}

async function runFolders(app: App, options: ReportOptions): Promise<void> {
  const result = await app.withDaemon((client) => client.call('folders', {}))
  app.report(options, result, ({ folders }) => {
    if (folders.length === 0) return 'there is no folder yet: dfs mount DIRECTORY makes one'
    return formatTable(
      folders.map((folder) => [folder.path ?? `(${folder.name})`, where(folder), state(folder), content(folder)]),
    )
  })
}

async function runAdd(
  app: App,
  { name, directory }: { name: string; directory: string },
  options: ReportOptions,
): Promise<void> {
  const path = await resolvePath(directory)
  const result = await app.withDaemon((client) => client.call('foldersAdd', { name, path }))
  app.report(
    options,
    result,
    (added) => `${added.path} is the folder "${added.name}" now: dfs mount shows what is in it`,
  )
}

async function runLeave(app: App, folder: string, options: ReportOptions): Promise<void> {
  const path = await resolvePath(folder)
  const result = await app.withDaemon((client) => client.call('foldersLeave', { path }))
  app.report(options, result, (left) => `${left.path} is a folder of its own now`)
}

async function runSet(app: App, folder: string, { eager = false, lazy = false, json }: SetOptions): Promise<void> {
  if (eager === lazy) {
    throw new DfsError('invalid', 'nothing is said about the folder', {
      op: 'set folder',
      subject: folder,
      mend: 'say --eager or --lazy',
    })
  }
  const path = await resolvePath(folder)
  const result = await app.withDaemon((client) => client.call('foldersSet', { path, eager }))
  app.report({ json }, result, (set) =>
    set.eager
      ? `all content of ${set.path} comes here while it is mounted`
      : `what is opened in ${set.path} comes here`,
  )
}

async function runConfirm(app: App, folder: string, { yes, json }: ConfirmOptions): Promise<void> {
  const path = await resolvePath(folder)
  const result = await app.withDaemon(async (client) => {
    const missing = await client.call('foldersMissing', { path })
    if (!yes) await confirm(app, missing)
    return client.call('foldersConfirm', { path })
  })
  app.report(
    { json },
    result,
    ({ files }) => `${formatCount(files, 'file')} deleted; on your other devices dfs history still has them`,
  )
}

async function confirm(app: App, { path, files, of, examples }: MissingFilesInfo): Promise<void> {
  const more = files > examples.length ? [`and ${formatCount(files - examples.length, 'more')}`] : []
  app.say([`${files} of ${of} files are gone from ${path}:`, ...examples, ...more].join('\n  '))
  if (app.streams.stdin.isTTY) {
    using questions = new Questions(app.streams)
    if (await questions.confirm('Were they deleted, and are they to go from your other devices, too?', false)) return
  }
  throw new DfsError('needs-confirmation', 'nothing was deleted on your other devices', {
    subject: path,
    mend: `say --yes if they were deleted, or bring them back with "dfs folders restore ${path}"`,
  })
}

async function runRestore(app: App, folder: string, options: ReportOptions): Promise<void> {
  const path = await resolvePath(folder)
  const result = await app.withDaemon((client) => client.call('foldersRestore', { path }))
  app.report(options, result, ({ files, waiting }) => {
    const rest = waiting === 0 ? '' : `; ${formatCount(waiting, 'object')} still to come`
    return `${formatCount(files, 'file')} back as placeholders${rest}`
  })
}

function where({ devices }: FolderInfo): string {
  return devices.length === 0 ? 'here alone' : `also on ${devices.join(', ')}`
}

function content({ eager, fetching }: FolderInfo): string {
  if (!eager) return ''
  if (fetching === undefined) return 'all content is to be here'
  const { isComplete, isFetching, fetchedBytes, unreachable, isFull } = fetching
  if (isComplete) return 'all content is here'
  if (isFull) return 'no room for all content'
  if (isFetching) return `content is coming, ${formatBytes(fetchedBytes)} so far`
  return unreachable > 0 ? `${formatCount(unreachable, 'file')} on no device that is connected` : 'content is to come'
}

function state({ path, mounted, waiting, settled, devices, id, problem }: FolderInfo): string {
  if (path === undefined) return `not here: dfs folders add ${id.slice(0, 8)} DIRECTORY`
  if (problem !== undefined) return `not kept the same: ${problem}`
  if (!mounted) return 'not mounted'
  if (waiting > 0) return `${formatCount(waiting, 'change')} to come`
  if (devices.length === 0) return 'mounted'
  return settled ? 'the same everywhere that is connected' : 'on its way'
}
