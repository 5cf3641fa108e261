/**
 * Which folders the own devices have: told to each that connects, and again whenever it changes, until the device has
 * answered with its own.
 */
import { describeError } from '../../errors.ts'
import { SYNC_FOLDERS_MAX, type SyncFolder } from '../../format/sync-folders.ts'
import { encodeSyncMessage, type FoldersMessage } from '../../format/sync-message.ts'
import { logger } from '../../log.ts'
import type { Clock } from '../../net/exchange/clock.ts'

const log = logger('sync')
const AGAIN_MS_MIN = 15_000
const AGAIN_MS_MAX = 300_000

export interface FolderListsOptions {
  readonly send: (device: string, message: Buffer) => Promise<void>
  readonly ownFolders: () => readonly SyncFolder[]
  readonly onFolders: (device: string, folders: readonly SyncFolder[]) => void
  readonly clock: Clock
}

/** One device while it is connected. */
interface Partner {
  /** What it told last. */
  folders: ReadonlySet<string> | undefined
  /** While it has not answered: calls off that it is told again. */
  callOff: (() => void) | undefined
}

export class FolderLists {
  readonly #options: FolderListsOptions
  readonly #partners = new Map<string, Partner>()

  constructor(options: FolderListsOptions) {
    this.#options = options
  }

  connected(device: string): void {
    this.#partners.set(device, { folders: undefined, callOff: undefined })
    this.#tell(device)
  }

  disconnected(device: string): void {
    this.#partners.get(device)?.callOff?.()
    this.#partners.delete(device)
  }

  /** This device has others than it told. */
  changed(): void {
    for (const device of this.#partners.keys()) this.#tell(device)
  }

  /** Whether a device has a folder; undefined if it did not say yet. */
  has(device: string, folder: string): boolean | undefined {
    return this.#partners.get(device)?.folders?.has(folder)
  }

  /** Resolves when the next message may come. */
  async take(device: string, { folders, wantsAnswer }: FoldersMessage): Promise<void> {
    const partner = this.#partners.get(device)
    if (partner === undefined) return
    partner.folders = new Set(folders.map(({ id }) => id))
    this.#options.onFolders(device, folders)
    if (wantsAnswer) return this.#say(device, false)
    partner.callOff?.()
    partner.callOff = undefined
  }

  #tell(device: string, againMs = AGAIN_MS_MIN): void {
    const partner = this.#partners.get(device)
    if (partner === undefined) return
    partner.callOff?.()
    partner.callOff = this.#options.clock.after(againMs, () => this.#tell(device, Math.min(AGAIN_MS_MAX, 2 * againMs)))
    void this.#say(device, true)
  }

  async #say(device: string, wantsAnswer: boolean): Promise<void> {
    const folders = this.#options.ownFolders().slice(0, SYNC_FOLDERS_MAX)
    try {
      await this.#options.send(device, encodeSyncMessage({ kind: 'folders', wantsAnswer, folders }))
    } catch (error) {
      log('%s is not told of folders: %s', device, describeError(error))
    }
  }
}
