/** The command line of dfs: parses it, runs one command, and turns how that ended into an exit code and one line. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { DfsError, kindOf } from '../errors.ts'
import { logger } from '../log.ts'
import { fromNodeError, isSystemError } from '../posix/errno.ts'
import { App, type AppStreams } from './app.ts'
import { EXIT_CODES, EXIT_MEANINGS } from './exit-codes.ts'
import { formatError } from './output.ts'

const log = logger('cli')

/** Adds a command; `whole` gives the command line with all of them. */
type Register = (program: Command, app: App, whole: () => Promise<Command>) => void

/** In the order of the help. Only what is asked for is loaded. */
const COMMANDS: Readonly<Record<string, () => Promise<Register>>> = {
  setup: async () => (await import('./commands/setup.ts')).registerSetup,
  init: async () => (await import('./commands/init.ts')).registerInit,
  recover: async () => (await import('./commands/init.ts')).registerRecover,
  recovery: async () => (await import('./commands/recovery.ts')).registerRecovery,
  passphrase: async () => (await import('./commands/passphrase.ts')).registerPassphrase,
  mount: async () => (await import('./commands/mount.ts')).registerMount,
  umount: async () => (await import('./commands/umount.ts')).registerUmount,
  add: async () => (await import('./commands/add.ts')).registerAdd,
  get: async () => (await import('./commands/get.ts')).registerGet,
  cat: async () => (await import('./commands/get.ts')).registerCat,
  status: async () => (await import('./commands/status.ts')).registerStatus,
  wait: async () => (await import('./commands/wait.ts')).registerWait,
  evict: async () => (await import('./commands/evict.ts')).registerEvict,
  hydrate: async () => (await import('./commands/hydrate.ts')).registerHydrate,
  pin: async () => (await import('./commands/hydrate.ts')).registerPin,
  unpin: async () => (await import('./commands/hydrate.ts')).registerUnpin,
  verify: async () => (await import('./commands/verify.ts')).registerVerify,
  gc: async () => (await import('./commands/gc.ts')).registerGc,
  history: async () => (await import('./commands/history.ts')).registerHistory,
  restore: async () => (await import('./commands/history.ts')).registerRestore,
  invite: async () => (await import('./commands/invite.ts')).registerInvite,
  join: async () => (await import('./commands/invite.ts')).registerJoin,
  folders: async () => (await import('./commands/folders.ts')).registerFolders,
  conflicts: async () => (await import('./commands/conflicts.ts')).registerConflicts,
  peers: async () => (await import('./commands/devices.ts')).registerPeers,
  devices: async () => (await import('./commands/devices.ts')).registerDevices,
  id: async () => (await import('./commands/id.ts')).registerId,
  ui: async () => (await import('./commands/ui.ts')).registerUi,
  doctor: async () => (await import('./commands/doctor.ts')).registerDoctor,
  config: async () => (await import('./commands/config.ts')).registerConfig,
  service: async () => (await import('./commands/service.ts')).registerService,
  daemon: async () => (await import('./commands/daemon.ts')).registerDaemon,
  completion: async () => (await import('./commands/completion.ts')).registerCompletion,
}

const EPILOGUE = `
Examples:
  $ dfs mount ~/cloud      work in ~/cloud with any program
  $ dfs umount ~/cloud     only NAME.f stubs are left to see
  $ dfs mount -h           what a command takes, with examples

Environment:
  DFS_HOME              where keys, blocks and settings are (else $XDG_DATA_HOME/dfs, else ~/.local/share/dfs)
  DFS_PASSPHRASE_FILE   where the passphrase of the keys is, as --passphrase-file says it
  DFS_LOG_FORMAT        json: what the log says, as one object a line
  DEBUG                 dfs:* shows what happens inside

Exit codes:
${Object.entries(EXIT_MEANINGS)
  .map(([code, meaning]) => `  ${code.padStart(3)}  ${meaning}`)
  .join('\n')}`

/** They serve on when nobody reads what they say. */
const SERVING: ReadonlySet<string | undefined> = new Set(['mount', 'daemon'])

/** Runs one command; `argv` is what stands after `dfs`. Never throws; gives the exit code. */
export async function main(argv: readonly string[], streams: AppStreams = process): Promise<number> {
  const app = new App(streams)
  if (streams === process) endWithReader(argv[0])
  try {
    if (argv.length === 0) throw new DfsError('usage', 'which command?', { mend: 'see "dfs --help"' })
    const program = await createProgram(app, argv[0])
    await program.parseAsync(argv, { from: 'user' })
    return EXIT_CODES[app.outcome]
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT_CODES.done
    const error = toDfsError(thrown, argv)
    streams.stderr.write(`${formatError(error)}\n`)
    log('%o', error)
    return EXIT_CODES[kindOf(error)]
  }
}

/** A program in a pipe ends with the one that reads from it, as those do that have never heard of SIGPIPE. */
function endWithReader(verb: string | undefined): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      if (!SERVING.has(verb)) process.exit(EXIT_CODES.unread)
    })
  }
}

/** The command line as commander knows it: with all commands, or one if `verb` names one. */
export async function createProgram(app: App, verb = ''): Promise<Command> {
  const program = new Command('dfs')
    .description('An end-to-end encrypted file store that is used as an ordinary folder.')
    .version(readVersion(), '-V, --version', 'show the version')
    .option('--passphrase-file <file>', 'where the passphrase of the keys is, if they are under one; for every command')
    .on('option:passphrase-file', (file: string) => {
      app.passphrases.file = file
    })
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', EPILOGUE)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => app.streams.stdout.write(text),
      writeErr: (text) => app.streams.stderr.write(text),
      outputError: () => undefined, // `main` tells it, in one line.
    })
  const wanted = Object.hasOwn(COMMANDS, verb) ? [verb] : Object.keys(COMMANDS)
  for (const name of wanted) (await COMMANDS[name]!())(program, app, () => createProgram(app))
  return program
}

function toDfsError(thrown: unknown, argv: readonly string[]): unknown {
  if (thrown instanceof CommanderError) return usageError(thrown, argv)
  return isSystemError(thrown) ? fromNodeError(thrown, thrown.syscall ?? 'dfs', thrown.path) : thrown
}

function usageError({ message }: CommanderError, argv: readonly string[]): DfsError {
  const verb = argv.find((argument) => !argument.startsWith('-'))
  const known = verb !== undefined && !message.includes(`unknown command '${verb}'`)
  return new DfsError('usage', message.replace(/^error: /, '').replace(/\.$/, ''), {
    mend: `see "dfs ${known ? `${verb} ` : ''}--help"`,
  })
}

function readVersion(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}
