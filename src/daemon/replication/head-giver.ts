/**
 * Has the newest head kept by everybody who holds blocks for it, and by as many devices as are wanted in any case: a file may
 * be so small that it is in the head whole, and in no block.
 */
import { describeError } from '../../errors.ts'
import { cidOfDigest } from '../../format/cid.ts'
import { logger } from '../../log.ts'
import { countHolders } from '../../net/holds/counting.ts'
import type { DeviceId } from '../../net/holds/state.ts'
import { chooseHolders } from '../../net/placement.ts'
import { digestOf } from '../../seal/hash.ts'
import type { Lenders } from './lenders.ts'
import type { Heads, MembersView } from './parts.ts'

const log = logger('replication')

export interface HeadGiverOptions {
  readonly heads: Pick<Heads, 'giveTo'>
  readonly lenders: Pick<Lenders, 'candidates' | 'failed'>
  readonly members: MembersView
  readonly replicas: () => number
}

export class HeadGiver {
  readonly #options: HeadGiverOptions
  /** Who holds something, as far as this run has seen. */
  readonly #holders = new Set<DeviceId>()
  /** Who got a head in this run: later ones follow by themselves. */
  readonly #given = new Set<DeviceId>()

  constructor(options: HeadGiverOptions) {
    this.#options = options
  }

  /** The device is bound to hold blocks. */
  noteHolder(device: DeviceId): void {
    this.#holders.add(device)
  }

  /** The device keeps less than it did: what it has is found out anew. */
  forget(device: DeviceId): void {
    this.#holders.delete(device)
    this.#given.delete(device)
  }

  /** Gives it to all who lack it; whether it is where it has to be. Fails with `aborted`. */
  async give(signal: AbortSignal): Promise<boolean> {
    const { members } = this.#options
    for (const device of this.#holders) if (members.ownerOf(device) === undefined) this.forget(device)
    await Promise.all([...this.#holders].map((device) => this.#giveTo(device, signal)))
    const others = await this.#chooseOthers(signal)
    await Promise.all(others.map((device) => this.#giveTo(device, signal)))
    return [...this.#holders].every((device) => this.#given.has(device)) && this.#isEnough()
  }

  #isEnough(): boolean {
    return countHolders(this.#given, this.#options.members) >= this.#options.replicas()
  }

  /** Always the same ones, as long as they are there. */
  async #chooseOthers(signal: AbortSignal): Promise<DeviceId[]> {
    if (this.#isEnough()) return []
    const { lenders, members, replicas } = this.#options
    const own = cidOfDigest(digestOf(Buffer.from(members.self)))
    const present = [...this.#given]
    const chosen = chooseHolders(own, await lenders.candidates(signal), { present, replicas: replicas(), members })
    return chosen.map(({ device }) => device)
  }

  async #giveTo(device: DeviceId, signal: AbortSignal): Promise<void> {
    if (this.#given.has(device)) return
    try {
      await this.#options.heads.giveTo(device, signal)
      this.#given.add(device)
    } catch (error) {
      signal.throwIfAborted()
      log('%s has not got the head: %s', device, describeError(error))
      this.#options.lenders.failed(device)
    }
  }
}
