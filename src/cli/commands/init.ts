/** `dfs init` and `dfs recover`: making the home. */
import { homedir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import type { Command } from 'commander'
import type { HomeResult, RecoveryResult, Results } from '../../daemon/control-api.ts'
import { DfsError } from '../../errors.ts'
import type { App } from '../app.ts'
import { sayNext } from '../first-run.ts'
import { formatCount } from '../output.ts'

interface InitOptions {
  name?: string
  public?: boolean
  json?: boolean
}

interface RecoverOptions extends Pick<InitOptions, 'name' | 'json'> {
  via?: string
  to?: string
}

export function registerInit(program: Command, app: App): void {
  program
    .command('init')
    .description('make your identity and personal key, and show the recovery kit')
    .option('--name <name>', 'what to call this device (else its host name)')
    .option('--public', 'be in the public network, instead of one of your own')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs init --name laptop
  $ dfs init --passphrase-file FILE    keys under a passphrase, which a terminal is asked for
  $ DFS_HOME=/mnt/usb/dfs dfs init     a home on another disk`,
    )
    .action((options: InitOptions) => runInit(app, options))
}

export function registerRecover(program: Command, app: App): void {
  program
    .command('recover')
    .description('make a home with the personal key that a recovery kit holds, and bring your folders back')
    .argument('<kit...>', 'the 24 words, or - to read the kit from standard input (which no process list shows)')
    .option('--name <name>', 'what to call this device (else its host name)')
    .option('--via <address>', 'a device of your network to begin with, as "dfs peers --json" there says its addresses')
    .option('--to <directory>', 'where your folders come to be; content comes when it is opened (default: ~/dfs)')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs recover - < kit.txt
  $ dfs recover - ; then type the words, and Ctrl-D
  $ dfs recover - --via /ip4/192.0.2.7/tcp/8080/p2p/12D3KooW... < kit.txt`,
    )
    .action((kit: string[], options: RecoverOptions) => runRecover(app, kit, options))
}

async function runInit(app: App, { name, public: isPublic, json }: InitOptions): Promise<void> {
  const passphrase = await app.newPassphrase({ ask: !json })
  const params = { name, public: isPublic, passphrase }
  const result = await app.withDaemon((client) => client.call('init', params), { mayCreate: true })
  app.report({ json }, result, ({ kit }) => (kit === undefined ? describe(result) : `${describe(result)}\n\n${kit}`))
  if (result.kit !== undefined && !json) sayNext(app, NEXT_STEPS)
}

async function runRecover(app: App, words: string[], options: RecoverOptions): Promise<void> {
  const { name, via, to = path.join(homedir(), 'dfs'), json } = options
  const passphrase = await app.newPassphrase({ ask: !json })
  await setImmediate() // Until then a terminal that was just asked at gives nothing more.
  const kit = words.length === 1 && words[0] === '-' ? await text(app.streams.stdin) : words.join(' ')
  if (kit.trim() === '') throw new DfsError('usage', 'the recovery kit is empty', { mend: 'see "dfs recover --help"' })
  const directory = path.resolve(to)
  const result = await app.withDaemon(
    async (client) => {
      using bar = app.progressBar('recovering')
      return await client.call('recover', { kit, name, via, to: directory, passphrase }, { onProgress: bar.onProgress })
    },
    { mayCreate: true },
  )
  app.report({ json }, result, () => describeRecovery(result))
}

const NEXT_STEPS: readonly [string, string][] = [
  ['dfs mount ~/cloud', 'work in ~/cloud with any program'],
  ['dfs invite', 'lets another device of yours in'],
  ['dfs recovery show', 'shows the kit again'],
]

function describeRecovery({ members, notReached, found, ...home }: Results['recover']): string {
  const lines = [describe(home)]
  if (notReached !== undefined) lines.push(`not connected yet: ${notReached}`)
  else if (members !== undefined) lines.push(`network of ${members} devices`)
  if (found !== undefined) lines.push(...describeFound(found))
  return lines.join('\n')
}

function describeFound({ members, folders }: RecoveryResult): string[] {
  if (folders.length === 0) {
    const whom = members === 0 ? 'nobody could be asked' : `${formatCount(members, 'member')} asked`
    return [`No folder was found (${whom}); run the command again when others are there.`]
  }
  return folders.flatMap(({ name, folder, objects, plainFiles, leftOut, problem }) => {
    if (problem !== undefined) return [`not back: ${name}: ${problem}`]
    const what = objects === undefined ? 'was there already' : `${formatCount(objects, 'object')}; dfs mount ${folder}`
    const missing = plainFiles + leftOut
    const left = missing === 0 ? [] : [`  without ${formatCount(missing, 'object')} that nobody else had`]
    return [`${folder}: ${what}`, ...left]
  })
}

function describe({ home, created, device, owner }: HomeResult): string {
  const what = created ? 'Made your home' : 'There is your home already, unchanged'
  return `${what}: ${home}\ndevice ${device}\nowner  ${owner}`
}
