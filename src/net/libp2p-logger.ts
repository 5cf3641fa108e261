/**
 * libp2p's log lines under our own namespaces, `dfs:libp2p:COMPONENT`, and free when nobody listens.
 */
import type { ComponentLogger, Logger } from '@libp2p/interface'
import { logger } from '../log.ts'

export function libp2pLogger(): ComponentLogger {
  return { forComponent: (name) => scoped(name.replace(/^libp2p:/, '')) }
}

function scoped(name: string): Logger {
  const debug = logger(`libp2p:${name}`)
  const quiet = () => {}
  return Object.assign((format: unknown, ...args: unknown[]) => debug(String(format), ...args), {
    error: (format: unknown, ...args: unknown[]) => debug(String(format), ...args),
    trace: quiet,
    enabled: false,
    newScope: (scope: string) => scoped(`${name}:${scope}`),
  }) as unknown as Logger
}
