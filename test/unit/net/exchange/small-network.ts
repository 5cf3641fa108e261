/**
 * Devices of one network in memory and virtual time, each with the exchange as it is and a behaviour that a test gives.
 */
import { createHash } from 'node:crypto'
import { Budget } from '../../../../src/concurrency/budget.ts'
import type { BlockReader, Cid } from '../../../../src/dfs.ts'
import { DfsError } from '../../../../src/errors.ts'
import { cidOfDigest } from '../../../../src/format/cid.ts'
import type { Message } from '../../../../src/format/message.ts'
import { Exchange, type FetchHandle } from '../../../../src/net/exchange/exchange.ts'
import { Forwarder } from '../../../../src/net/exchange/forward.ts'
import { PeerLink } from '../../../../src/net/exchange/peer-link.ts'
import { Reputation } from '../../../../src/net/exchange/reputation.ts'
import { serve } from '../../../../src/net/exchange/server.ts'
import type { FrameChannel } from '../../../../src/net/framing.ts'
import { digestOf } from '../../../../src/seal/hash.ts'
import { type Line, MemoryChannel } from '../../../support/memory-channel.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

export const TIMEOUT_MS = 15_000

/** What a device does with a channel that another opened to it; the default serves as dfs does. */
export type Behaviour = (channel: FrameChannel, from: SmallDevice, self: SmallDevice) => unknown

export interface Fetched extends FetchHandle {
  readonly into: Buffer
  readonly parts: { from: number; to: number }[]
}

export class SmallNetwork {
  readonly clock = new VirtualClock()
  readonly devices = new Map<string, SmallDevice>()
  readonly #removed = new Set<string>()

  add(
    name: string,
    options: { behaviour?: Behaviour; line?: Omit<Line, 'clock'>; behind?: readonly string[] } = {},
  ): SmallDevice {
    const device = new SmallDevice(this, name, options)
    this.devices.set(name, device)
    return device
  }

  /** Connects two devices. */
  connect(a: SmallDevice, b: SmallDevice): void {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      one.neighbours.add(other.name)
      one.exchange.peerUp(other.name)
    }
  }

  removeMember(name: string): void {
    this.#removed.add(name)
  }

  isMember(name: string): boolean {
    return this.devices.has(name) && !this.#removed.has(name)
  }
}

export class SmallDevice {
  readonly name: string
  readonly blocks = new Map<Cid, Buffer>()
  readonly neighbours = new Set<string>()
  readonly exchange: Exchange
  readonly reputation: Reputation
  readonly budget = new Budget(8 * 1024 * 1024)
  /** Every want that came in, as `peer digest`. */
  readonly asked: string[] = []
  /** Peers that it would have disconnected, if they answered no ping. */
  readonly gone = new Set<string>()
  /** Whether it is calling somebody who may yet come. */
  expectsMore = false
  readonly channels: MemoryChannel[] = []
  readonly #network: SmallNetwork
  readonly #links = new Map<string, PeerLink>()
  readonly #forwarder: Forwarder
  readonly #behaviour: Behaviour
  readonly #line: Omit<Line, 'clock'>

  constructor(
    network: SmallNetwork,
    name: string,
    {
      behaviour = honest,
      line = { delayMs: 10, bytesPerMs: 100_000 },
    }: { behaviour?: Behaviour; line?: Omit<Line, 'clock'> },
  ) {
    this.#network = network
    this.#behaviour = behaviour
    this.#line = line
    this.name = name
    const { clock } = network
    this.reputation = new Reputation(clock)
    this.#forwarder = new Forwarder(
      {
        networkId: Buffer.from('small'),
        self: { publicKey: keyOf(name), sign: (bytes) => signature(name, bytes) },
        addresses: () => ['/memory/x'],
        connected: () => this.#connected(),
        memberOf: (key) =>
          [...network.devices.keys()].find((peer) => keyOf(peer).equals(key) && network.isMember(peer)),
        verify: (key, bytes, given) => {
          const signer = [...network.devices.keys()].find((peer) => keyOf(peer).equals(key))
          return signer !== undefined && signature(signer, bytes).equals(given)
        },
        send: (peerId, message) => this.#links.get(peerId)?.send(message),
        sendTo: async (peerId, _addresses, message) => (await this.#linkTo(peerId)).send(message),
      },
      { blocks: this.reader, clock },
    )
    this.exchange = new Exchange({
      clock,
      timeoutMs: TIMEOUT_MS,
      reputation: this.reputation,
      peers: {
        connected: () => this.#connected(),
        link: (peerId, events) => this.#linkTo(peerId, events),
        async *findProviders() {},
        suspect: (peerId, hasSpoken) => {
          this.clock.after(5000, () => hasSpoken() || this.gone.add(peerId))
        },
        expectsMore: () => this.expectsMore,
        seek: (digest) => void this.#forwarder.seek(digest),
      },
    })
  }

