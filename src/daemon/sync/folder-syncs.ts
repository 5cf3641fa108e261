/**
 * The folders that are kept the same on all devices of one's own: those that are open here, as soon as there is another
 * device.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { byteStringOf } from '../../bytes/byte-string.ts'
import { describeError } from '../../errors.ts'
import { publicKeyOf } from '../../format/device-id.ts'
import { isName } from '../../format/sync-entry.ts'
import type { WriterId } from '../../format/version-vector.ts'
import { warn } from '../../log.ts'
import type { Beginning } from '../../sync/sync-index.ts'
import type { Home } from '../home.ts'
import type { NetworkService } from '../network-service.ts'
import { KnownFolders } from './known-folders.ts'
import { type OpenIndex, RunningSync, type SyncedFolder } from './running-sync.ts'
import { SyncLinks } from './sync-links.ts'

const WRITER_KEY_BYTES = 8
const INCARNATION_BYTES = 8
const INDEX_ID_BYTES = 16
/** Of a folder at the root of a disk, and of one whose name cannot be told. */
const UNNAMED = byteStringOf('folder')

/** The index of a folder, made if there is none. */
export type OpenSyncIndex = (
  folder: Pick<SyncedFolder, 'id' | 'directoryFd'>,
  beginning: Beginning,
) => Promise<OpenIndex>

export class FolderSyncs implements AsyncDisposable {
  readonly known: KnownFolders
  readonly #home: Home
  readonly #network: NetworkService
  readonly #openIndex: OpenSyncIndex
  readonly #links: SyncLinks
  readonly #open = new Map<string, SyncedFolder>()
  readonly #running = new Map<string, Promise<RunningSync | undefined>>()
  readonly #unlisten: (() => void)[]

  /** Fails with `newer-version`, `io`. */
  static async open(home: Home, network: NetworkService, openIndex: OpenSyncIndex): Promise<FolderSyncs> {
    const known = await KnownFolders.open(path.join(home.directory('sync'), 'known'))
    return new FolderSyncs(home, network, { known, openIndex })
  }

  private constructor(
    home: Home,
    network: NetworkService,
    { known, openIndex }: { known: KnownFolders; openIndex: OpenSyncIndex },
  ) {
    this.#home = home
    this.#network = network
    this.known = known
    this.#openIndex = openIndex
    this.#links = new SyncLinks({
      send: (peerId, message) => network.network.call('sync.send', { peerId, message: Uint8Array.from(message) }),
      isOwn: (device) => this.#isOwn(device),
      ownFolders: () => home.folders.list().map((folder) => ({ id: folder.id, name: nameOf(folder.path) })),
      onFolders: (device, folders) => {
        known.note(device, folders).catch((error) => warn(`what folders others have: ${describeError(error)}`))
      },
      newBeginning: () => this.#newBeginning(),
    })
    this.#unlisten = [network.serveSync(this.#links), network.membership.onChange(({ left }) => this.#changed(left))]
  }

  /** Other devices of the same owner. */
  get others(): readonly string[] {
    const members = this.#network.membership.members().map(({ deviceId }) => deviceId)
    return members.filter((device) => this.#isOwn(device))
  }

  /** A folder was opened. */
  opened(folder: SyncedFolder): void {
    this.#open.set(folder.id, folder)
    this.#links.foldersChanged()
    this.#startAll()
  }

  /** What people call the device that is this writer. */
  nameOf(writer: WriterId): string {
    const key = writer.slice(0, 2 * WRITER_KEY_BYTES)
    const members = this.#network.membership.members()
    const member = members.find(({ deviceId }) => publicKeyOf(deviceId)?.toString('hex').startsWith(key) === true)
    return member?.name ?? key.slice(0, 8)
  }

  /** The index of a folder that is not open, for whoever closes it. Fails with `corrupt`, `newer-version`, `locked`, `io`. */
  openIndex(folder: Pick<SyncedFolder, 'id' | 'directoryFd'>): Promise<OpenIndex> {
    return this.#openIndex(folder, this.#newBeginning())
  }

  /** There are other folders here than before. */
  registryChanged(): void {
    this.#links.foldersChanged()
  }

  /** A folder is about to be closed; resolves when it is used no more. */
  async closing(folder: SyncedFolder): Promise<void> {
    this.#open.delete(folder.id)
    const running = this.#running.get(folder.id)
    this.#running.delete(folder.id)
    await (await running)?.[Symbol.asyncDispose]()
  }

  /** The folder, while it is kept the same. */
  async of(id: string): Promise<RunningSync | undefined> {
    return this.#running.get(id)
  }

  /** Whether every device that is connected has all that was done to the folder here. */
  isSettled(id: string): boolean {
    return this.#links.isSettled(id)
  }

  /** Brings what was done to a folder to the devices that are connected; names those that do not have all of it when the signal aborts. */
  async tell(id: string, signal: AbortSignal): Promise<string[]> {
    const running = await this.of(id)
    if (running === undefined) return []
    await running.lookNow()
    await this.#links.untilSettled(id, signal)
    const members = this.#network.membership.members()
    return this.#links
      .unsettled(id)
      .map((device) => members.find(({ deviceId }) => deviceId === device)?.name ?? device)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const unlisten of this.#unlisten) unlisten()
    for (const folder of [...this.#open.values()]) await this.closing(folder)
    await this.#links[Symbol.asyncDispose]()
  }

  #changed(left: readonly string[]): void {
    for (const device of left) {
      this.known.forget(device).catch((error) => warn(`what folders others have: ${describeError(error)}`))
    }
    this.#links.foldersChanged()
    this.#startAll()
  }

  /**
   * Alone there is nobody to keep anything the same with, and an index costs as much as it has entries. One that is there
   * already goes on: it may have come back with its folder, and know what that is still to show.
   */
  #startAll(): void {
    const isAlone = this.others.length === 0
    for (const folder of this.#open.values()) {
      if (this.#running.has(folder.id) || (isAlone && !this.#hasIndex(folder))) continue
      this.#running.set(folder.id, this.#start(folder))
    }
  }

  #hasIndex({ id }: SyncedFolder): boolean {
    return existsSync(path.join(this.#home.directory('sync'), id))
  }

  async #start(folder: SyncedFolder): Promise<RunningSync | undefined> {
    try {
      return await RunningSync.open({
        folder,
        openIndex: () => this.#openIndex(folder, this.#newBeginning()),
        links: this.#links,
        deviceName: (writer) => this.nameOf(writer),
      })
    } catch (error) {
      warn(`${folder.path} is not kept the same as on other devices: ${describeError(error)}`)
      return undefined
    }
  }

  #isOwn(device: string): boolean {
    return device !== this.#home.deviceId && this.#network.membership.roleOf(device) === 'own'
  }

  #newBeginning(): Beginning {
    const writer = Buffer.concat([
      this.#home.identity.publicKey.subarray(0, WRITER_KEY_BYTES),
      randomBytes(INCARNATION_BYTES),
    ])
    return { indexId: randomBytes(INDEX_ID_BYTES).toString('hex'), newWriter: writer.toString('hex') }
  }
}

function nameOf(folder: string): string {
  const name = byteStringOf(path.basename(folder))
  return isName(name) ? name : UNNAMED
}
