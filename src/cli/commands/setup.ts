/** `dfs setup`: from an installed dfs to a folder that is served, and stays so. Safe to run again: it does what is not done yet. */
import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import type { Command } from 'commander'
import { isHome, type MountResult } from '../../daemon/control-api.ts'
import { kindOf } from '../../errors.ts'
import { fromNodeError } from '../../posix/errno.ts'
import type { App } from '../app.ts'
import { sayKit, sayNext, typedPath } from '../first-run.ts'
import { Questions } from '../questions.ts'
import { type Installed, install } from '../service/install.ts'
import { Systemd } from '../service/systemd.ts'
import { type Answers, answersOf, defaultFolder, type SetupOptions } from '../setup/answers.ts'
import { type Linked, linkCommand } from '../setup/link.ts'
import { prepareMachine } from '../setup/machine.ts'
import { describeService, LAUNCHER, mountedFolders, requirePassphraseFile, scopeOf } from './service.ts'

/** What a new home is set to. */
const DEFAULT_PORT = 8080

interface SetupResult {
  installed: string[]
  link?: Linked
  home: string
  /** The recovery kit, if the home was made just now. */
  kit?: string
  folder: string
  port: number
  /** What serves the folder: the service, or else this mount. */
  service?: Installed & { lingers: boolean }
  mount?: Pick<MountResult, 'mountpoint' | 'already'>
}

