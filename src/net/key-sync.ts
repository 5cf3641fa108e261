/**
 * `/dfs/keys/1`: brings the personal key of a new epoch to the other devices of the same owner.
 *
 * Only devices that the owner's key in use vouches for may ask, so a device that was removed, which is why there is a
 * new epoch, may not. The key crosses the connection that authenticated the device, and nothing else.
 */
import { DfsError, describeError } from '../errors.ts'
import { decodeKeysMessage, encodeKeysMessage, KEYS_MESSAGE_BYTES_MAX } from '../format/keys-message.ts'
import { logger } from '../log.ts'
import { type FrameChannel, streamChannel } from './framing.ts'
import type { Membership } from './membership.ts'
import type { DfsNode } from './node.ts'

const log = logger('net')
const PROTOCOL = '/dfs/keys/1'
const MS_MAX = 10_000

export interface WirePersonalKey {
  personalKey: Uint8Array
  epoch: number
}

export interface KeySyncOptions {
  node: DfsNode
  membership: Membership
  /** The newest personal key of this device, for a device of the same owner. */
  newest: (peerId: string) => Promise<WirePersonalKey>
}

export class KeySync {
  readonly #options: KeySyncOptions

  constructor(options: KeySyncOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    await this.#options.node.handle(PROTOCOL, async (stream, peerId) => {
      this.#requireOwn(peerId)
      await this.#answer(channelOn(stream), peerId)
    })
  }

  /** Asks the connected devices of the same owner for a personal key newer than `epoch`; undefined if none has one. */
  async ask(epoch: number): Promise<WirePersonalKey | undefined> {
    const { node, membership } = this.#options
    for (const peerId of node.connectedMembers()) {
      if (membership.roleOf(peerId) !== 'own') continue
      try {
        const stream = await node.open(peerId, PROTOCOL, { signal: AbortSignal.timeout(MS_MAX) })
        const key = await askOver(channelOn(stream), epoch)
        if (key !== undefined) return key
      } catch (error) {
        log('keys: %s: %s', peerId, describeError(error))
      }
    }
    return undefined
  }

  async #answer(channel: FrameChannel, peerId: string): Promise<void> {
    for await (const frame of channel) {
      const message = decodeKeysMessage(frame)
      if (message.kind !== 'want') throw new DfsError('corrupt', 'a question belongs here', { op: 'keys' })
      const { personalKey, epoch } = await this.#options.newest(peerId)
      // Once more: it may have been removed while the key was fetched.
      this.#requireOwn(peerId)
      const answer =
        epoch > message.epoch ? { kind: 'key' as const, epoch, personalKey: Buffer.from(personalKey) } : undefined
      await channel.send(encodeKeysMessage(answer ?? { kind: 'none' }))
      await channel.close()
      return
    }
  }

  #requireOwn(peerId: string): void {
    if (this.#options.membership.roleOf(peerId) === 'own') return
    throw new DfsError('no-permission', 'is no device of this owner', { op: 'keys', subject: peerId })
  }
}

async function askOver(channel: FrameChannel, epoch: number): Promise<WirePersonalKey | undefined> {
  await channel.send(encodeKeysMessage({ kind: 'want', epoch }))
  for await (const frame of channel) {
    const message = decodeKeysMessage(frame)
    await channel.close()
    return message.kind === 'key'
      ? { personalKey: Uint8Array.from(message.personalKey), epoch: message.epoch }
      : undefined
  }
  return undefined
}

function channelOn(stream: Parameters<typeof streamChannel>[0]): FrameChannel {
  return streamChannel(stream, { bytesMax: KEYS_MESSAGE_BYTES_MAX, signal: AbortSignal.timeout(MS_MAX) })
}
