/**
 * The exchange of indexes with the other devices of one's own: for each that is connected, and each folder that is open
 * for it, a link. Begins by itself, whoever of the two connects, or opens the folder, last.
 */
import assert from 'node:assert/strict'
import { DfsError } from '../../errors.ts'
import type { SyncFolder } from '../../format/sync-folders.ts'
import { decodeSyncMessage } from '../../format/sync-message.ts'
import { type Clock, realClock } from '../../net/exchange/clock.ts'
import type { Beginning, SyncIndex } from '../../sync/sync-index.ts'
import { FolderLists } from './folder-lists.ts'
import { LinkedFolder } from './linked-folder.ts'

export interface SyncLinksOptions {
  /** Resolves once the message is on its way; in the order of the calls. */
  send(deviceId: string, message: Buffer): Promise<void>
  /** Whether it is an own device other than this one. */
  isOwn(deviceId: string): boolean
  /** What other own devices are told. Each folder once; those behind the first SYNC_FOLDERS_MAX are not told of. */
  ownFolders(): readonly SyncFolder[]
  /** An own device says that it has these, and no others. */
  onFolders(deviceId: string, folders: readonly SyncFolder[]): void
  newBeginning(): Beginning
  readonly clock?: Clock
}

export class SyncLinks implements AsyncDisposable {
  readonly #options: SyncLinksOptions
  readonly #clock: Clock
  readonly #lists: FolderLists
  readonly #folders = new Map<string, LinkedFolder>()
  /** Members that are connected, whoever's they are. */
  readonly #up = new Set<string>()
  /** Own devices among them with which links have begun. */
  readonly #partners = new Set<string>()
  /** Resolves when another device may have come to know more. */
  #heard = Promise.withResolvers<void>()

  constructor(options: SyncLinksOptions) {
    const { clock = realClock } = options
    this.#options = options
    this.#clock = clock
    this.#lists = new FolderLists({
      send: (device, message) => options.send(device, message),
      ownFolders: () => options.ownFolders(),
      onFolders: (device, folders) => options.onFolders(device, folders),
      clock,
    })
  }

  /**
   * Exchanges the index with own devices from now on; nobody closes it until `remove` has ended.
   * `onTaken`: entries of others were merged into it, durably.
   */
  add(folderId: string, index: SyncIndex, onTaken: () => void): void {
    assert(!this.#folders.has(folderId), 'the folder is exchanged once')
    const { send, newBeginning } = this.#options
    const folder = new LinkedFolder({
      id: folderId,
      index,
      onTaken,
      onHeard: () => this.#noteHeard(),
      send: (device, message) => send(device, message),
      newBeginning: () => newBeginning(),
      clock: this.#clock,
    })
    this.#folders.set(folderId, folder)
    this.#greetAll()
    for (const device of this.#partners) folder.linkTo(device)
  }

  /** Resolves when nothing uses the index any more. */
  async remove(folderId: string): Promise<void> {
    const folder = this.#folders.get(folderId)
    this.#folders.delete(folderId)
    await folder?.close()
  }

  /** The index was changed here, durably. */
  changed(folderId: string): void {
    this.#folders.get(folderId)?.changed()
  }

  /** Tells all that are connected again which folders there are here. */
  foldersChanged(): void {
    this.#greetAll()
    this.#lists.changed()
  }

  memberUp(deviceId: string, isUp: boolean): void {
    if (isUp) {
      this.#up.add(deviceId)
      this.#greet(deviceId)
      return
    }
    this.#up.delete(deviceId)
    if (!this.#partners.delete(deviceId)) return
    this.#lists.disconnected(deviceId)
    for (const folder of this.#folders.values()) folder.unlink(deviceId)
    this.#noteHeard()
  }

  /**
   * Resolves when the next message of this device may come. Fails with `no-permission` if it is no own device, `corrupt`
   * or `newer-version` if the message cannot be read; nothing is changed then.
   */
  async receive(deviceId: string, message: Buffer): Promise<void> {
    if (!this.#options.isOwn(deviceId)) {
      throw new DfsError('no-permission', 'is no device of this owner', { op: 'sync', subject: deviceId })
    }
    const decoded = decodeSyncMessage(message)
    this.#greet(deviceId)
    if (!this.#partners.has(deviceId)) return
    if (decoded.kind === 'folders') {
      await this.#lists.take(deviceId, decoded)
      return this.#noteHeard()
    }
    // Of a folder that is not open here; once it is, this device says hello.
    await this.#folders.get(decoded.folder.toString('hex'))?.linkTo(deviceId).receive(decoded)
  }

  /**
   * Whether all own devices that are connected and have the folder have acknowledged all of its index. While one of them
   * did not say yet what it has: no.
   */
  isSettled(folderId: string): boolean {
    return this.#folders.has(folderId) && this.unsettled(folderId).length === 0
  }

  /** Own devices that are connected and did not acknowledge all of the index, nor say that they do not have the folder. */
  unsettled(folderId: string): string[] {
    const folder = this.#folders.get(folderId)
    return [...this.#partners].filter((device) => {
      const has = this.#lists.has(device, folderId)
      return has !== false && !(has === true && folder?.isSettledWith(device) === true)
    })
  }

  /** Resolves once nobody is `unsettled`, or when the signal aborts. */
  async untilSettled(folderId: string, signal: AbortSignal): Promise<void> {
    const { promise: aborted, resolve } = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => resolve(), { once: true })
    while (!signal.aborted && this.unsettled(folderId).length > 0) await Promise.race([this.#heard.promise, aborted])
    resolve()
  }

  /** Resolves when no index is used any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const device of [...this.#up]) this.memberUp(device, false)
    await Promise.all([...this.#folders.keys()].map((id) => this.remove(id)))
  }

  #noteHeard(): void {
    this.#heard.resolve()
    this.#heard = Promise.withResolvers()
  }

  /** A device may be known as one's own only some time after it connected. */
  #greetAll(): void {
    for (const device of this.#up) this.#greet(device)
  }

  #greet(device: string): void {
    if (!this.#up.has(device) || this.#partners.has(device) || !this.#options.isOwn(device)) return
    this.#partners.add(device)
    this.#lists.connected(device)
    for (const folder of this.#folders.values()) folder.linkTo(device)
  }
}
