/**
 * Logging: one `debug` namespace a room, all below `dfs:`. `DEBUG=dfs:*` shows everything.
 * No plaintext, no key and no content ever goes into a log line; names and CIDs may.
 */
import createDebug from 'debug'

export type Log = (format: string, ...args: unknown[]) => void

/** The logger of one room: `const log = logger('store')`. */
export function logger(room: string): Log {
  return createDebug(`dfs:${room}`)
}

/** For what an operator must see whatever DEBUG says: goes to the daemon's log with a time. */
export function warn(message: string): void {
  process.stderr.write(`${new Date().toISOString()} ${message}\n`)
}
