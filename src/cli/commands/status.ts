/** `dfs status`: folders, files, and what they take on disk. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import type { StatusResult } from '../../daemon/control-api.ts'
import { DfsError } from '../../errors.ts'
import type { App, ReportOptions } from '../app.ts'
import { resolvePath } from '../paths.ts'
import { describeStatus } from '../status-text.ts'

interface StatusOptions extends ReportOptions {
  watch?: string | true
}

const SECONDS = 2
const SECONDS_MIN = 0.1
const SECONDS_MAX = 86_400
/** What is watched rests so many times as long as looking takes. */
const BUSY_SHARE = 4

export function registerStatus(program: Command, app: App): void {
  program
    .command('status')
    .description('show folders and files, what they take on disk, and on how many other devices they are')
    .argument('[path]', 'only the folder this is in, and the state of what is at and below it')
    .option('--watch [seconds]', `show it again every so many seconds (else ${SECONDS}), until Ctrl-C`)
    .option('--json', 'report as JSON; with --watch a line each time')
    .addHelpText(
      'after',
      `
A file is "local", "replicated N/M" (all of it is here, and safe on N other devices, of M that are wanted), or "evicted" (not all
of it is here); "dirty" while it is being stored.

Examples:
  $ dfs status
  $ dfs status ~/cloud/films
  $ dfs status --watch
  $ dfs status ~/cloud/report.pdf --json`,
    )
    .action((path: string | undefined, options: StatusOptions) => runStatus(app, path, options))
}

async function runStatus(app: App, path: string | undefined, { watch, json }: StatusOptions): Promise<void> {
  const seconds = parseInterval(watch)
  const params = { path: path && (await resolvePath(path)) }
  await app.withDaemon(async (client) => {
    if (seconds === undefined) app.report({ json }, await client.call('status', params), describeStatus)
    else await watchStatus(app, seconds, () => client.call('status', params), { json })
  })
}

function parseInterval(watch: string | true | undefined): number | undefined {
  if (watch === undefined || watch === true) return watch && SECONDS
  const seconds = Number(watch)
  if (seconds >= SECONDS_MIN && seconds <= SECONDS_MAX) return seconds
  throw new DfsError('usage', `--watch takes seconds from ${SECONDS_MIN} to ${SECONDS_MAX}, not "${watch}"`, {
    mend: 'see "dfs status --help"',
  })
}

/** Shows it until it is interrupted, which is how it is to end. */
async function watchStatus(app: App, seconds: number, look: () => Promise<StatusResult>, { json }: ReportOptions) {
  const over = new AbortController()
  const onSignal = () => over.abort()
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  try {
    while (!over.signal.aborted) {
      const start = performance.now()
      const status = await look()
      if (json) app.streams.stdout.write(`${JSON.stringify(status)}\n`)
      else app.show(describeStatus(status))
      // To look at very many files takes a while: most of the time dfs is to do something else.
      const pauseMs = Math.max(seconds * 1000, (performance.now() - start) * BUSY_SHARE)
      await delay(pauseMs, undefined, { signal: over.signal })
    }
  } catch (error) {
    if (!over.signal.aborted) throw error
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}
