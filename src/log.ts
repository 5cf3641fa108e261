/**
 * Logging: one `debug` namespace a room, all below `dfs:`. `DEBUG=dfs:*` shows everything.
 * No plaintext, no key and no content ever goes into a log line; names and CIDs may.
 *
 * As text, or, where `DFS_LOG_FORMAT` is `json`, one JSON object a line: `time` (ISO 8601, UTC), `level` (`warn` or `debug`), `area` (a room,
 * or `daemon` for what an operator must see) and `message`.
 */
import { format } from 'node:util'
import createDebug from 'debug'

export type Log = (format: string, ...args: unknown[]) => void

export const LOG_FORMATS = ['text', 'json'] as const

const PREFIX = 'dfs:'

const formatAsText = createDebug.formatArgs
createDebug.formatArgs = function (this: createDebug.Debugger, args: unknown[]): void {
  if (isJson()) args.splice(0, args.length, lineOf('debug', this.namespace.replace(PREFIX, ''), format(...args)))
  else formatAsText.call(this, args as [string, ...unknown[]])
}

/** The logger of one room: `const log = logger('store')`. */
export function logger(room: string): Log {
  return createDebug(PREFIX + room)
}

/** For what an operator must see whatever DEBUG says: goes to the daemon's log with a time. */
export function warn(message: string): void {
  const line = isJson() ? lineOf('warn', 'daemon', message) : `${new Date().toISOString()} ${message}`
  process.stderr.write(`${line}\n`)
}

/** How this process writes from now on, and the threads and processes that it starts: unless the environment said so before. */
export function preferLogFormat(format: string): void {
  process.env.DFS_LOG_FORMAT ||= format
}

function isJson(): boolean {
  return process.env.DFS_LOG_FORMAT === 'json'
}

function lineOf(level: 'warn' | 'debug', area: string, message: string): string {
  return JSON.stringify({ time: new Date().toISOString(), level, area, message })
}
