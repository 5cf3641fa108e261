/**
 * Heads of other devices that this one keeps for them: of each member the newest, one file each in the home's `heads/kept`,
 * named by the device. (This device's own is beside them.) What is in them only their owner can read, and only the owner's devices are given them. Those of a device
 * that was removed stay: it may be for its loss that it was.
 */
import { mkdir, readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { encodeBase32 } from '../../bytes/base32.ts'
import { Mutex } from '../../concurrency/mutex.ts'
import { describeError } from '../../errors.ts'
import { deviceIdOf } from '../../format/device-id.ts'
import { decodeSealedHead, type HeadLabel, supersedes } from '../../format/head-record.ts'
import type { HeadRefusal } from '../../format/heads-message.ts'
import { logger, warn } from '../../log.ts'
import type { HeadEvents } from '../../net/heads/head-calls.ts'
import type { Membership } from '../../net/membership.ts'
import { bufferOf } from '../../net/pairing/pairing-calls.ts'
import type { Handlers } from '../../net/rpc.ts'
import { verifyHead } from '../../seal/head-seal.ts'
import { readFileIfThere, replaceFile } from '../../store/small-file.ts'

const log = logger('heads')
/** Of all owners together; in the public network one may meet everybody. */
const KEPT_MAX = 1024

export type HeadAnswer = 'kept' | { readonly have: Buffer } | { readonly refused: HeadRefusal }

interface Kept {
  readonly label: HeadLabel
  readonly record: Buffer
}

export class KeptHeads {
  readonly #dir: string
  readonly #membership: Membership
  readonly #kept = new Map<string, Kept>()
  readonly #writing = new Mutex()

  /** `dir`: the home's `heads`. What is damaged is told of and passed over; what is of an owner who left the network goes. Fails with `io`. */
  static async open(dir: string, membership: Membership): Promise<KeptHeads> {
    const heads = new KeptHeads(dir, membership)
    await mkdir(heads.#keptDir, { recursive: true, mode: 0o700 })
    for (const name of await readdir(heads.#keptDir)) await heads.#read(name)
    return heads
  }

  private constructor(dir: string, membership: Membership) {
    this.#dir = dir
    this.#membership = membership
  }

  /** A device gives its head. `kept` once that is durable. Fails with `corrupt`, `newer-version`. */
  async take(deviceId: string, record: Buffer): Promise<HeadAnswer> {
    const label = this.#labelOf(deviceId, record)
    if (label === undefined) return { refused: 'no-member' }
    return this.#writing.run(async () => {
      const present = this.#kept.get(deviceId)
      if (present !== undefined && !supersedes(label, present.label)) return { have: present.record }
      if (present === undefined && this.#kept.size >= KEPT_MAX) return { refused: 'unavailable' }
      try {
        await replaceFile(path.join(this.#keptDir, deviceId), record)
      } catch (error) {
        warn(`the head of ${deviceId} is not kept: ${describeError(error)}`)
        return { refused: 'unavailable' }
      }
      this.#kept.set(deviceId, { label, record })
      log('keeps head %d.%d of %s', label.incarnation, label.sequence, deviceId)
      return 'kept'
    })
  }

  /** All of an owner, for one of its devices, that of this device with them; none for anybody else. */
  async recordsFor(deviceId: string, owner: Buffer): Promise<Buffer[]> {
    if (this.#membership.ownerOf(deviceId) !== encodeBase32(owner)) return []
    const own = await readFileIfThere(path.join(this.#dir, 'own'))
    const kept = [...this.#kept.values()].map(({ record }) => record)
    return [...kept, ...(own === undefined ? [] : [own])].filter((record) => this.#isOf(owner, record))
  }

  /** The same for the network's thread. */
  events(): Handlers<HeadEvents> {
    return {
      'event.headGiven': async ({ peerId, record }) => {
        const answer = await this.take(peerId, bufferOf(record))
        return typeof answer === 'object' && 'have' in answer ? { have: Uint8Array.from(answer.have) } : answer
      },
      'event.headsWanted': async ({ peerId, owner }) => {
        const records = await this.recordsFor(peerId, bufferOf(owner))
        return records.map((record) => Uint8Array.from(record))
      },
    }
  }

  #isOf(owner: Buffer, record: Buffer): boolean {
    try {
      const { label } = decodeSealedHead(record)
      return label.owner.equals(owner) && label.network.equals(this.#membership.identity.network)
    } catch {
      return false // Damaged on this disk: nothing to be given.
    }
  }

  get #keptDir(): string {
    return path.join(this.#dir, 'kept')
  }

  /** Undefined unless the device is a member, and the record its own. */
  #labelOf(deviceId: string, record: Buffer): HeadLabel | undefined {
    const { identity } = this.#membership
    const { label } = verifyHead(record)
    const isItsOwn =
      deviceIdOf(label.device) === deviceId && this.#membership.ownerOf(deviceId) === encodeBase32(label.owner)
    return isItsOwn && label.network.equals(identity.network) ? label : undefined
  }

  async #read(name: string): Promise<void> {
    const file = path.join(this.#keptDir, name)
    const record = await readFileIfThere(file)
    try {
      if (record === undefined) return
      const { label } = verifyHead(record)
      if (deviceIdOf(label.device) !== name) return
      const { identity } = this.#membership
      const isOfOwner = this.#membership.ownerKey(label.owner) !== undefined
      if (isOfOwner && label.network.equals(identity.network)) this.#kept.set(name, { label, record })
      else await rm(file)
    } catch (error) {
      warn(`${file} cannot be read: ${describeError(error)}`)
    }
  }
}
