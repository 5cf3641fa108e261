/**
 * Shards that are here only until others have pulled them. They do not count as here: nobody is let go, and nothing is
 * deleted, because of them.
 */
import type { BlockStore, Cid } from '../../dfs.ts'
import type { HoldDriver } from './driver.ts'
import type { ShardBytes } from './hold-service.ts'

export interface ExposedOptions {
  readonly driver: Pick<HoldDriver, 'command'>
  readonly store: Pick<BlockStore, 'has' | 'put' | 'unpin'>
}

export class Exposed {
  readonly #options: ExposedOptions
  /** How many expose each, of those that were not here otherwise. */
  readonly #counts = new Map<Cid, number>()

  constructor(options: ExposedOptions) {
    this.#options = options
  }

  has(cid: Cid): boolean {
    return this.#counts.has(cid)
  }

  /** Fails with `no-space`, `io`; then none is exposed. */
  async expose(shards: readonly ShardBytes[]): Promise<AsyncDisposable> {
    const { store } = this.#options
    const put: Cid[] = []
    const end = { [Symbol.asyncDispose]: () => this.#end(put.splice(0)) }
    try {
      for (const { cid, bytes } of shards) {
        if (!this.#counts.has(cid) && store.has(cid)) continue
        this.#counts.set(cid, (this.#counts.get(cid) ?? 0) + 1)
        put.push(cid)
        await store.put({ cid, sealedBytes: bytes.length }, bytes).catch((error) => {
          this.#uncount(put.pop()!)
          throw error
        })
      }
    } catch (error) {
      await end[Symbol.asyncDispose]()
      throw error
    }
    return end
  }

  /** Those that were promised to somebody meanwhile stay, as any block that is. */
  async #end(cids: readonly Cid[]): Promise<void> {
    const { driver, store } = this.#options
    for (const cid of cids) store.unpin(cid)
    const last = cids.filter((cid) => this.#counts.get(cid) === 1)
    await driver.command(last, { kind: 'drop' }, { hasBlock: true, isNeeded: false })
    for (const cid of cids) this.#uncount(cid)
  }

  #uncount(cid: Cid): void {
    const left = this.#counts.get(cid)! - 1
    if (left > 0) this.#counts.set(cid, left)
    else this.#counts.delete(cid)
  }
}
