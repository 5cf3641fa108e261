/**
 * Announcing to the network's DHT what this device holds and where it is, and finding who holds what.
 *
 * The DHT's keys are SHA-256 over a domain and the name: kad-dht takes no BLAKE3 multihashes (it parses them as CIDs),
 * and whoever keeps a record cannot ask for the block by it. What was announced is kept in the datastore and announced
 * again before its record is lost (renewal-pace.ts), at a bounded pace; while nobody is there to tell, it waits.
 */
import { createHash } from 'node:crypto'
import type { KadDHT } from '@libp2p/kad-dht'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import type { Cid } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { logger } from '../log.ts'
import { AnnouncementLog, type KeyValueStore } from './announcement-log.ts'
import { RenewalPace } from './renewal-pace.ts'
import { tableSize } from './routing-table.ts'

const log = logger('net')
const RAW = 0x55
const SHA2_256 = 0x12
/** How often this device's addresses are announced anew, which also shows how fast the network changes. */
const DEVICE_MS = 3_600_000 + 60_000
const ANNOUNCE_MS_MAX = 60_000
const FIND_MS_MAX = 30_000
const TICK_MS = 1_000
const AT_ONCE = 4
/** After an announcement that reached nobody, the next waits: this long, twice as long after each more, to the most. */
const FAILED_MS_MIN = 2_000
const FAILED_MS_MAX = 10 * 60_000

/** The name under which this device's own addresses are announced. */
const DEVICE = 'device'

export interface ProvidersOptions {
  dht: KadDHT
  store: KeyValueStore
  peerId: string
  isMember: (peerId: string) => boolean
  /** Milliseconds since 1970. */
  now?: () => number
}

export interface FoundPeer {
  peerId: string
  /** Multiaddrs as text, without the peer id. */
  addresses: string[]
}

export interface FindOptions {
  /** Default: 30 s. */
  signal?: AbortSignal | undefined
}

export class Providers {
  readonly #dht: KadDHT
  readonly #peerId: string
  readonly #isMember: (peerId: string) => boolean
  readonly #log: AnnouncementLog
  readonly #now: () => number
  readonly #pace = new RenewalPace()
  readonly #running = new Set<string>()
  readonly #stopping = new AbortController()
  #timers: NodeJS.Timeout[] = []
  #failures = 0
  #notBeforeMs = 0

  constructor({ dht, store, peerId, isMember, now = Date.now }: ProvidersOptions) {
    this.#dht = dht
    this.#peerId = peerId
    this.#isMember = isMember
    this.#now = now
    this.#log = new AnnouncementLog(store)
  }

  /** Reads what is to be announced and begins; this device's addresses come first. */
  async start(): Promise<void> {
    await this.#log.load()
    await this.announceDevice()
    this.#timers = [
      setInterval(() => this.#tick(), TICK_MS).unref(),
      setInterval(() => void this.announceDevice(), DEVICE_MS).unref(),
    ]
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#stopping.abort()
  }

  /** Whether anybody in the DHT is known; without that lookups find nothing, at once. */
  get hasPeers(): boolean {
    return tableSize(this.#dht) > 0
  }

  /** Announces from now on that this device holds these blocks; resolves once that is noted. */
  async provide(cids: Iterable<Cid>): Promise<void> {
    for (const cid of cids) if (!this.#log.has(cid)) await this.#log.set(cid, 0)
    this.#tick()
  }

  /** Announces them no more. Records that are out expire by themselves. */
  async withdraw(cids: Iterable<Cid>): Promise<void> {
    for (const cid of cids) await this.#log.delete(cid)
  }

  /** Announces this device's addresses anew: after a start, and when they have changed. */
  async announceDevice(): Promise<void> {
    await this.#log.set(DEVICE, 0)
    this.#tick()
  }

  /** How many announcements are waiting to be made (anew). */
  get waiting(): number {
    return [...this.#log.due(this.#now() - this.#pace.renewMs)].length
  }

  /**
   * Members that say they hold the block, each once, as they are found. Ends when the DHT has no more to say or the
   * signal fires; with no peers known, at once. Whether they do hold it is for the caller to find out.
   */
  findProviders(cid: Cid, options: FindOptions = {}): AsyncGenerator<FoundPeer> {
    return this.#find(blockKey(cid), options)
  }

  /** Where a device says it is; empty if nobody knows. */
  async findDevice(peerId: string, options: FindOptions = {}): Promise<string[]> {
    for await (const found of this.#find(deviceKey(peerId), options)) {
      if (found.peerId === peerId) return found.addresses
    }
    return []
  }

  async *#find(key: CID, { signal = AbortSignal.timeout(FIND_MS_MAX) }: FindOptions): AsyncGenerator<FoundPeer> {
    if (!this.hasPeers || signal.aborted) return
    const seen = new Set([this.#peerId])
    try {
      const events = this.#dht.findProviders(key, { signal: AbortSignal.any([signal, this.#stopping.signal]) })
      for await (const event of events) {
        if (event.name !== 'PROVIDER') continue
        for (const { id, multiaddrs } of event.providers) {
          const peerId = id.toString()
          if (seen.has(peerId) || !this.#isMember(peerId)) continue
          seen.add(peerId)
          yield { peerId, addresses: multiaddrs.map(String) }
        }
      }
    } catch (error) {
      if (!signal.aborted && !this.#stopping.signal.aborted) throw lookupError(error)
    }
  }

  #tick(): void {
    if (!this.hasPeers || this.#stopping.signal.aborted || performance.now() < this.#notBeforeMs) return
    for (const name of this.#log.due(this.#now() - this.#pace.renewMs)) {
      if (this.#running.size >= AT_ONCE) return
      if (!this.#running.has(name)) void this.#announce(name)
    }
  }

  async #announce(name: string): Promise<void> {
    this.#running.add(name)
    try {
      const told = await this.#tell(name === DEVICE ? deviceKey(this.#peerId) : blockKey(name as Cid))
      log('announced %s to %d peers', name, told.size)
      if (name === DEVICE) this.#pace.note(told, this.#now())
      if (told.size === 0) this.#putOff()
      else {
        this.#failures = 0
        if (this.#log.has(name)) await this.#log.set(name, this.#now())
      }
    } catch (error) {
      log('could not announce %s: %s', name, (error as Error).message)
      this.#putOff()
    } finally {
      this.#running.delete(name)
    }
  }

  /** The network is not well: telling it more would not help. */
  #putOff(): void {
    const waitMs = Math.min(FAILED_MS_MAX, FAILED_MS_MIN * 2 ** this.#failures++)
    this.#notBeforeMs = performance.now() + waitMs * (0.5 + Math.random() / 2)
  }

  /** Gives the peers that took the record. */
  async #tell(key: CID): Promise<Set<string>> {
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(ANNOUNCE_MS_MAX)])
    const told = new Set<string>()
    for await (const event of this.#dht.provide(key, { signal })) {
      if (event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER') told.add(event.from.toString())
    }
    return told
  }
}

function blockKey(cid: Cid): CID {
  return dhtKey('dfs dht block 1', cid)
}

function deviceKey(peerId: string): CID {
  return dhtKey('dfs dht device 1', peerId)
}

function dhtKey(domain: string, name: string): CID {
  const digest = createHash('sha256').update(`${domain}\n${name}`).digest()
  return CID.createV1(RAW, createDigest(SHA2_256, digest))
}

function lookupError(cause: unknown): DfsError {
  return new DfsError('unreachable', `the lookup failed: ${(cause as Error).message}`, { op: 'find providers', cause })
}
