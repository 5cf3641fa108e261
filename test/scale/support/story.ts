/**
 * The story that a simulated network lives through, ten minutes in each round. What real nodes do every hour, a sixth
 * of the nodes does in each round: they look for their neighbours and at a random key, and announce themselves, which
 * tells them how soon to renew what else they announced.
 */
import { randomBytes } from 'node:crypto'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { RenewalPace } from '../../../src/net/renewal-pace.ts'
import type { SimulatedHost } from './simulated-host.ts'

const ROUND_MS = 10 * 60_000
export const ROUNDS_IN_HOUR = 6
const ANNOUNCE_MS_MAX = 60_000

export interface Block {
  cid: CID
  provider: SimulatedHost
  /** Those that took the record the last time. */
  holders: ReadonlySet<string>
  announcedMs: number
}

interface Life {
  /** Stands for the device's own key. */
  key: CID
  bornRound: number
  pace: RenewalPace
}

interface WithUpkeep {
  querySelf: { querySelf(): Promise<void> }
  routingTableRefresh: { _refreshCommonPrefixLength(length: number, last: Date, force: boolean): Promise<void> }
}

export class Story {
  readonly #lives = new Map<SimulatedHost, Life>()
  #round = 0

  get #nowMs(): number {
    return this.#round * ROUND_MS
  }

  joined(node: SimulatedHost): void {
    // Who was there at first has its hour at any time.
    const bornRound = this.#round === 0 ? -Math.floor(Math.random() * ROUNDS_IN_HOUR) : this.#round
    this.#lives.set(node, { key: newKey(), bornRound, pace: new RenewalPace() })
  }

  async announceNew(provider: SimulatedHost): Promise<Block> {
    const block: Block = { cid: newKey(), provider, holders: new Set(), announcedMs: this.#nowMs }
    await this.#announce(block)
    return block
  }

  nextRound(): void {
    this.#round++
  }

  /** Whether the node's hour comes in this round. */
  isHourOf(node: SimulatedHost): boolean {
    return (this.#round - this.#lifeOf(node).bornRound) % ROUNDS_IN_HOUR === 0
  }

  async hourOf(node: SimulatedHost): Promise<void> {
    const upkeep = node.dht as unknown as WithUpkeep
    await upkeep.querySelf.querySelf()
    await upkeep.routingTableRefresh._refreshCommonPrefixLength(0, new Date(0), true).catch(() => {})
    const { key, pace } = this.#lifeOf(node)
    pace.note(await tell(node, key), this.#nowMs)
  }

  isDue({ provider, announcedMs }: Block): boolean {
    return this.#nowMs - announcedMs >= this.#lifeOf(provider).pace.renewMs
  }

  async renew(block: Block): Promise<void> {
    await this.#announce(block)
  }

  async #announce(block: Block): Promise<void> {
    const told = await tell(block.provider, block.cid)
    if (told.size === 0) return
    block.holders = told
    block.announcedMs = this.#nowMs
  }

  #lifeOf(node: SimulatedHost): Life {
    return this.#lives.get(node)!
  }
}

/** Gives the peers that took the record. */
async function tell(node: SimulatedHost, key: CID): Promise<Set<string>> {
  const signal = AbortSignal.timeout(ANNOUNCE_MS_MAX)
  const told = new Set<string>()
  try {
    for await (const event of node.dht.provide(key, { signal })) {
      if (event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER') told.add(event.from.toString())
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return told
}

function newKey(): CID {
  return CID.createV1(0x55, createDigest(0x12, randomBytes(32)))
}
