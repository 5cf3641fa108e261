/** What every command works with: the streams, the environment, and the way to the daemon. */
import { isHome } from '../daemon/control-api.ts'
import { DfsError } from '../errors.ts'
import type { Client } from './client.ts'
import type { Outcome } from './exit-codes.ts'
import { homePath } from './home-path.ts'
import { formatLines, type Line } from './lines.ts'
import { printable } from './output.ts'
import { Passphrases } from './passphrases.ts'
import { type ProgressBar, progressBar } from './progress-bar.ts'
import { connectOrStart } from './start-daemon.ts'

/** To the terminal's first place, and all that is there gone (ECMA-48: CUP, ED). */
const CLEAR = '\x1b[H\x1b[2J'

export interface AppStreams {
  env: NodeJS.ProcessEnv
  stdin: NodeJS.ReadStream
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
}

/** What commands report on; with `json` as one JSON value. */
export interface ReportOptions {
  json?: boolean | undefined
}

export class App {
  readonly streams: AppStreams
  readonly passphrases: Passphrases
  /** How the command ended, if it did not fail. */
  outcome: Outcome = 'done'

  constructor(streams: AppStreams) {
    this.streams = streams
    this.passphrases = new Passphrases(streams)
  }

  home(): Promise<string> {
    return homePath(this.streams.env)
  }

  /** The same; fails with `not-found` if there is none. */
  async existingHome(): Promise<string> {
    const home = await this.home()
    if (isHome(home)) return home
    throw new DfsError('not-found', 'there is no dfs home here', {
      subject: home,
      mend: 'run "dfs init", or set DFS_HOME',
    })
  }

  /**
   * Runs `work` with the home's daemon, started if need be. Ctrl-C hangs up, which aborts what the daemon does.
   * Fails with `not-found` if there is no home, unless the command `mayCreate` one; asks for a passphrase only to start one.
   */
  async withDaemon<T>(work: (client: Client) => Promise<T>, { mayCreate = false } = {}): Promise<T> {
    const home = await (mayCreate ? this.home() : this.existingHome())
    const client = await connectOrStart(home, this.passphrases)
    const onSignal = () => client.abort(new DfsError('aborted', 'interrupted'))
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
    try {
      return await work(client)
    } finally {
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
      client.close()
    }
  }

  /** What the keys of a home that is to be made are to be under: see `Passphrases`. */
  async newPassphrase({ ask }: { ask: boolean }): Promise<string | undefined> {
    return await this.passphrases.forNewHome(await this.home(), { ask })
  }

  progressBar(label: string): ProgressBar {
    return progressBar(label, this.streams.stderr)
  }

  /** Tells a result: as JSON for programs, else `text` for people; as lines, which fit a terminal, or a text that is left as it is. */
  report<T>({ json }: ReportOptions, result: T, text: (result: T) => string | readonly Line[]): void {
    const shown = json ? JSON.stringify(result, undefined, 2) : this.#shown(text(result))
    if (shown !== '') this.streams.stdout.write(`${shown}\n`)
  }

  /** Shows lines anew: on a terminal in place of all that is there, as many as fit; elsewhere after a line that is empty. */
  show(lines: readonly Line[]): void {
    const { stdout } = this.streams
    const text = formatLines(lines, stdout)
    if (!stdout.isTTY) stdout.write(`${text}\n\n`)
    else
      stdout.write(
        `${CLEAR}${text
          .split('\n')
          .slice(0, (stdout.rows ?? 24) - 1)
          .join('\n')}\n`,
      )
  }

  #shown(text: string | readonly Line[]): string {
    return typeof text === 'string' ? printable(text) : formatLines(text, this.streams.stdout)
  }

  /** Says something to a person that is not the result. */
  say(text: string): void {
    this.streams.stderr.write(`${printable(text)}\n`)
  }
}
