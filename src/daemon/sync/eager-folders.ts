/** Open folders of which all content is to be here, as `dfs folders set --eager` says. */
import type { FolderRegistry } from '../folder-registry.ts'
import type { NetworkService } from '../network-service.ts'
import type { RunningReplication } from '../replication/running-replication.ts'
import { EagerFolder, type EagerlyKept, type EagerState } from './eager-folder.ts'

export interface EagerFoldersOptions {
  readonly registry: Pick<FolderRegistry, 'isEager' | 'setEager'>
  readonly network: Pick<NetworkService, 'connected'>
  /** Asked for once a folder is open. */
  readonly replication: () => Pick<RunningReplication, 'down' | 'room'>
}

export class EagerFolders {
  readonly #options: EagerFoldersOptions
  readonly #open = new Map<string, EagerlyKept>()
  readonly #running = new Map<string, EagerFolder>()

  constructor(options: EagerFoldersOptions) {
    this.#options = options
  }

  opened(folder: EagerlyKept): void {
    this.#open.set(folder.id, folder)
    if (this.#options.registry.isEager(folder.id)) this.#start(folder)
  }

  /** Resolves when nothing is fetched for it any more. */
  async closing(folder: EagerlyKept): Promise<void> {
    this.#open.delete(folder.id)
    if (!this.#running.has(folder.id)) return
    using _nobodyWaits = folder.giveUpFetching()
    await this.#stop(folder.id)
  }

  /** From now on, and durably. */
  async set(id: string, isEager: boolean): Promise<void> {
    await this.#options.registry.setEager(id, isEager)
    if (!isEager) return this.#stop(id)
    const folder = this.#open.get(id)
    if (folder !== undefined) this.#start(folder)
  }

  /** Undefined for a folder that is not open, or whose content comes when it is opened. */
  stateOf(id: string): EagerState | undefined {
    return this.#running.get(id)?.state
  }

  /** A device has come, or a setting was changed. */
  retry(): void {
    for (const folder of this.#running.values()) folder.retry()
  }

  #start(folder: EagerlyKept): void {
    const { network, replication } = this.#options
    if (this.#running.has(folder.id)) return
    const eager = new EagerFolder({
      folder,
      pace: (bytes, signal) => replication().down.take(bytes, signal),
      room: () => replication().room(),
      hasOthers: () => network.connected.length > 0,
    })
    this.#running.set(folder.id, eager)
  }

  async #stop(id: string): Promise<void> {
    const running = this.#running.get(id)
    this.#running.delete(id)
    await running?.[Symbol.asyncDispose]()
  }
}
