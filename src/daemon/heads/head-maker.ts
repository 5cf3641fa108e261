/**
 * Makes this device's heads: brings the trees of the open folders up to date, makes their nodes durable, and then the record
 * that names them, kept in the home's `heads/own`. Folders that are not open, or cannot be read, keep the tree they had.
 *
 * Nothing is done while nobody is there to keep a head; what is there already is kept all the same.
 */
import path from 'node:path'
import { Lru } from '../../concurrency/lru.ts'
import { Mutex } from '../../concurrency/mutex.ts'
import { Slices } from '../../concurrency/slices.ts'
import type { BlockSource, BlockStore, Cid } from '../../dfs.ts'
import { describeError } from '../../errors.ts'
import { HEAD_FOLDERS_MAX, type HeadFolder, type HeadLabel } from '../../format/head-record.ts'
import { fitName } from '../../format/name.ts'
import { logger, warn } from '../../log.ts'
import type { NetworkIdentity } from '../../net/member.ts'
import type { Keys } from '../../seal/keys.ts'
import type { SigningKey } from '../../seal/signing.ts'
import { readFileIfThere, replaceFile } from '../../store/small-file.ts'
import type { TreeUpdate } from '../../sync/folder-tree.ts'
import { HeadNodes } from '../../sync/head-store.ts'
import type { TreeIndex } from '../../sync/index-tree.ts'
import type { RegisteredFolder } from '../folder-registry.ts'
import { folderOf, type MadeHead, makeHead, readMadeHead, rootOf } from './made-head.ts'
import { type HeadedFolder, OpenTrees, type TreeTimes } from './open-trees.ts'

const log = logger('heads')

export interface HeadMakerOptions {
  /** The home's directory `heads`. */
  readonly dir: string
  readonly store: BlockStore
  readonly source?: BlockSource | undefined
  readonly keys: Keys
  readonly device: SigningKey
  readonly identity: () => NetworkIdentity
  /** The folders that a head tells of. */
  readonly registered: () => readonly RegisteredFolder[]
  /** Whether there are other devices of this owner. Without, no index goes on. */
  readonly hasOwnDevices: () => boolean
  /** Whether there is anybody to keep a head. */
  readonly isActive: () => boolean
  readonly times?: Partial<TreeTimes>
}

const TIMES: TreeTimes = { quietMs: 3_000, latestMs: 30_000, retryMs: 60_000 }
/** Nobody waits for a walk: most of the time is left to who works in the folder. */
const REST_MS = 12
/** A folder that is being closed waits no longer for its last changes to be in a head. */
const CLOSING_MS_MAX = 2_000
/** Of opened nodes; decoded they take a few times as much. */
const CACHE_BYTES_MAX = 4 * 1024 * 1024

type Updating = (trees: OpenTrees, by: TreeUpdate) => Promise<void>

export class HeadMaker implements AsyncDisposable {
  readonly #options: HeadMakerOptions
  readonly #trees: OpenTrees
  readonly #making = new Mutex()
  readonly #stopping = new AbortController()
  readonly #listeners = new Set<() => void>()
  readonly cache = new Lru<Cid, Buffer>({ weightMax: CACHE_BYTES_MAX, weigh: (plain) => plain.length })
  /** Of trees that are in no head yet: pinned, and maybe not durable. */
  readonly #unpublished: HeadNodes[] = []
  #current: MadeHead | undefined
  /** Of the next head, if not that of the last one. */
  #incarnation: number | undefined
  #timer: NodeJS.Timeout | undefined

  /** Reads the head that was made last. One that cannot be read is told of, and then there is none. Fails with `newer-version`, `io`. */
  static async open(options: HeadMakerOptions): Promise<HeadMaker> {
    const maker = new HeadMaker(options)
    const record = await readFileIfThere(maker.#file)
    if (record !== undefined) maker.#current = maker.#read(record)
    return maker
  }

  private constructor(options: HeadMakerOptions) {
    this.#options = options
    this.#trees = new OpenTrees(options.keys, { ...TIMES, ...options.times }, () => this.wake())
  }

  get current(): MadeHead | undefined {
    return this.#current
  }

  /** Calls the listener after each new head. */
  onMade(listener: () => void): void {
    this.#listeners.add(listener)
  }

  /** A folder was opened: its tree is looked at, in the background. */
  opened(folder: HeadedFolder): void {
    const former = folderOf(this.#current, Buffer.from(folder.id, 'hex'))
    this.#trees.add(folder, former && { ...former, root: rootOf(former) })
    this.wake()
  }

  /** The index of an open folder is open. */
  indexOpened(id: string, index: TreeIndex): void {
    this.#trees.addIndex(id, index)
  }

  /** It is about to be closed: what changed last goes into a head, if little is to be done. Resolves when it is not used any more; never fails. */
  async indexClosing(id: string): Promise<void> {
    try {
      if (this.#options.isActive()) await this.#catchUp((trees, by) => trees.catchUpIndex(id, by))
    } catch (error) {
      log('the index of %s is closed with changes that are in no head: %s', id, describeError(error))
    } finally {
      await this.#trees.leaveIndex(id)
    }
  }

  /** A folder is about to be closed: what changed last goes into a head, if little is to be done for that. Never fails. */
  async closing(folder: HeadedFolder): Promise<void> {
    await this.#trees.leave(folder.id)
    try {
      if (this.#options.isActive()) await this.#catchUp((trees, by) => trees.catchUp(folder.id, by))
    } catch (error) {
      log('%s is closed with changes that are in no head: %s', folder.path, describeError(error))
    } finally {
      this.#trees.delete(folder.id)
      this.wake()
    }
  }

  /** Waits for its turn only so long: another folder may be walked. Once begun, it ends before this does. */
  async #catchUp(work: Updating): Promise<void> {
    const patience = AbortSignal.timeout(CLOSING_MS_MAX)
    const turn = Promise.withResolvers<boolean>()
    patience.addEventListener('abort', () => turn.resolve(false), { once: true })
    const update: Updating = (trees, by) => work(trees, { ...by, signal: AbortSignal.any([by.signal, patience]) })
    const turnTaken = this.#making.run(async () => {
      if (patience.aborted) return
      turn.resolve(true)
      await this.#make(update, new Slices())
    })
    if (await turn.promise) await turnTaken
  }

  /** All trees are made anew: the secrets are others now. */
  forgetTrees(): void {
    this.#trees.forget()
  }

  /**
   * Somebody has a head of this device that is as new as ours or newer, and another: this device was set back to an older
   * state. The next head, made at once, takes the place of that one.
   */
  async outdo({ incarnation }: HeadLabel): Promise<void> {
    await this.#making.run(async () => {
      if (this.#current !== undefined && this.#current.label.incarnation > incarnation) return
      warn('this device was set back to an older state: its head begins anew')
      this.#incarnation = incarnation + 1
      await this.#publish(this.#current?.folders ?? [])
    })
    this.wake()
  }

