/**
 * The service manager that started this process, if one did: told when dfs is ready, what it does and that it lives, by the
 * protocol of sd_notify(3). Where no manager asks to be told, nothing is said.
 */
import { describeError } from '../../errors.ts'
import { logger } from '../../log.ts'

const log = logger('cli')

/** What the manager tells through the environment; not for the processes that are started from here. */
const VARIABLES = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'] as const

export class ServiceManager {
  readonly #socket: string | undefined
  /** Within this time it wants to be told again that all is well; undefined if it does not care. */
  readonly watchdogMs: number | undefined

  constructor(env: NodeJS.ProcessEnv) {
    this.#socket = env.NOTIFY_SOCKET || undefined
    const microseconds = Number(env.WATCHDOG_USEC)
    const isForUs = env.WATCHDOG_PID === undefined || Number(env.WATCHDOG_PID) === process.pid
    const wantsWord = this.#socket !== undefined && isForUs && microseconds > 0
    this.watchdogMs = wantsWord ? microseconds / 1000 : undefined
  }

  /** Tells it assignments such as `READY=1`. What cannot be told is no reason to end: the manager decides what follows. */
  async tell(...assignments: readonly string[]): Promise<void> {
    if (this.#socket === undefined) return
    const { sendDatagram } = await import('../../posix/unix-datagram.ts')
    try {
      await sendDatagram(this.#socket, Buffer.from(assignments.map(oneLine).join('\n')))
    } catch (error) {
      log('cannot tell the service manager: %s', describeError(error))
    }
  }
}

/** The environment for processes that the manager has not to do with. */
export function withoutManager(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const rest = { ...env }
  for (const name of VARIABLES) delete rest[name]
  return rest
}

/** An assignment ends with its line. */
function oneLine(assignment: string): string {
  return assignment.replaceAll(/[\r\n]+/g, ' ')
}
