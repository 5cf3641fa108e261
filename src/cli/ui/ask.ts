/** How the page asks the daemon. All that it knows, and all that it does, goes through here. */
import type { Method, Params, Results } from '../../daemon/control-api.ts'
import { DfsError } from '../../errors.ts'
import type { CallOptions } from '../client.ts'
import type { Passphrases } from '../passphrases.ts'
import { connectOrStart, connectRunning } from '../start-daemon.ts'

export interface AskOptions extends Pick<CallOptions, 'onProgress'> {
  /** Hangs up, which ends what the daemon does. */
  readonly signal?: AbortSignal
}

/** Fails as the daemon does; several may be asked at once. */
export type Ask = <M extends Method>(method: M, params: Params<M>, options?: AskOptions) => Promise<Results[M]>

export interface Asking {
  /** Starts the daemon if none runs: for what a person does. */
  readonly ask: Ask
  /** Fails with `not-running` then: for what pages do by themselves, so that they keep no daemon from ending. */
  readonly askRunning: Ask
}

/** `ended`: whatever is asked then, or was before, is hung up on. */
export function askingDaemonOf(home: string, passphrases: Passphrases, ended: AbortSignal): Asking {
  const over =
    (connect: typeof connectRunning): Ask =>
    async (method, params, { signal, onProgress } = {}) => {
      const either = signal === undefined ? ended : AbortSignal.any([ended, signal])
      try {
        const client = await connect(home, either)
        if (client === undefined) throw new DfsError('not-running', 'no daemon runs for this home')
        return await client.call(method, params, { onProgress }).finally(() => client.close())
      } catch (cause) {
        throw either.aborted ? new DfsError('aborted', 'stopped', { cause }) : cause
      }
    }
  const start = (home: string, signal?: AbortSignal) => connectOrStart(home, passphrases, signal)
  return { ask: over(start), askRunning: over(connectRunning) }
}
