/**
 * Keeps this device's knowledge of the members equal to the others': tells every member that connects, and all that are
 * connected when something changed; cuts off who is removed.
 */
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { DfsError, describeError } from '../errors.ts'
import { MEMBERS_MESSAGE_BYTES_MAX } from '../format/members-message.ts'
import { logger } from '../log.ts'
import { type FrameChannel, streamChannel } from './framing.ts'
import { exchangeMembers, MEMBERS_PROTOCOL, type MembersOutcome } from './members-exchange.ts'
import type { Membership } from './membership.ts'
import type { DfsNode } from './node.ts'
import { peerIdOf } from './open-target.ts'

const log = logger('net')
const EXCHANGE_MS_MAX = 20_000
/** Several changes at once are told at once. */
const CHANGE_DELAY_MS = 50
/** Who could not be told is told again after this, then after twice as long, so many times, while it is connected. */
const RETRY_MS = 500
const RETRIES_MAX = 5
/** On one connection; one is needed. */
const STREAMS_MAX = 2

export class MemberSync {
  readonly #node: DfsNode
  readonly #membership: Membership
  /** Peers that are being told; true: something changed meanwhile, and they are told again. */
  readonly #telling = new Map<string, boolean>()
  readonly #undo: (() => void)[] = []
  readonly #retries = new Set<NodeJS.Timeout>()
  #timer: NodeJS.Timeout | undefined

  constructor({ node, membership }: { node: DfsNode; membership: Membership }) {
    this.#node = node
    this.#membership = membership
  }

  /** Strangers may open the protocol: what they show may make them members. */
  async start(): Promise<void> {
    this.#undo.push(
      this.#node.onMember((peerId, isUp) => {
        if (isUp) void this.#tell(peerId)
      }),
      this.#membership.onChange(() => {
        this.#node.membersChanged()
        this.#timer ??= setTimeout(() => this.#tellAll(), CHANGE_DELAY_MS).unref()
      }),
    )
    await this.#node.handle(
      MEMBERS_PROTOCOL,
      async (stream, peerId) => {
        const signal = AbortSignal.timeout(EXCHANGE_MS_MAX)
        await this.#exchange(streamChannel(stream, { bytesMax: MEMBERS_MESSAGE_BYTES_MAX, signal }), peerId, false)
      },
      { membersOnly: false, streamsMax: STREAMS_MAX },
    )
    for (const peerId of this.#node.connectedMembers()) void this.#tell(peerId)
  }

  /** Keeps these addresses (multiaddrs that name their peer ids) of members, and tries them. */
  async remember(addresses: readonly string[]): Promise<void> {
    for (const address of addresses) {
      const at = multiaddr(address)
      const peerId = at.getComponents().findLast(({ name }) => name === 'p2p')?.value
      if (peerId !== undefined) await this.#node.libp2p.peerStore.merge(peerIdFromString(peerId), { multiaddrs: [at] })
    }
    this.#node.membersChanged()
  }

  /**
   * Shows the device at an address, which this one may not know for a member yet, that this one is a member; both know the same
   * then. Fails with `no-permission` if it is not taken for one, and with what kept them apart.
   */
  async introduce(address: string): Promise<void> {
    const signal = AbortSignal.timeout(EXCHANGE_MS_MAX)
    const stream = await this.#node.open(address, MEMBERS_PROTOCOL, { signal, membersOnly: false })
    const channel = streamChannel(stream, { bytesMax: MEMBERS_MESSAGE_BYTES_MAX, signal })
    const outcome = await this.#exchange(channel, peerIdOf(address), true)
    if (outcome === 'refused' || outcome === 'stranger') {
      throw new DfsError('no-permission', 'does not take this device for a member of its network', {
        op: 'members',
        subject: address,
        mend: 'use the newest recovery kit, or join with a ticket of "dfs invite"',
      })
    }
    await this.remember([address])
  }

  stop(): void {
    clearTimeout(this.#timer)
    for (const retry of this.#retries) clearTimeout(retry)
    for (const undo of this.#undo.splice(0)) undo()
  }

  #tellAll(): void {
    this.#timer = undefined
    for (const peerId of this.#node.connectedMembers()) void this.#tell(peerId)
  }

  async #tell(peerId: string, failures = 0): Promise<void> {
    if (this.#telling.has(peerId)) {
      this.#telling.set(peerId, true)
      return
    }
    this.#telling.set(peerId, false)
    try {
      const signal = AbortSignal.timeout(EXCHANGE_MS_MAX)
      const stream = await this.#node.open(peerId, MEMBERS_PROTOCOL, { signal })
      await this.#exchange(streamChannel(stream, { bytesMax: MEMBERS_MESSAGE_BYTES_MAX, signal }), peerId, true)
    } catch (error) {
      log('members: %s', describeError(error))
      // It may be busy, or take this device for a stranger and hang up: then it still says why, if it is asked again.
      if (failures < RETRIES_MAX) this.#tellLater(peerId, failures)
    } finally {
      const again = this.#telling.get(peerId)
      this.#telling.delete(peerId)
      if (again && this.#node.connectedMembers().includes(peerId)) void this.#tell(peerId)
    }
  }

  #tellLater(peerId: string, failures: number): void {
    const retry = setTimeout(
      () => {
        this.#retries.delete(retry)
        if (this.#node.connectedMembers().includes(peerId)) void this.#tell(peerId, failures + 1)
      },
      RETRY_MS * 2 ** failures,
    ).unref()
    this.#retries.add(retry)
  }

  async #exchange(channel: FrameChannel, peerId: string, opens: boolean): Promise<MembersOutcome> {
    const outcome = await exchangeMembers(channel, {
      membership: this.#membership,
      deviceId: this.#node.peerId,
      peerId,
      opens,
    })
    log('members: %s with %s', outcome, peerId)
    return outcome
  }
}
