/**
 * All of this device's own heads together: made, told of, given to keepers, and needed as long as somebody keeps them.
 */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { Slices } from '../../concurrency/slices.ts'
import type { ByteString, Cid, ReferenceSource, StubState } from '../../dfs.ts'
import { describeError } from '../../errors.ts'
import { warn } from '../../log.ts'
import type { HoldService } from '../../net/holds/hold-service.ts'
import type { DeviceId } from '../../net/holds/state.ts'

import { HeadNodes } from '../../sync/head-store.ts'
import type { TreeIndex } from '../../sync/index-tree.ts'
import { Following } from './following.ts'
import { blocksAdded, blocksOfHead, nodesOnlyIn } from './head-blocks.ts'
import type { HeadBlock, HeadKeeper, OnHead } from './head-keeper.ts'
import { HeadMaker, type HeadMakerOptions } from './head-maker.ts'
import { HeadTelling } from './head-telling.ts'
import { Keepers, type KeepersOptions } from './keepers.ts'
import type { MadeHead } from './made-head.ts'
import type { HeadedFolder } from './open-trees.ts'

export interface HeadsOptions extends HeadMakerOptions, Pick<KeepersOptions, 'give' | 'isMember'> {
  readonly holds: Pick<HoldService, 'ask' | 'onHolderLost'>
}

export class Heads implements HeadKeeper, AsyncDisposable {
  readonly #options: HeadsOptions
  readonly #maker: HeadMaker
  readonly #keepers: Keepers
  readonly #following: Following
  readonly #telling: HeadTelling
  readonly #stopping = new AbortController()
  readonly #unlisten: () => void
  readonly references: ReferenceSource

  /** Reads what is kept of earlier runs. Fails with `newer-version`, `io`. */
  static async open(options: HeadsOptions): Promise<Heads> {
    await mkdir(options.dir, { recursive: true, mode: 0o700 })
    const maker = await HeadMaker.open(options)
    const { store, keys, source, holds, give, isMember } = options
    const nodes = (signal?: AbortSignal) =>
      new HeadNodes({ store, keys, source, slices: new Slices(), cache: maker.cache, ...(signal && { signal }) })
    const keepers = await Keepers.open({
      dir: path.join(options.dir, 'given'),
      keys,
      current: () => maker.current,
      outdo: (label) => maker.outdo(label),
      nodes,
      holds,
      give,
      isMember,
    })
    return new Heads(options, { maker, keepers })
  }

  private constructor(options: HeadsOptions, { maker, keepers }: { maker: HeadMaker; keepers: Keepers }) {
    this.#options = options
    this.#maker = maker
    this.#keepers = keepers
    this.#following = new Following(keepers)
    this.#telling = new HeadTelling({
      current: () => maker.current,
      added: (head, before, signal) => this.#read((nodes) => blocksAdded(head, before, nodes), signal),
      onTold: () => this.#following.all(),
    })
    maker.onMade(() => this.#telling.tell())
    this.#unlisten = options.holds.onHolderLost((holder, cids) => {
      keepers.lost(holder, cids).catch((error) => warn(`what ${holder} keeps: ${describeError(error)}`))
    })
    this.references = { name: 'heads of this device', references: () => this.#references() }
  }

  get current(): MadeHead | undefined {
    return this.#maker.current
  }

  onHead(listener: OnHead): () => void {
    return this.#telling.listen(listener)
  }

  blocks(signal?: AbortSignal): AsyncIterable<HeadBlock> {
    return this.#read((nodes) => this.#blocks(nodes), signal)
  }

  keepersOf(
    folderId: Buffer,
    place: ByteString,
    state: Pick<StubState, 'content' | 'meta'>,
  ): Promise<readonly DeviceId[]> {
    return this.#keepers.keepersOf(folderId, place, state)
  }

  giveTo(holder: DeviceId, signal?: AbortSignal): Promise<void> {
    const { signal: ending } = this.#stopping
    return this.#keepers.giveTo(holder, signal === undefined ? ending : AbortSignal.any([signal, ending]))
  }

  /** A folder was opened: its tree is looked at, in the background. */
  opened(folder: HeadedFolder): void {
    this.#maker.opened(folder)
  }

  /** The index of an open folder is open: heads say what it says, too. */
  indexOpened(id: string, index: TreeIndex): void {
    this.#maker.indexOpened(id, index)
  }

  /** It is about to be closed; resolves when it is not used any more. */
  indexClosing(id: string): Promise<void> {
    return this.#maker.indexClosing(id)
  }

  /** A folder is about to be closed. */
  closing(folder: HeadedFolder): Promise<void> {
    return this.#maker.closing(folder)
  }

  /** A member is connected. */
  memberCame(device: DeviceId): void {
    this.#maker.wake()
    this.#following.came(device)
  }

  /** The personal key is another: trees are made anew under its secrets. */
  forgetTrees(): void {
    this.#maker.forgetTrees()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new Error('the daemon ends'))
    this.#unlisten()
    await this.#following[Symbol.asyncDispose]()
    await this.#telling[Symbol.asyncDispose]()
    await this.#maker[Symbol.asyncDispose]()
  }

  async *#blocks(nodes: HeadNodes): AsyncGenerator<HeadBlock> {
    if (this.current !== undefined) yield* blocksOfHead(this.current, nodes)
  }

  async *#read<T>(read: (nodes: HeadNodes) => AsyncIterable<T>, signal?: AbortSignal): AsyncGenerator<T> {
    const slices = new Slices()
    const { store, keys, source } = this.#options
    using nodes = new HeadNodes({ store, keys, source, slices, cache: this.#maker.cache, ...(signal && { signal }) })
    for await (const item of read(nodes)) {
      await slices.next()
      signal?.throwIfAborted()
      yield item
    }
  }

  async *#references(): AsyncGenerator<Cid> {
    const heads = new Set([this.current, ...this.#telling.inUse, ...this.#keepers.inUse])
    const [newest] = heads
    for (const head of heads) if (head !== undefined) yield* this.#read((nodes) => nodesOf(head, newest, nodes))
  }
}

/** All of the newest head; of any other those that the newest has not. */
async function* nodesOf(head: MadeHead, newest: MadeHead | undefined, nodes: HeadNodes): AsyncGenerator<Cid> {
  for await (const { cid } of nodesOnlyIn(head, head === newest ? undefined : newest, nodes)) yield cid
}
