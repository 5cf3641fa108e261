/**
 * One folder and its links with all devices that are connected. What came from one of them is sent on to the others.
 *
 * The index is lent: whoever closes the folder has it back, unused, when that has ended.
 */
import { Mutex } from '../../concurrency/mutex.ts'
import { DfsError } from '../../errors.ts'
import { type Cursor, encodeSyncMessage, type SyncMessageBody } from '../../format/sync-message.ts'
import { logger, warn } from '../../log.ts'
import type { Clock } from '../../net/exchange/clock.ts'
import type { Beginning, SyncIndex } from '../../sync/sync-index.ts'
import { SyncLink } from './sync-link.ts'

const log = logger('sync')

export interface LinkedFolderOptions {
  /** 32 hex digits. */
  readonly id: string
  readonly index: SyncIndex
  readonly onTaken: () => void
  /** What `isSettledWith` says of some device may have changed. */
  readonly onHeard: () => void
  readonly send: (device: string, message: Buffer) => Promise<void>
  readonly newBeginning: () => Beginning
  readonly clock: Clock
}

export class LinkedFolder {
  readonly #options: LinkedFolderOptions
  readonly #id: Buffer
  readonly #links = new Map<string, SyncLink>()
  readonly #uses = new Set<Promise<unknown>>()
  readonly #beginning = new Mutex()
  /** Devices of which was complained. */
  readonly #blamed = new Set<string>()
  #isClosed = false

  constructor(options: LinkedFolderOptions) {
    this.#options = options
    this.#id = Buffer.from(options.id, 'hex')
  }

  /** The link with a device; it begins if there is none. */
  linkTo(device: string): SyncLink {
    const present = this.#links.get(device)
    if (present !== undefined) return present
    const { index, clock, onHeard } = this.#options
    const link = new SyncLink({
      device,
      index,
      use: (work) => this.#use(work),
      send: (message) => this.#send(device, message),
      onTaken: () => this.#taken(),
      onHeard,
      beginAnew: (lost) => this.#beginAnew(lost),
      complain: (what) => this.#complain(device, what),
      clock,
    })
    this.#links.set(device, link)
    link.connect()
    return link
  }

  /** Whether a device has said that it has all of the index. */
  isSettledWith(device: string): boolean {
    return this.#links.get(device)?.isSettled === true
  }

  unlink(device: string): void {
    this.#links.get(device)?.end()
    this.#links.delete(device)
  }

  /** The index was changed, durably. */
  changed(): void {
    for (const link of this.#links.values()) link.changed()
  }

  /** Resolves when nothing uses the index any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const device of [...this.#links.keys()]) this.unlink(device)
    await Promise.allSettled(this.#uses)
  }

  async #use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new DfsError('aborted', 'the folder is not exchanged any more', { op: 'sync' })
    const using = work()
    this.#uses.add(using)
    try {
      return await using
    } finally {
      this.#uses.delete(using)
    }
  }

  #send(device: string, message: SyncMessageBody): Promise<void> {
    return this.#options.send(device, encodeSyncMessage({ ...message, folder: this.#id }))
  }

  #taken(): void {
    this.changed()
    this.#options.onTaken()
  }

  /** Several links may find the same out at once. */
  #beginAnew(lost: Cursor): Promise<void> {
    const { id, index, newBeginning } = this.#options
    return this.#beginning.run(async () => {
      if (index.hasLost(lost)) return
      log('folder %s was set back to an older state: it begins anew', id)
      await this.#use(() => index.beginAnew(lost, newBeginning()))
      for (const link of this.#links.values()) link.connect()
    })
  }

  #complain(device: string, what: string): void {
    if (this.#blamed.has(device)) return
    this.#blamed.add(device)
    warn(what)
  }
}
