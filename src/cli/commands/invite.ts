/** `dfs invite` and `dfs join`: pairing two devices, or letting a friend's in. */
import type { Command } from 'commander'
import type { Params, Results } from '../../daemon/control-api.ts'
import { DfsError } from '../../errors.ts'
import type { App, ReportOptions } from '../app.ts'
import type { Client } from '../client.ts'
import { formatCount } from '../output.ts'
import { Questions } from '../questions.ts'

interface InviteOptions extends ReportOptions {
  member?: boolean
  yes?: boolean
}

interface JoinOptions extends ReportOptions {
  name?: string
}

export function registerInvite(program: Command, app: App): void {
  program
    .command('invite')
    .description('print a one-time ticket for another device of yours, wait for it, and let it in')
    .option(
      '--member',
      "for a friend's device: it gets no key of yours, and can hold and serve blocks but read nothing",
    )
    .option('--yes', 'let in whoever comes with the ticket, without asking')
    .option('--json', 'report as JSON, one value a line: the ticket, then who came')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs invite                on a computer that has your files; then, on the new one:
  $ dfs join dfs1...
  $ dfs invite --member       for a friend`,
    )
    .action((options: InviteOptions) => runInvite(app, options))
}

export function registerJoin(program: Command, app: App): void {
  program
    .command('join')
    .description('join the network of the device that printed this ticket')
    .argument('<ticket>', 'what "dfs invite" printed there')
    .option('--name <name>', 'what to call this device (else its host name)')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs join dfs1...`,
    )
    .action((ticket: string, options: JoinOptions) => runJoin(app, ticket, options))
}

async function runInvite(app: App, { member, yes, json }: InviteOptions): Promise<void> {
  if (!yes && !app.streams.stdin.isTTY) {
    throw new DfsError('needs-confirmation', 'whoever comes with the ticket must be confirmed on a terminal', {
      mend: 'or let them in unseen with --yes',
    })
  }
  await app.withDaemon(async (client) => {
    const started = await client.call('inviteStart', { member })
    showTicket(app, started, { json })
    const joiner = await client.call('inviteWait', {})
    const accept = yes || (await confirmJoiner(app, joiner, member === true))
    if (!json) app.say(accept ? `Letting in ${joiner.name} (code ${joiner.code}) ...` : 'Refused.')
    const answered = await client.call('inviteAnswer', { accept })
    if (!accept) throw new DfsError('aborted', 'nobody was let in')
    if (json) app.streams.stdout.write(`${JSON.stringify({ ...answered, code: joiner.code })}\n`)
    else app.report({}, answered, ({ name, device }) => `${name} is in: ${device}`)
  })
}

function showTicket(app: App, { ticket, seconds }: Results['inviteStart'], { json }: ReportOptions): void {
  if (json) {
    app.streams.stdout.write(`${JSON.stringify({ ticket, seconds })}\n`)
    return
  }
  app.say(`On the other device, within ${seconds / 60} minutes, once:`)
  app.report({}, ticket, () => `dfs join ${ticket}`)
  app.say('Show the ticket to nobody else. Waiting ...')
}

async function confirmJoiner(
  app: App,
  { name, code, device }: Results['inviteWait'],
  isFriend: boolean,
): Promise<boolean> {
  const gets = isFriend
    ? 'It will hold and serve blocks, and read nothing.'
    : 'It will get your personal key, and read all your files.'
  app.say(`A device wants to join: ${name}\n  ${device}\n  code ${code}  (must be the same on its screen)\n${gets}`)
  using questions = new Questions(app.streams)
  return await questions.confirm('Let it in?', false)
}

async function runJoin(app: App, ticket: string, { name, json }: JoinOptions): Promise<void> {
  const options = { ticket, name, json, passphrase: await app.newPassphrase({ ask: !json }) }
  const joined = await app.withDaemon((client) => join(app, client, options), { mayCreate: true })
  app.report({ json }, joined, ({ home, device, members, kit }) => {
    const lines = [`Joined: ${formatCount(members, 'device')} in the network`, `home   ${home}`, `device ${device}`]
    return kit === undefined ? lines.join('\n') : `${lines.join('\n')}\n\n${kit}`
  })
}

async function join(app: App, client: Client, { ticket, name, json, passphrase }: JoinOptions & Params<'joinStart'>) {
  const { code, inviter } = await client.call('joinStart', { ticket, name, passphrase })
  if (!json) app.say(`Asking ${inviter} to let this device in; code ${code} (must be the same there) ...`)
  return client.call('joinFinish', {})
}
