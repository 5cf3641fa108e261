/**
 * Seeks: a device that wants a block asks those it knows, they ask those they know, and a holder answers the first
 * asker, who pulls.
 *
 * A seek is signed by its origin, passed on with one hop less each time, and by one device once only. What it can cause
 * is bounded per peer that sends it and in all; nothing is remembered but its nonce, for as long as there is room.
 */
import { randomBytes } from 'node:crypto'
import { Lru } from '../../concurrency/lru.ts'
import type { BlockReader } from '../../dfs.ts'
import { cidOfDigest } from '../../format/cid.ts'
import { ADDRESSES_MAX, type Message, type SeekClaim, type SeekMessage, seekSignedBytes } from '../../format/message.ts'
import { RateLimit } from '../rate-limit.ts'
import type { Clock } from './clock.ts'
import { log } from './log.ts'

/** What forwarding needs of the network. */
export interface SeekNetwork {
  readonly networkId: Uint8Array
  readonly self: { readonly publicKey: Buffer; sign(bytes: Buffer): Promise<Buffer> | Buffer }
  addresses(): string[]
  /** Peers that are members and connected. */
  connected(): string[]
  /** The peer of an Ed25519 public key; undefined unless it is a member. */
  memberOf(publicKey: Buffer): string | undefined
  verify(publicKey: Buffer, bytes: Buffer, signature: Buffer): Promise<boolean> | boolean
  /** Sends a message to a connected peer, if it is; never fails. */
  send(peerId: string, message: Message): void
  /** Sends to a peer that may have to be dialled first. Fails with `unreachable`. */
  sendTo(peerId: string, addresses: readonly string[], message: Message): Promise<void>
}

const HOPS = 3
const SEEN_MAX = 16_384
const PEER_RATE = { perSecond: 50, burst: 500 }

export class Forwarder {
  readonly #network: SeekNetwork
  readonly #blocks: Pick<BlockReader, 'has'>
  readonly #seen = new Lru<string, true>({ weightMax: SEEN_MAX, weigh: () => 1 })
  /** Of peers that send seeks; what is more is dropped. */
  readonly #senders: RateLimit
  /** Of origins that are answered: each answer may cost a connection. */
  readonly #origins: RateLimit

  constructor(network: SeekNetwork, { blocks, clock }: { blocks: Pick<BlockReader, 'has'>; clock: Clock }) {
    this.#network = network
    this.#blocks = blocks
    const rate = { ...PEER_RATE, now: () => clock.now() }
    this.#senders = new RateLimit(rate)
    this.#origins = new RateLimit(rate)
  }

  /** Asks all connected peers for holders of a block. */
  async seek(digest: Buffer): Promise<void> {
    const { self, networkId } = this.#network
    const claim: SeekClaim = {
      origin: self.publicKey,
      nonce: randomBytes(16),
      digest,
      addresses: this.#network.addresses().slice(0, ADDRESSES_MAX),
    }
    const signature = await self.sign(seekSignedBytes(claim, networkId))
    this.#seen.set(claim.nonce.toString('latin1'), true)
    for (const peerId of this.#network.connected()) {
      this.#network.send(peerId, { type: 'seek', hops: HOPS, ...claim, signature })
    }
  }

  /** Takes a seek from a peer: answers its origin, or passes it on. Never fails: what is not right is dropped. */
  async take(from: string, seek: SeekMessage): Promise<void> {
    const { networkId, self } = this.#network
    const key = seek.nonce.toString('latin1')
    if (this.#seen.get(key) !== undefined || seek.origin.equals(self.publicKey)) return
    const origin = this.#network.memberOf(seek.origin)
    if (origin === undefined || !this.#senders.take(from)) return
    if (!(await this.#network.verify(seek.origin, seekSignedBytes(seek, networkId), seek.signature))) return
    // Only now: nobody can keep a seek from us by sending its nonce with another signature first.
    if (this.#seen.get(key) !== undefined) return
    this.#seen.set(key, true)
    if (this.#blocks.has(cidOfDigest(seek.digest))) await this.#answer(origin, seek)
    else this.#passOn(from, origin, seek)
  }

  async #answer(origin: string, { digest, addresses }: SeekMessage): Promise<void> {
    if (!this.#origins.take(origin)) return
    try {
      await this.#network.sendTo(origin, addresses, { type: 'have', digests: [Buffer.from(digest)] })
    } catch (error) {
      log('answering %s: %s', origin, error)
    }
  }

  #passOn(from: string, origin: string, seek: SeekMessage): void {
    if (seek.hops === 0) return
    const onward = { ...seek, hops: Math.min(seek.hops, HOPS) - 1 }
    for (const peerId of this.#network.connected()) {
      if (peerId !== from && peerId !== origin) this.#network.send(peerId, onward)
    }
  }
}