  get reader(): BlockReader {
    return { has: (cid) => this.blocks.has(cid), read: async (cid) => this.blocks.get(cid) }
  }

  keep(...blocks: Buffer[]): void {
    for (const block of blocks) this.blocks.set(cidOf(block), block)
  }

  /** Ends all channels of the device, as if it were switched off. */
  die(): void {
    this.#network.devices.delete(this.name)
    for (const channel of this.channels) channel.abort(new DfsError('unreachable', 'switched off'))
  }

  fetch(block: Buffer, first?: { from: number; to: number }): Fetched {
    const into = Buffer.alloc(block.length)
    const parts: { from: number; to: number }[] = []
    const handle = this.exchange.fetch({
      cid: cidOf(block),
      into,
      first,
      onPart: (from, to) => parts.push({ from, to }),
    })
    return { ...handle, into, parts }
  }

  accept(channel: MemoryChannel, from: SmallDevice): void {
    this.channels.push(channel)
    void this.#behaviour(channel, from, this)
  }

  takeMessage(from: string, message: Message): void {
    if (message.type === 'seek') void this.#forwarder.take(from, message)
    if (message.type === 'have') for (const digest of message.digests) this.exchange.noteHolder(from, digest)
  }

  isMember(name: string): boolean {
    return this.#network.isMember(name)
  }

  get clock(): VirtualClock {
    return this.#network.clock
  }

  #connected(): string[] {
    return [...this.neighbours].filter((peer) => this.#network.isMember(peer))
  }

  async #linkTo(
    peerId: string,
    events: { onEnded(error: Error, isViolation: boolean): void } = { onEnded: () => {} },
  ): Promise<PeerLink> {
    const old = this.#links.get(peerId)
    if (old?.isOpen) return old
    const peer = this.#network.devices.get(peerId)
    if (peer === undefined) throw new DfsError('unreachable', 'no such device')
    const [here, there] = MemoryChannel.pair({ clock: this.clock, ...peer.#line })
    this.channels.push(here)
    const link = new PeerLink(peerId, here, { clock: this.clock, ...events })
    this.#links.set(peerId, link)
    peer.accept(there, this)
    return link
  }
}

/** Serves as dfs does. */
export const honest: Behaviour = (channel, from, self) =>
  serve(channel, {
    blocks: {
      has: (cid) => {
        self.asked.push(`${from.name} ${cid}`)
        return self.blocks.has(cid)
      },
      read: self.reader.read,
    },
    rooms: [],
    budget: self.budget,
    clock: self.clock,
    itemRate: { perSecond: 10_000, burst: 10_000 },
    byteRate: { perSecond: 1e12, burst: 1e12 },
    giveWay: () => undefined,
    isAllowed: () => self.isMember(from.name),
    onMessage: (message) => self.takeMessage(from.name, message),
  })

export function cidOf(block: Buffer): Cid {
  return cidOfDigest(digestOf(block))
}

function keyOf(name: string): Buffer {
  return createHash('sha256').update(`key of ${name}`).digest()
}

/** Stands for Ed25519, which has its own test. */
function signature(name: string, bytes: Buffer): Buffer {
  return createHash('sha512').update(`${name} signs `).update(bytes).digest()
}
