/** `dfs service`: has the machine's service manager run dfs, with the folders mounted. */
import { stat } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { fileURLToPath } from 'node:url'
import { type Command, Option } from 'commander'
import { hasPassphrase, isHome } from '../../daemon/control-api.ts'
import { DfsError } from '../../errors.ts'
import type { App, ReportOptions } from '../app.ts'
import { resolvePath } from '../paths.ts'
import { formatDefinition, MANAGERS, type Manager, type Scope, type ServiceDefinition } from '../service/definition.ts'
import { type Installed, install, uninstall } from '../service/install.ts'
import type { ServedFolder } from '../service/serve.ts'
import { Systemd } from '../service/systemd.ts'
import { connectRunning } from '../start-daemon.ts'

export const LAUNCHER = fileURLToPath(new URL('../../../bin/dfs.js', import.meta.url))
const DEFAULT_NAME = 'dfs'

interface ServiceOptions extends ReportOptions {
  name: string
  user?: boolean
}

interface InstallOptions extends ServiceOptions {
  linger?: boolean
  print?: Manager | true
}

export function registerService(program: Command, app: App): void {
  const service = program
    .command('service')
    .description('have the machine start dfs, mount your folders, and watch over both')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs service install ~/cloud     from now on ~/cloud is there when you log in
  $ dfs service install --help      for what it takes, and for machines without systemd
  $ dfs service uninstall`,
    )
  service
    .command('install')
    .description('have systemd start dfs and mount folders, now and from now on')
    .argument('[folder...]', 'what to mount (else what is mounted now)')
    .option('--linger', 'run from boot on, and not only while you are logged in')
    .addOption(new Option('--print [manager]', 'only show what would be written').choices(MANAGERS).preset('systemd'))
    .addOption(userOption())
    .addOption(nameOption())
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
It is a service of yours, and root's is one of the machine. systemd is told when the folders are mounted, starts dfs again should it
fail or hang, and gives it time to store everything before it ends. Your services run while you are logged in; "--linger", or "loginctl
enable-linger", has them run from boot until shutdown.

Where another service manager runs, "--print" shows what it wants: OpenRC in /etc/init.d/dfs, runit in a directory "dfs" of its own, as
the file "run"; make either executable.

Keys under a passphrase: "--passphrase-file" names the file from which the service reads it whenever it starts.

Examples:
  $ dfs service install ~/cloud ~/work
  $ dfs service install --linger
  $ dfs service install ~/cloud --print openrc > /etc/init.d/dfs`,
    )
    .action((folders: string[], options: InstallOptions) => runInstall(app, folders, options))
  service
    .command('uninstall')
    .description('store everything, unmount, and let systemd start dfs no more')
    .addOption(userOption())
    .addOption(nameOption())
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs service uninstall`,
    )
    .action((options: ServiceOptions) => runUninstall(app, options))
}

function userOption(): Option {
  return new Option('--user', 'a service of this user: what it is for all but root')
}

function nameOption(): Option {
  return new Option('--name <name>', 'what systemd is to call it: one name for each home').default(DEFAULT_NAME)
}

async function runInstall(app: App, typed: string[], options: InstallOptions): Promise<void> {
  const { name, print, linger, json } = options
  checkName(name)
  const home = await app.home()
  const scope = scopeOf(options)
  const folders = typed.length === 0 ? await mountedFolders(home) : await Promise.all(typed.map(toServed))
  const definition = describeService({ scope, home, folders, passphraseFile: app.passphrases.path })
  if (print !== undefined) {
    app.streams.stdout.write(formatDefinition(print === true ? 'systemd' : print, definition))
    return
  }
  if (!isHome(home))
    throw new DfsError('not-found', 'there is no dfs home here', { subject: home, mend: 'run "dfs init" first' })
  requirePassphraseFile(app, home)
  const systemd = await Systemd.connect(scope, app.streams.env)
  if (linger) await systemd.linger()
  const installed = await install(systemd, name, definition)
  const lingers = scope === 'system' || linger === true || (await systemd.lingers())
  app.report({ json }, { ...installed, scope, lingers }, () => describeInstalled(systemd, installed, lingers))
}

async function runUninstall(app: App, options: ServiceOptions): Promise<void> {
  checkName(options.name)
  const systemd = await Systemd.connect(scopeOf(options), app.streams.env)
  const removed = await uninstall(systemd, options.name, await app.home())
  app.report(
    options,
    removed,
    ({ file }) => `Removed ${file}\nEverything is stored; "dfs mount" mounts a folder again.`,
  )
}

/** The service as it is to be, run by this Node and this dfs. */
export function describeService(
  options: Pick<ServiceDefinition, 'scope' | 'home' | 'folders' | 'passphraseFile'>,
): ServiceDefinition {
  return { ...options, command: [process.execPath, LAUNCHER], user: userInfo().username }
}

/** Fails with `needs-confirmation` if the keys are under a passphrase and no file has it: nobody is there to be asked. */
export function requirePassphraseFile(app: App, home: string): void {
  if (!hasPassphrase(home) || app.passphrases.path !== undefined) return
  throw new DfsError('needs-confirmation', 'the keys are under a passphrase, for which a service cannot ask', {
    subject: home,
    mend: 'name the file that has it with --passphrase-file',
  })
}

export function scopeOf({ user }: Pick<ServiceOptions, 'user'>): Scope {
  return user || process.getuid?.() !== 0 ? 'user' : 'system'
}

function describeInstalled(systemd: Systemd, { name, file, changed, folders }: Installed, lingers: boolean): string {
  const since = systemd.scope === 'system' || lingers ? 'the machine starts' : 'you log in'
  const what = folders.length === 0 ? 'dfs runs, with nothing mounted' : `dfs serves ${folders.join(', ')}`
  return [
    changed ? `Wrote ${file}` : `Is installed already: ${file}`,
    `${what}, and will when ${since}.`,
    ...(lingers ? [] : ['It ends when you log out; "dfs service install --linger" has it run from boot on.']),
    `See "${systemd.status(name)}" and "${systemd.journal(name)}".`,
  ].join('\n')
}

async function toServed(typed: string): Promise<ServedFolder> {
  const folder = await resolvePath(typed)
  // A mount whose server died is there, too.
  const isMissing = await stat(folder).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  )
  if (!isMissing) return { folder, mountpoint: undefined }
  throw new DfsError('not-found', 'is not there', {
    op: 'service',
    subject: folder,
    mend: `make it with "mkdir -p ${folder}"`,
  })
}

/** What the running daemon has mounted, as it is mounted. */
export async function mountedFolders(home: string): Promise<ServedFolder[]> {
  const client = await connectRunning(home)
  if (client === undefined) return []
  try {
    const { folders } = await client.call('status', {})
    return folders
      .filter(({ mountpoint }) => mountpoint !== undefined)
      .map(({ folder, mountpoint }) => ({ folder, mountpoint: mountpoint === folder ? undefined : mountpoint }))
  } finally {
    client.close()
  }
}

function checkName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/.test(name)) return
  throw new DfsError('usage', `"${name}" cannot be the name of a service`, { mend: 'use letters, digits, _ . and -' })
}
