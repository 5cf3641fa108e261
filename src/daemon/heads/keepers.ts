/**
 * The members that keep a head of this device: which one each has, in the home's `heads/given`, one file each named by the
 * member. A keeper holds all nodes of the head before it gets the record; those of the head that it has stay here, and so
 * held there, until it has another.
 */
import { mkdir, readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { Mutex } from '../../concurrency/mutex.ts'
import type { ByteString, Cid, StubState } from '../../dfs.ts'
import { DfsError, describeError, kindOf } from '../../errors.ts'
import { type HeadLabel, supersedes } from '../../format/head-record.ts'
import { logger, warn } from '../../log.ts'
import type { WireHeadAnswer } from '../../net/heads/head-calls.ts'
import type { BlockSize, HoldService } from '../../net/holds/hold-service.ts'
import type { DeviceId } from '../../net/holds/state.ts'
import { bufferOf } from '../../net/pairing/pairing-calls.ts'
import type { Keys } from '../../seal/keys.ts'
import { readFileIfThere, replaceFile } from '../../store/small-file.ts'
import { findEntry } from '../../sync/head-read.ts'
import type { HeadNodes } from '../../sync/head-store.ts'
import { hasContentOf, nodesOnlyIn } from './head-blocks.ts'
import { folderOf, type MadeHead, readMadeHead, rootOf } from './made-head.ts'

const log = logger('heads')
/** Blocks that are asked for at once. */
const BATCH = 1024

export interface KeepersOptions {
  /** The home's directory `heads/given`. */
  readonly dir: string
  readonly keys: Keys
  readonly current: () => MadeHead | undefined
  /** Somebody has a head of this device that it does not know: see `HeadMaker.outdo`. */
  readonly outdo: (label: HeadLabel) => Promise<void>
  readonly nodes: (signal?: AbortSignal) => HeadNodes
  readonly holds: Pick<HoldService, 'ask'>
  readonly give: (holder: DeviceId, record: Buffer, signal?: AbortSignal) => Promise<WireHeadAnswer>
  readonly isMember: (device: DeviceId) => boolean
}

export class Keepers {
  readonly #options: KeepersOptions
  /** The head that each durably keeps. */
  readonly #given = new Map<DeviceId, MadeHead>()
  /** Those on their way. */
  readonly #giving = new Set<MadeHead>()
  readonly #turns = new Map<DeviceId, Mutex>()

  /** What is damaged is told of and forgotten. Fails with `io`. */
  static async open(options: KeepersOptions): Promise<Keepers> {
    const keepers = new Keepers(options)
    await mkdir(options.dir, { recursive: true, mode: 0o700 })
    for (const holder of await readdir(options.dir)) await keepers.#read(holder)
    return keepers
  }

  private constructor(options: KeepersOptions) {
    this.#options = options
  }

  /** Those that are members. */
  list(): DeviceId[] {
    return [...this.#given.keys()].filter((holder) => this.#options.isMember(holder))
  }

  /** Heads whose nodes somebody keeps, or is to keep. */
  get inUse(): MadeHead[] {
    return [...new Set([...this.list().map((holder) => this.#given.get(holder)!), ...this.#giving])]
  }

  /** Whether a member has the newest head. */
  isCurrent(holder: DeviceId): boolean {
    return this.#given.get(holder) === this.#options.current()
  }

  /** Gives the newest head to a member; see `HeadKeeper.giveTo`. */
  giveTo(holder: DeviceId, signal?: AbortSignal): Promise<void> {
    const turn = this.#turns.get(holder) ?? new Mutex()
    this.#turns.set(holder, turn)
    return turn.run(async () => {
      const head = this.#options.current()
      if (head === undefined) throw new DfsError('no-data', 'there is no head yet', { op: 'give head' })
      if (!this.isCurrent(holder)) await this.#give(holder, head, signal)
    })
  }

  /** Members whose head has a file with this content at this place. */
  async keepersOf(
    folderId: Buffer,
    place: ByteString,
    state: Pick<StubState, 'content' | 'meta'>,
  ): Promise<readonly DeviceId[]> {
    const answers = new Map<MadeHead, boolean>()
    const holders: DeviceId[] = []
    for (const holder of this.list()) {
      const head = this.#given.get(holder)!
      const isThere = answers.get(head) ?? (await this.#isIn(head, folderId, place, state))
      answers.set(head, isThere)
      if (isThere) holders.push(holder)
    }
    return holders
  }

  /** A holder keeps these blocks no more; if nodes of its head are among them, it keeps no head. */
  async lost(holder: DeviceId, cids: readonly Cid[]): Promise<void> {
    const head = this.#given.get(holder)
    if (head === undefined) return
    const gone = new Set(cids)
    using nodes = this.#options.nodes()
    for await (const { cid } of nodesOnlyIn(head, undefined, nodes)) {
      if (!gone.has(cid)) continue
      if (this.#given.get(holder) === head) await this.#forget(holder)
      return
    }
  }

  async #give(holder: DeviceId, head: MadeHead, signal: AbortSignal | undefined): Promise<void> {
    this.#giving.add(head)
    try {
      await this.#lend(holder, head, signal)
      const answer = await this.#options.give(holder, head.record, signal)
      if (answer === 'kept') return await this.#note(holder, head)
      if ('refused' in answer) {
        throw new DfsError('no-permission', `keeps no head of this device: ${answer.refused}`, {
          op: 'give head',
          subject: holder,
        })
      }
      await this.#compare(holder, head, bufferOf(answer.have), signal)
    } finally {
      this.#giving.delete(head)
    }
  }

  /** Has the holder hold all nodes that it does not hold by the head that it has. */
  async #lend(holder: DeviceId, head: MadeHead, signal: AbortSignal | undefined): Promise<void> {
    using nodes = this.#options.nodes(signal)
    let batch: BlockSize[] = []
    for await (const block of nodesOnlyIn(head, this.#given.get(holder), nodes)) {
      batch.push(block)
      if (batch.length < BATCH) continue
      await this.#lendBatch(holder, batch, signal)
      batch = []
    }
    await this.#lendBatch(holder, batch, signal)
  }

  async #lendBatch(holder: DeviceId, batch: readonly BlockSize[], signal: AbortSignal | undefined): Promise<void> {
    if (batch.length === 0) return
    const outcomes = await this.#options.holds.ask(holder, batch, signal)
    const refused = [...outcomes.values()].find((outcome) => outcome !== 'held')
    if (refused === undefined) return
    throw new DfsError(refused === 'unreachable' ? 'unreachable' : 'no-space', `does not hold a head: ${refused}`, {
      op: 'give head',
      subject: holder,
    })
  }

  /** It has one already: this one, whose answer was lost; or one that this device made in a past that it forgot. */
  async #compare(holder: DeviceId, head: MadeHead, record: Buffer, signal: AbortSignal | undefined): Promise<void> {
    if (record.equals(head.record)) return this.#note(holder, head)
    const theirs = readMadeHead(record, this.#options.keys)
    if (!theirs.label.device.equals(head.label.device) || supersedes(head.label, theirs.label)) {
      throw new DfsError('corrupt', 'shows a head that is not newer', { op: 'give head', subject: holder })
    }
    await this.#options.outdo(theirs.label)
    const next = this.#options.current()
    if (next !== undefined && next !== head) await this.#give(holder, next, signal)
  }

  async #note(holder: DeviceId, head: MadeHead): Promise<void> {
    await replaceFile(path.join(this.#options.dir, holder), head.record)
    this.#given.set(holder, head)
    log('%s keeps head %d.%d', holder, head.label.incarnation, head.label.sequence)
  }

  async #forget(holder: DeviceId): Promise<void> {
    warn(`${holder} does not keep a head any more`)
    this.#given.delete(holder)
    await rm(path.join(this.#options.dir, holder), { force: true })
  }

  async #isIn(
    head: MadeHead,
    folderId: Buffer,
    place: ByteString,
    state: Pick<StubState, 'content' | 'meta'>,
  ): Promise<boolean> {
    const folder = folderOf(head, folderId)
    if (folder === undefined) return false
    using nodes = this.#options.nodes()
    const entry = await findEntry(rootOf(folder), place, nodes)
    return entry?.kind === 'file' && hasContentOf(entry.state, state)
  }

  async #read(holder: DeviceId): Promise<void> {
    const file = path.join(this.#options.dir, holder)
    try {
      const record = await readFileIfThere(file)
      if (record === undefined) return
      const current = this.#options.current()
      const isCurrent = current !== undefined && record.equals(current.record)
      this.#given.set(holder, isCurrent ? current : readMadeHead(record, this.#options.keys))
    } catch (error) {
      if (kindOf(error) === 'io') throw error
      warn(`${file} cannot be read: ${describeError(error)}`)
    }
  }
}
