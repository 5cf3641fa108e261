/**
 * libp2p's log lines under our own namespaces, `dfs:libp2p:COMPONENT`. libp2p makes a logger for every stream, so
 * when nobody listens all of them are one that does nothing.
 */
import type { ComponentLogger, Logger } from '@libp2p/interface'
import { logger } from '../log.ts'

const quiet = loggerOf(
  () => {},
  () => quiet,
)

export function libp2pLogger(): ComponentLogger {
  const isWanted = /\bdfs:(\*|libp2p)/.test(process.env.DEBUG ?? '')
  return { forComponent: (name) => (isWanted ? scoped(name.replace(/^libp2p:/, '')) : quiet) }
}

function scoped(name: string): Logger {
  const debug = logger(`libp2p:${name}`)
  return loggerOf(
    (format, ...args) => debug(String(format), ...args),
    (scope) => scoped(`${name}:${scope}`),
  )
}

type Say = (format: unknown, ...args: unknown[]) => void

function loggerOf(say: Say, newScope: (name: string) => Logger): Logger {
  return Object.assign((format: unknown, ...args: unknown[]) => say(format, ...args), {
    error: say,
    trace: () => {},
    enabled: false,
    newScope,
  }) as Logger
}