  /** Something may be due, or somebody to keep a head may be there now. */
  wake(): void {
    if (this.#timer !== undefined || this.#making.locked || this.#stopping.signal.aborted) return
    if (!this.#options.isActive()) return
    this.#trees.listen()
    const dueInMs = this.#trees.dueInMs()
    if (dueInMs !== undefined) this.#timer = setTimeout(() => void this.#work(), dueInMs).unref()
  }

  /** Waits for what is under way, which is given up. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer)
    this.#stopping.abort(new Error('the daemon ends'))
    await this.#making.run(() => this.#letGo())
  }

  async #work(): Promise<void> {
    this.#timer = undefined
    const update: Updating = (trees, by) => trees.update(by)
    try {
      await this.#making.run(() => this.#make(update, new Slices({ restMs: REST_MS })))
    } catch (error) {
      warn(`no new head: ${describeError(error)}`)
    }
    this.wake()
  }

  async #make(update: Updating, slices: Slices): Promise<void> {
    const { signal } = this.#stopping
    if (signal.aborted) return
    const { store, keys, source } = this.#options
    const nodes = new HeadNodes({ store, keys, source, signal, slices, cache: this.cache })
    this.#unpublished.push(nodes)
    await update(this.#trees, { nodes, slices, signal })
    const folders = this.#folders()
    if (!isSame(folders, this.#current?.folders ?? [])) {
      for (const made of this.#unpublished) await made.sync()
      await this.#publish(folders)
    }
    this.#letGo()
  }

  #letGo(): void {
    for (const nodes of this.#unpublished.splice(0)) nodes[Symbol.dispose]()
  }

  /** The nodes are durable. */
  async #publish(folders: readonly HeadFolder[]): Promise<void> {
    const { keys, device, identity } = this.#options
    const { network, owner } = identity()
    const { incarnation = 1, sequence = 0 } = this.#current?.label ?? {}
    const counters =
      this.#incarnation === undefined
        ? { incarnation, sequence: sequence + 1 }
        : { incarnation: this.#incarnation, sequence: 1 }
    const label = { network, owner, device: device.publicKey, ...counters }
    const head = makeHead(label, { madeAtNs: BigInt(Date.now()) * 1_000_000n, folders }, { keys, device })
    await replaceFile(this.#file, head.record)
    this.#current = head
    this.#incarnation = undefined
    log('head %d.%d: %d folders', label.incarnation, label.sequence, folders.length)
    for (const listener of this.#listeners) listener()
  }

  #folders(): HeadFolder[] {
    const folders: HeadFolder[] = []
    for (const { id: hex, path: at } of this.#options.registered()) {
      const id = Buffer.from(hex, 'hex')
      const state = this.#trees.stateOf(hex)
      const former = folderOf(this.#current, id)
      const name = fitName(path.basename(at))
      const index = this.#trees.indexOf(hex) ?? (this.#options.hasOwnDevices() ? former?.index : undefined)
      if (state !== undefined) {
        const { root, plainFiles, leftOut } = state
        folders.push({ id, name, entries: root.entries, plainFiles, leftOut, root: root.ref, index })
      } else if (former !== undefined) folders.push({ ...former, name, index })
    }
    if (folders.length > HEAD_FOLDERS_MAX) warn(`more folders than a head can tell of: ${folders.length}`)
    return folders.sort((a, b) => Buffer.compare(a.id, b.id)).slice(0, HEAD_FOLDERS_MAX)
  }

  #read(record: Buffer): MadeHead | undefined {
    const { keys, device, identity } = this.#options
    try {
      const head = readMadeHead(record, keys)
      const { network, owner } = identity()
      const isOwn = head.label.device.equals(device.publicKey) && head.label.owner.equals(owner)
      return isOwn && head.label.network.equals(network) ? head : undefined
    } catch (error) {
      warn(`${this.#file} cannot be read, a new head is made: ${describeError(error)}`)
      return undefined
    }
  }

  get #file(): string {
    return path.join(this.#options.dir, 'own')
  }
}

function isSame(a: readonly HeadFolder[], b: readonly HeadFolder[]): boolean {
  return a.length === b.length && a.every((folder, index) => isSameFolder(folder, b[index]!))
}

function isSameFolder(a: HeadFolder, b: HeadFolder): boolean {
  const counts = a.plainFiles === b.plainFiles && a.leftOut === b.leftOut
  const trees = a.root.cid === b.root.cid && a.index?.ref.cid === b.index?.ref.cid
  return a.id.equals(b.id) && a.name === b.name && trees && counts
}
