/** `dfs passphrase`: what the keys in the home are under. */
import type { Command } from 'commander'
import { hasPassphrase } from '../../daemon/control-api.ts'
import { DfsError } from '../../errors.ts'
import type { App } from '../app.ts'

interface NewOptions {
  newPassphraseFile?: string
}

const NEW_FILE = ['--new-passphrase-file <file>', 'where the new one is, instead of asking for it'] as const

export function registerPassphrase(program: Command, app: App): void {
  const passphrase = program
    .command('passphrase')
    .description('put the keys on this disk under a passphrase, change it, or take it away')
    .addHelpText(
      'after',
      `
Who has the disk, or a copy of it, then has no use of the keys without the passphrase. It is asked for whenever the daemon starts, as at
"dfs mount", and never while it runs; a service reads it from the file that "dfs service install --passphrase-file" names. The recovery kit
opens everything without it. Nobody can tell you a passphrase that is lost.

Examples:
  $ dfs passphrase set
  $ dfs passphrase change --passphrase-file old --new-passphrase-file new
  $ dfs mount ~/cloud --passphrase-file /run/secrets/dfs`,
    )
  passphrase
    .command('set')
    .description('put the keys under a passphrase')
    .option(...NEW_FILE)
    .addHelpText('after', '\nExamples:\n  $ dfs passphrase set')
    .action((options: NewOptions) => runSet(app, options))
  passphrase
    .command('change')
    .description('put the keys under another passphrase')
    .option(...NEW_FILE)
    .addHelpText('after', '\nExamples:\n  $ dfs passphrase change')
    .action((options: NewOptions) => runChange(app, options))
  passphrase
    .command('remove')
    .description('let the keys be read without a passphrase, as the disk is')
    .addHelpText('after', '\nExamples:\n  $ dfs passphrase remove')
    .action(() => runRemove(app))
}

async function runSet(app: App, { newPassphraseFile }: NewOptions): Promise<void> {
  const home = await app.existingHome()
  if (hasPassphrase(home)) {
    throw new DfsError('exists', 'there is a passphrase already', {
      subject: home,
      mend: 'change it with "dfs passphrase change"',
    })
  }
  const passphrase = await app.passphrases.chosen(newPassphraseFile)
  await app.withDaemon((client) => client.call('passphraseSet', { passphrase }))
  app.say('The keys are under the passphrase. A disk may still hold what stood there before: SECURITY.md says when.')
}

async function runChange(app: App, { newPassphraseFile }: NewOptions): Promise<void> {
  const home = await protectedHome(app)
  await app.withDaemon(async (client) => {
    const present = await app.passphrases.withPresent(home, async (typed) => {
      await client.call('passphraseCheck', { present: typed })
      return typed
    })
    await client.call('passphraseChange', { present, passphrase: await app.passphrases.chosen(newPassphraseFile) })
  })
  app.say('The keys are under the new passphrase.')
}

async function runRemove(app: App): Promise<void> {
  const home = await protectedHome(app)
  await app.withDaemon((client) =>
    app.passphrases.withPresent(home, (present) => client.call('passphraseRemove', { present })),
  )
  app.say('The keys are under no passphrase any more.')
}

async function protectedHome(app: App): Promise<string> {
  const home = await app.existingHome()
  if (hasPassphrase(home)) return home
  throw new DfsError('not-found', 'the keys are under no passphrase', {
    subject: home,
    mend: 'set one with "dfs passphrase set"',
  })
}
