/**
 * The asking half of the block exchange: gets blocks from the peers that have them.
 *
 * Each fetch asks one peer at a time, the one that should deliver first: urgent ones at once, bulk ones as long as the
 * peer's window has room. With nobody left to ask it searches: holders are looked up, and a signed seek goes round.
 * Every fetch ends within `timeoutMs` after the last progress.
 */
import type { Cid } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import { BlockFetch, type BlockRequest, type FetchRunner } from './block-fetch.ts'
import type { Clock } from './clock.ts'
import { log } from './log.ts'
import type { PeerLink } from './peer-link.ts'
import type { Reputation } from './reputation.ts'

/** What the exchange needs of the network. */
export interface ExchangePeers {
  /** Peers that are members and connected. */
  connected(): string[]
  /** A link to a peer, dialled if need be. Fails with `unreachable`; `events.onEnded` hears of its end. */
  link(peerId: string, events: { onEnded(error: Error, isViolation: boolean): void }): Promise<PeerLink>
  /** Peers that announced a CID, as far as they can be found; ends by itself or by the signal. */
  findProviders(cid: Cid, signal: AbortSignal): AsyncIterable<string>
  /** Is to be disconnected unless it gives a sign of life soon, or `hasSpoken` says that it did. */
  suspect(peerId: string, hasSpoken: () => boolean): void
  /** Whether a member is being called for the first time: since the start, or since there was news of it. */
  expectsMore(): boolean
  /** Asks all connected peers, and through them those behind, for holders; they answer by `noteHolder`. */
  seek(digest: Buffer): void
}

export interface ExchangeOptions {
  readonly peers: ExchangePeers
  readonly clock: Clock
  readonly reputation: Reputation
  readonly timeoutMs: number
}

/** A fetch under way. */
export interface FetchHandle {
  /** Resolves once the block is in `into`, checked. Fails with `unreachable`, `timeout`, `aborted`. */
  readonly done: Promise<void>
  prefer(from: number, to: number): void
  abort(reason?: Error): void
}

/** Unsure whether the likeliest peer has a block, so many others are asked whether they do. */
const PROBES_MAX = 3
const SURE_AFFINITY = 0.8
const AFFINITY_MIN = 0.02
/** A peer that owes a block and then says nothing at all for so long may be gone. */
const SILENT_MS = 1500
/** How long a search waits for the first peer, and for answers to a seek. */
const SEARCH_MS = 5000
/** While a peer is expected that may have the block, it is looked again so often. */
const EXPECTING_MS = 250

export class Exchange implements FetchRunner {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly #peers: ExchangePeers
  readonly #reputation: Reputation
  readonly #links = new Map<string, PeerLink>()
  readonly #linking = new Map<string, Promise<void>>()
  readonly #fetches = new Set<BlockFetch>()
  /** Those that ask nobody, in the order in which they came. */
  readonly #urgent = new Set<BlockFetch>()
  readonly #bulk = new Set<BlockFetch>()
  /** Those that ask only peers that are silent, with nobody else to ask so far. */
  readonly #stalled = new Set<BlockFetch>()
  readonly #searching = new Map<BlockFetch, AbortController>()
  readonly #searched = new WeakSet<BlockFetch>()
  #isPumping = false
  #isExpecting = false
  #closed: Error | undefined

  constructor({ peers, clock, reputation, timeoutMs }: ExchangeOptions) {
    this.#peers = peers
    this.clock = clock
    this.#reputation = reputation
    this.timeoutMs = timeoutMs
  }

