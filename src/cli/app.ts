/** What every command works with: the streams, the environment, and the way to the daemon. */
import { isHome } from '../daemon/control-api.ts'
import { DfsError } from '../errors.ts'
import type { Client } from './client.ts'
import type { Outcome } from './exit-codes.ts'
import { homePath } from './home-path.ts'
import { printable } from './output.ts'
import { type ProgressBar, progressBar } from './progress-bar.ts'
import { connectOrStart } from './start-daemon.ts'

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
  /** How the command ended, if it did not fail. */
  outcome: Outcome = 'done'

  constructor(streams: AppStreams) {
    this.streams = streams
  }

  home(): Promise<string> {
    return homePath(this.streams.env)
  }

  /**
   * Runs `work` with the home's daemon, started if need be. Ctrl-C hangs up, which aborts what the daemon does.
   * Fails with `not-found` if there is no home, unless the command `mayCreate` one.
   */
  async withDaemon<T>(work: (client: Client) => Promise<T>, { mayCreate = false } = {}): Promise<T> {
    const home = await this.home()
    if (!mayCreate && !isHome(home)) {
      throw new DfsError('not-found', 'there is no dfs home here', {
        subject: home,
        mend: 'run "dfs init", or set DFS_HOME',
      })
    }
    const client = await connectOrStart(home)
    const onSignal = () => client.abort(new DfsError('aborted', 'interrupted'))
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
    try {
      return await work(client)
    } finally {
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
      client.close()
    }
  }

  progressBar(label: string): ProgressBar {
    return progressBar(label, this.streams.stderr)
  }

  /** Tells a result: as JSON for programs, else `text` for people. */
  report<T>({ json }: ReportOptions, result: T, text: (result: T) => string): void {
    const shown = json ? JSON.stringify(result, undefined, 2) : printable(text(result))
    if (shown !== '') this.streams.stdout.write(`${shown}\n`)
  }

  /** Says something to a person that is not the result. */
  say(text: string): void {
    this.streams.stderr.write(`${printable(text)}\n`)
  }
}
