/** The command line of dfs: parses it, runs one command, and turns how that ended into an exit code and one line. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import createDebug from 'debug'
import { DfsError, kindOf } from '../errors.ts'
import { App, type AppStreams } from './app.ts'
import { registerAdd } from './commands/add.ts'
import { registerConfig } from './commands/config.ts'
import { registerDaemon } from './commands/daemon.ts'
import { registerDevices, registerPeers } from './commands/devices.ts'
import { registerDoctor } from './commands/doctor.ts'
import { registerGc } from './commands/gc.ts'
import { registerCat, registerGet } from './commands/get.ts'
import { registerHistory, registerRestore } from './commands/history.ts'
import { registerId } from './commands/id.ts'
import { registerInit, registerRecover } from './commands/init.ts'
import { registerInvite, registerJoin } from './commands/invite.ts'
import { registerMount } from './commands/mount.ts'
import { registerStatus } from './commands/status.ts'
import { registerUmount } from './commands/umount.ts'
import { registerVerify } from './commands/verify.ts'
import { EXIT_CODES, EXIT_MEANINGS } from './exit-codes.ts'
import { formatError } from './output.ts'

const log = createDebug('dfs:cli')

/** In the order of the help. */
const REGISTER = [
  registerInit,
  registerRecover,
  registerMount,
  registerUmount,
  registerAdd,
  registerGet,
  registerCat,
  registerStatus,
  registerVerify,
  registerGc,
  registerHistory,
  registerRestore,
  registerInvite,
  registerJoin,
  registerPeers,
  registerDevices,
  registerId,
  registerDoctor,
  registerConfig,
  registerDaemon,
]

const EPILOGUE = `
Examples:
  $ dfs mount ~/cloud      work in ~/cloud with any program
  $ dfs umount ~/cloud     only NAME.f stubs are left to see
  $ dfs mount -h           what a command takes, with examples

Environment:
  DFS_HOME   where keys, blocks and settings are (else $XDG_DATA_HOME/dfs, else ~/.local/share/dfs)
  DEBUG      dfs:* shows what happens inside

Exit codes:
${Object.entries(EXIT_MEANINGS)
  .map(([code, meaning]) => `  ${code.padStart(3)}  ${meaning}`)
  .join('\n')}`

/** Runs one command; `argv` is what stands after `dfs`. Never throws; gives the exit code. */
export async function main(argv: readonly string[], streams: AppStreams = process): Promise<number> {
  const app = new App(streams)
  try {
    if (argv.length === 0) throw new DfsError('usage', 'which command?', { mend: 'see "dfs --help"' })
    await createProgram(app).parseAsync(argv, { from: 'user' })
    return EXIT_CODES[app.outcome]
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT_CODES.done
    const error = thrown instanceof CommanderError ? usageError(thrown, argv) : thrown
    streams.stderr.write(`${formatError(error)}\n`)
    log('%o', error)
    return EXIT_CODES[kindOf(error)]
  }
}

export function createProgram(app: App): Command {
  const program = new Command('dfs')
    .description('An end-to-end encrypted file store that is used as an ordinary folder.')
    .version(readVersion(), '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', EPILOGUE)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => app.streams.stdout.write(text),
      writeErr: (text) => app.streams.stderr.write(text),
      outputError: () => undefined, // `main` tells it, in one line.
    })
  for (const register of REGISTER) register(program, app)
  return program
}

function usageError({ message }: CommanderError, argv: readonly string[]): DfsError {
  const verb = argv.find((argument) => !argument.startsWith('-'))
  const known = verb !== undefined && !message.includes('unknown command')
  return new DfsError('usage', message.replace(/^error: /, '').replace(/\.$/, ''), {
    mend: `see "dfs ${known ? `${verb} ` : ''}--help"`,
  })
}

function readVersion(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}
