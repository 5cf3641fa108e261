/** `dfs completion`: scripts by which shells complete what is typed after `dfs`. */
import { Argument, type Command, Option } from 'commander'
import { DfsError } from '../../errors.ts'
import type { App } from '../app.ts'
import { bashCompletion } from '../completion/bash.ts'
import { fishCompletion } from '../completion/fish.ts'
import { type CommandGrammar, grammarOf } from '../completion/grammar.ts'
import { zshCompletion } from '../completion/zsh.ts'
import { printable } from '../output.ts'
import { connectRunning } from '../start-daemon.ts'

const SCRIPTS: Readonly<Record<string, (grammar: CommandGrammar) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
}

interface CompletionOptions {
  /** What a script asks for while somebody types. */
  ask?: 'device' | 'setting'
}

/** `whole`: gives the command line with all its commands. */
export function registerCompletion(program: Command, app: App, whole: () => Promise<Command>): void {
  program
    .command('completion')
    .description('print what makes a shell complete commands, options, paths, devices and settings')
    .addArgument(new Argument('[shell]', 'for which shell').choices(Object.keys(SCRIPTS)))
    .addOption(new Option('--ask <what>', 'what the running daemon knows of').choices(['device', 'setting']).hideHelp())
    .addHelpText(
      'after',
      `
Examples:
  $ source <(dfs completion bash)
  $ dfs completion bash > ~/.local/share/bash-completion/completions/dfs
  $ dfs completion zsh > ~/.zfunc/_dfs                                      with ~/.zfunc in fpath
  $ dfs completion fish > ~/.config/fish/completions/dfs.fish`,
    )
    .action(async (shell: string | undefined, { ask }: CompletionOptions) => {
      if (ask !== undefined) return printKnown(app, ask)
      if (shell === undefined) throw new DfsError('usage', 'for which shell?', { mend: 'name bash, zsh or fish' })
      app.streams.stdout.write(SCRIPTS[shell]!(grammarOf(await whole())))
    })
}

/** A line each, the word and what it means with a tab between; nothing where no daemon runs, for none is started for that. */
async function printKnown(app: App, what: 'device' | 'setting'): Promise<void> {
  const client = await connectRunning(await app.home())
  if (client === undefined) return
  try {
    const known = await (what === 'device' ? knownDevices() : knownSettings())
    for (const row of known) app.streams.stdout.write(`${row.map(oneField).join('\t')}\n`)
  } finally {
    client.close()
  }

  async function knownDevices(): Promise<string[][]> {
    const { devices } = await client!.call('devices', {})
    const others = devices.filter(({ self }) => !self)
    return others.flatMap(({ name, device }) => [
      [name, device],
      [device, name],
    ])
  }

  async function knownSettings(): Promise<string[][]> {
    const { settings } = await client!.call('configGet', {})
    return settings.map(({ key, about }) => [key, about])
  }
}

function oneField(text: string): string {
  return printable(text).replaceAll(/[\t\n]/g, ' ')
}