  fetch(request: BlockRequest): FetchHandle {
    const fetch = new BlockFetch(request, this)
    this.#fetches.add(fetch)
    if (this.#closed === undefined) this.enqueue(fetch)
    else fetch.fail(this.#closed)
    return {
      done: fetch.done,
      prefer: (from, to) => this.#prefer(fetch, from, to),
      abort: (reason) =>
        fetch.fail(new DfsError('aborted', 'nobody waits for the block any more', { op: 'fetch', cause: reason })),
    }
  }

  /** A member is connected. */
  peerUp(peerId: string): void {
    if (this.#links.has(peerId) || this.#linking.has(peerId) || !this.#reputation.isTrusted(peerId)) return
    if (this.#closed !== undefined) return
    const linking = this.#link(peerId)
      .catch((error) => log('%s: %s', peerId, error))
      .finally(() => {
        this.#linking.delete(peerId)
        this.#pump()
      })
    this.#linking.set(peerId, linking)
  }

  /** A member is connected no more, or no member any more. */
  peerDown(peerId: string): void {
    this.#links.get(peerId)?.close(new DfsError('unreachable', 'the peer is gone', { op: 'fetch', subject: peerId }))
  }

  /** A peer says that it has the block. Counts only if we look for it. */
  noteHolder(peerId: string, digest: Buffer): void {
    const looking = [...this.#fetches].filter((fetch) => fetch.digest.equals(digest))
    if (looking.length === 0 || !this.#reputation.isTrusted(peerId)) return
    for (const fetch of looking) fetch.noteHolder(peerId)
    this.peerUp(peerId)
    this.#pump()
  }

  enqueue(fetch: BlockFetch): void {
    ;(fetch.isUrgent ? this.#urgent : this.#bulk).add(fetch)
    this.#pump()
  }

  hedge(fetch: BlockFetch): void {
    const link = this.#choose(fetch)
    if (link !== undefined) {
      this.#stalled.delete(fetch)
      fetch.ask(link)
    } else {
      this.#stalled.add(fetch)
      this.#search(fetch)
    }
  }

  suspect(link: PeerLink): void {
    link.noteStalled()
    const sinceMs = this.clock.now()
    // Other blocks may come before this one: what counts is whether anything comes.
    const hasSpoken = () => link.heardMs > sinceMs
    this.clock.after(SILENT_MS, () => {
      if (link.isOpen && !hasSpoken()) this.#peers.suspect(link.peerId, hasSpoken)
    })
  }

  accuse(link: PeerLink, error: Error): void {
    log('%s: %s', link.peerId, error)
    this.#reputation.punish(link.peerId)
    link.close(error)
  }

  settled(fetch: BlockFetch): void {
    this.#fetches.delete(fetch)
    this.#urgent.delete(fetch)
    this.#bulk.delete(fetch)
    this.#stalled.delete(fetch)
    this.#searching.get(fetch)?.abort()
    this.#pump()
  }

  close(): void {
    this.#closed = new DfsError('aborted', 'the network is shutting down', { op: 'fetch' })
    for (const fetch of [...this.#fetches]) fetch.fail(this.#closed)
    for (const link of [...this.#links.values()]) link.close(this.#closed)
  }

  #prefer(fetch: BlockFetch, from: number, to: number): void {
    fetch.prefer(from, to)
    if (this.#bulk.delete(fetch)) this.enqueue(fetch)
  }

  async #link(peerId: string): Promise<void> {
    const link = await this.#peers.link(peerId, {
      onEnded: (_error, isViolation) => {
        if (isViolation) this.#reputation.punish(peerId)
        this.#links.delete(peerId)
        this.#pump()
      },
    })
    if (!link.isOpen) return
    this.#links.set(peerId, link)
    for (const fetch of this.#fetches) fetch.noteBack(peerId)
  }

  /** Gives waiting fetches to peers. Runs later in the same turn, once for many causes. */
  #pump(): void {
    if (this.#isPumping || this.#closed !== undefined) return
    this.#isPumping = true
    queueMicrotask(() => {
      this.#isPumping = false
      for (const fetch of [...this.#stalled]) this.hedge(fetch)
      for (const fetch of [...this.#urgent]) this.#assign(fetch)
      for (const fetch of this.#bulk) if (!this.#assign(fetch)) break
    })
  }

  /** False if the peer that should take it has no room now. */
  #assign(fetch: BlockFetch): boolean {
    const link = this.#choose(fetch)
    if (link === undefined) {
      this.#search(fetch)
      return true
    }
    if (link.isFull && !fetch.isUrgent) return false
    this.#urgent.delete(fetch)
    this.#bulk.delete(fetch)
    fetch.ask(link)
    if (!fetch.isHolder(link.peerId) && link.affinity < SURE_AFFINITY) this.#probe(fetch, link)
    return true
  }

  /** The peer from which the block should be here first. */
  #choose(fetch: BlockFetch): PeerLink | undefined {
    let best: PeerLink | undefined
    let bestCost = Number.POSITIVE_INFINITY
    for (const link of this.#links.values()) {
      if (!link.isOpen || !fetch.mayAsk(link.peerId)) continue
      const likely = fetch.isHolder(link.peerId) ? 1 : Math.max(AFFINITY_MIN, link.affinity)
      const cost = link.expectedMs(fetch.blockBytes) / likely
      if (cost >= bestCost) continue
      best = link
      bestCost = cost
    }
    return best
  }

  #probe(fetch: BlockFetch, asked: PeerLink): void {
    const others = [...this.#links.values()].filter(
      (link) => link !== asked && link.isOpen && fetch.mayAsk(link.peerId) && !fetch.isHolder(link.peerId),
    )
    for (const link of others.slice(0, PROBES_MAX)) {
      link.ask(
        { digest: fetch.digest, blockBytes: fetch.blockBytes, mode: 'probe', from: 0, to: 0 },
        {
          onAvailable: () => fetch.noteHolder(link.peerId),
          onMissing: () => fetch.noteMissing(link.peerId),
          onFailed: () => {},
        },
      )
    }
  }

  /** Nobody is left to ask: looks for others, once a fetch, and gives up if it asks nobody and none is expected. */
  #search(fetch: BlockFetch): void {
    fetch.startDeadline()
    if (this.#searching.has(fetch) || this.#linking.size > 0) return
    if (this.#searched.has(fetch)) {
      if (fetch.isAsking) return
      if (this.#peers.expectsMore()) this.#lookAgain()
      else fetch.fail(new DfsError('unreachable', 'no device within reach has the block', { subject: fetch.cid }))
      return
    }
    this.#searched.add(fetch)
    const ending = new AbortController()
    this.#searching.set(fetch, ending)
    const callOff = this.clock.after(Math.min(SEARCH_MS, this.timeoutMs), () => ending.abort())
    ending.signal.addEventListener('abort', () => {
      callOff()
      this.#searching.delete(fetch)
      if (!fetch.isSettled) this.#pump()
    })
    for (const peerId of this.#peers.connected()) this.peerUp(peerId)
    this.#peers.seek(fetch.digest)
    void this.#lookUp(fetch, ending.signal)
  }

  #lookAgain(): void {
    if (this.#isExpecting) return
    this.#isExpecting = true
    this.clock.after(EXPECTING_MS, () => {
      this.#isExpecting = false
      this.#pump()
    })
  }

  async #lookUp(fetch: BlockFetch, signal: AbortSignal): Promise<void> {
    const cids = fetch.root === undefined || fetch.root === fetch.cid ? [fetch.cid] : [fetch.root, fetch.cid]
    const lookUp = async (cid: Cid) => {
      for await (const peerId of this.#peers.findProviders(cid, signal)) this.peerUp(peerId)
    }
    for (const result of await Promise.allSettled(cids.map(lookUp))) {
      if (result.status === 'rejected') log('looking for %s: %s', fetch.cid, result.reason)
    }
  }
}