export function registerSetup(program: Command, app: App): void {
  program
    .command('setup')
    .description('check this machine, make your keys, and mount a folder, now and whenever you log in')
    .option('--yes', 'ask nothing: take what would be proposed')
    .option('--folder <folder>', 'the folder, made if it is not there (proposed: ~/cloud)')
    .option('--port <port>', 'the TCP port for your other devices (proposed: 8080)')
    .option('--no-service', 'mount the folder now only')
    .option('--user', 'a service of this user: what it is for all but root')
    .option('--linger', 'have the service run from boot on, and not only while you are logged in')
    .option('--no-link', 'do not make "dfs" a command')
    .option('--bin <directory>', 'where to link it (else ~/.local/bin, and /usr/local/bin for root)')
    .option('--name <name>', 'what to call this device (else its host name)')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
It can be run again: what is done already stays as it is.

Examples:
  $ dfs setup
  $ dfs setup --yes --folder ~/cloud --port 8081
  $ dfs setup --yes --no-service --no-link`,
    )
    .action((options: SetupOptions) => runSetup(app, options))
}

async function runSetup(app: App, options: SetupOptions): Promise<void> {
  const systemd = options.service ? await systemdIfThere(app, options) : undefined
  const { answers, installed } = await askAndPrepare(app, options, systemd !== undefined)
  const link = options.link
    ? linkCommand(LAUNCHER, path.resolve(options.bin ?? defaultBin()), app.streams.env)
    : undefined
  // Not asked for: a service could not ask again.
  const init = { name: options.name, passphrase: await app.newPassphrase({ ask: false }) }
  const made = await app.withDaemon((client) => client.call('init', init), { mayCreate: true })
  if (made.kit !== undefined && !options.json) sayKit(app, made.kit)
  const port = await setPort(app, answers.port)
  makeFolder(answers.folder)
  const served =
    answers.service && systemd !== undefined
      ? {
          service: await startService(app, systemd, {
            home: made.home,
            folder: answers.folder,
            linger: options.linger === true,
          }),
        }
      : { mount: await mountNow(app, answers.folder) }
  const { home, kit } = made
  const result = { installed, link, home, kit, folder: answers.folder, port, ...served }
  app.report(options, result, describe)
  if (!options.json) sayNext(app, nextSteps(answers.folder))
}

async function systemdIfThere(app: App, options: SetupOptions): Promise<Systemd | undefined> {
  try {
    return await Systemd.connect(scopeOf(options), app.streams.env)
  } catch (error) {
    if (kindOf(error) !== 'unsupported') throw error
    return undefined
  }
}

/** Nothing is made yet but what the machine lacks. */
async function askAndPrepare(app: App, options: SetupOptions, service: boolean) {
  using questions = new Questions(app.streams)
  const asked = !options.yes && app.streams.stdin.isTTY ? questions : undefined
  const answers = await askAll(app, asked, options, service)
  return { answers, installed: await prepareMachine(app, asked) }
}

async function askAll(
  app: App,
  questions: Questions | undefined,
  options: SetupOptions,
  service: boolean,
): Promise<Answers> {
  const isNew = !isHome(await app.home())
  const port = isNew ? DEFAULT_PORT : await portOf(app)
  return answersOf(questions, options, { folder: defaultFolder(), port, service, isNew })
}

function defaultBin(): string {
  return process.getuid?.() === 0 ? '/usr/local/bin' : path.join(homedir(), '.local', 'bin')
}

/** Gives the setting as it is then. */
async function setPort(app: App, port: number | undefined): Promise<number> {
  const present = await portOf(app)
  if (port === undefined || port === present) return present
  await app.withDaemon((client) => client.call('configSet', { key: 'port', value: String(port) }))
  return port
}

async function portOf(app: App): Promise<number> {
  const { settings } = await app.withDaemon((client) => client.call('configGet', { key: 'port' }))
  return Number(settings[0]!.value)
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true })
  } catch (error) {
    throw fromNodeError(error, 'make the folder', folder)
  }
}

/** What is mounted besides goes on being served. */
async function startService(
  app: App,
  systemd: Systemd,
  { home, folder, linger }: { home: string; folder: string; linger: boolean },
) {
  requirePassphraseFile(app, home)
  const mounted = await mountedFolders(home)
  const isThere = mounted.some((served) => served.folder === folder || served.mountpoint === folder)
  const folders = isThere ? mounted : [...mounted, { folder, mountpoint: undefined }]
  if (linger) await systemd.linger()
  const definition = describeService({ scope: systemd.scope, home, folders, passphraseFile: app.passphrases.path })
  const installed = await install(systemd, 'dfs', definition)
  return { ...installed, lingers: linger || systemd.scope === 'system' || (await systemd.lingers()) }
}

async function mountNow(app: App, folder: string): Promise<Pick<MountResult, 'mountpoint' | 'already'>> {
  const { mountpoint, already } = await app.withDaemon((client) => client.call('mount', { folder }))
  return { mountpoint, already }
}

function describe({ installed, link, home, folder, port, service, mount }: SetupResult): string {
  return [
    ...(installed.length === 0 ? [] : [`installed  ${installed.join(', ')}`]),
    ...(link === undefined ? [] : [`command    ${describeLink(link)}`]),
    `home       ${home}`,
    `folder     ${folder}${mount?.already ? ', mounted already' : ', mounted'}`,
    `port       ${port}/tcp; your other devices reach this one there if your router and firewall let them`,
    `service    ${service === undefined ? 'none: "dfs mount" after each start of the machine' : describeServed(service)}`,
  ].join('\n')
}

function nextSteps(folder: string): [string, string][] {
  return [
    [`cp FILES ${typedPath(folder)}`, 'any program works in there'],
    ['dfs invite', 'lets another device of yours in'],
    ['dfs passphrase set', 'puts the keys on this disk under a passphrase'],
    ['dfs status', 'shows what is where'],
  ]
}

function describeLink({ link, state, inPath }: Linked): string {
  if (state === 'taken') return `${link} is something else, and stays`
  return inPath ? link : `${link}; your PATH does not have its directory yet: log in again, or add it`
}

function describeServed({ file, changed, lingers }: Installed & { lingers: boolean }): string {
  const ends = lingers ? '' : '; it ends when you log out, if not set up with --linger'
  return `${file}${changed ? '' : ', as before'}${ends}`
}
