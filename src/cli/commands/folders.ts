/** `dfs folders`: the folders of this device and of the owner's others; having one of theirs here, and leaving one. */
import type { Command } from 'commander'
import type { FolderInfo } from '../../daemon/control-api.ts'
import type { App, ReportOptions } from '../app.ts'
import { formatCount, formatTable } from '../output.ts'
import { resolvePath } from '../paths.ts'

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
  $ dfs folders leave ~/photos         keeps what is in it, and follows the others no more`,
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
}

async function runFolders(app: App, options: ReportOptions): Promise<void> {
  const result = await app.withDaemon((client) => client.call('folders', {}))
  app.report(options, result, ({ folders }) => {
    if (folders.length === 0) return 'there is no folder yet: dfs mount DIRECTORY makes one'
    return formatTable(folders.map((folder) => [folder.path ?? `(${folder.name})`, where(folder), state(folder)]))
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

function where({ devices }: FolderInfo): string {
  return devices.length === 0 ? 'here alone' : `also on ${devices.join(', ')}`
}

function state({ path, mounted, waiting, settled, devices, id }: FolderInfo): string {
  if (path === undefined) return `not here: dfs folders add ${id.slice(0, 8)} DIRECTORY`
  if (!mounted) return 'not mounted'
  if (waiting > 0) return `${formatCount(waiting, 'change')} to come`
  if (devices.length === 0) return 'mounted'
  return settled ? 'the same everywhere that is connected' : 'on its way'
}
