/** `dfs ui`: a page in the browser, served by this command for as long as it runs. */
import { once } from 'node:events'
import type { Command } from 'commander'
import { DfsError } from '../../errors.ts'
import { isSystemError } from '../../posix/errno.ts'
import type { App } from '../app.ts'
import { mayOpenBrowser, openBrowser } from '../open-browser.ts'

interface UiOptions {
  open: boolean
  port: string
}

export function registerUi(program: Command, app: App): void {
  program
    .command('ui')
    .description('show folders, files, versions and devices in the browser, until Ctrl-C')
    .option('--no-open', 'only print the link')
    .option('--port <port>', 'where to listen on 127.0.0.1 (else where it is free)', '0')
    .addHelpText(
      'after',
      `
The link is good for one use, by a browser of yours on this machine. It prints the link and nothing else to standard output.

Examples:
  $ dfs ui
  $ dfs ui --no-open --port 7070       from another machine: ssh -L 7070:127.0.0.1:7070 HOST, and open the link there`,
    )
    .action((options: UiOptions) => runUi(app, options))
}

async function runUi(app: App, options: UiOptions): Promise<void> {
  const { env, stdout } = app.streams
  const port = parsePort(options.port)
  const home = await app.existingHome()
  const { askingDaemonOf } = await import('../ui/ask.ts')
  const { serveUi } = await import('../ui/server.ts')
  const ending = new AbortController()
  const end = () => ending.abort()
  const ended = once(ending.signal, 'abort')
  const asking = askingDaemonOf(home, app.passphrases.unasked(), ending.signal)
  // What is wrong with the daemon is better said here, and a passphrase asked for.
  await app.withDaemon((client) => client.call('id', {}))
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, end)
  await using ui = await serveUi({ asking, port }).catch((error) => {
    throw portError(error, port)
  })
  stdout.write(`${ui.link}\n`)
  const isOpened = options.open && mayOpenBrowser(env) && (await openBrowser(ui.link, env))
  app.say(
    `${isOpened ? 'Opening it in your browser.' : 'Open this link in your browser.'} It is good for one use. Ctrl-C ends the page.`,
  )
  await ended
  for (const signal of signals) process.off(signal, end)
}

function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) < 65_536) return Number(text)
  throw new DfsError('usage', `--port takes a number below 65536, not "${text}"`, { mend: 'see "dfs ui --help"' })
}

function portError(error: unknown, port: number): unknown {
  if (!isSystemError(error) || error.code !== 'EADDRINUSE') return error
  return new DfsError('locked', `port ${port} is taken`, { mend: 'choose another with --port, or leave it out' })
}
