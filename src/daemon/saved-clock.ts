/** Running time that a crash sets back by a minute at most. */
import { describeError } from '../errors.ts'
import { warn } from '../log.ts'
import type { RunningTime } from '../store/running-time.ts'

const SAVE_MS = 60_000

/** Has it written down each minute, and at the end. */
export function savedNowAndThen(clock: RunningTime): AsyncDisposable {
  const save = () => clock.save().catch((error) => warn(`running time: ${describeError(error)}`))
  const timer = setInterval(save, SAVE_MS).unref()
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer)
      await save()
    },
  }
}
