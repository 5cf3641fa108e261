/** What the block store takes, without walking it whenever somebody looks: that reads every directory. */
import type { BlockFiles } from '../../store/block-files.ts'

const STANDS_MS = 10 * 60 * 1000

export class StoreUsage {
  #bytes: number | undefined
  #askedMs = Number.NEGATIVE_INFINITY

  /** As it was lately; undefined until it was walked once, which this begins if that is long ago. */
  of(store: Pick<BlockFiles, 'usage'> | undefined): number | undefined {
    const nowMs = performance.now()
    if (store !== undefined && nowMs - this.#askedMs >= STANDS_MS) {
      this.#askedMs = nowMs
      store.usage().then(
        ({ bytes }) => {
          this.#bytes = bytes
        },
        () => undefined, // A store that cannot be read says so elsewhere.
      )
    }
    return this.#bytes
  }
}
