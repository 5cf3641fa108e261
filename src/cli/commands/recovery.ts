/** `dfs recovery`: the recovery kit again. */
import type { Command } from 'commander'
import { hasPassphrase } from '../../daemon/control-api.ts'
import { DfsError } from '../../errors.ts'
import type { App, ReportOptions } from '../app.ts'

interface ShowOptions extends ReportOptions {
  yes?: boolean
}

export function registerRecovery(program: Command, app: App): void {
  const recovery = program
    .command('recovery')
    .description('show the recovery kit again')
    .addHelpText(
      'after',
      `
Whoever has its words can read all your files. Write them on paper.

Examples:
  $ dfs recovery show
  $ dfs recovery show --yes | lp     where no terminal shows it
  $ dfs recover -          what they are for: a new home on another machine`,
    )
  recovery
    .command('show')
    .description('show the 24 words of the recovery kit; asks for the passphrase, if the keys are under one')
    .option('--yes', 'also where no terminal shows them')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs recovery show
  $ dfs recovery show --yes | lp     where the printer keeps nothing`,
    )
    .action((options: ShowOptions) => runShow(app, options))
}

async function runShow(app: App, { yes, json }: ShowOptions): Promise<void> {
  const home = await app.existingHome()
  if (!yes && !app.streams.stdout.isTTY) {
    throw new DfsError(
      'needs-confirmation',
      'whoever has the words can read all your files, and no terminal shows them',
      {
        mend: 'see them at a terminal, or say --yes',
      },
    )
  }
  const result = await app.withDaemon((client) => {
    const show = (passphrase?: string) => client.call('recoveryShow', { passphrase })
    return hasPassphrase(home) ? app.passphrases.withPresent(home, show) : show()
  })
  app.report({ json }, result, ({ kit }) => kit)
}
