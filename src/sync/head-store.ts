/**
 * The nodes of heads in the block store, where they are blocks like all others; what is not there comes from other devices.
 *
 * Whatever is sealed or fetched here is pinned until this is disposed of: by then the head's record must be where a garbage
 * collection's mark finds it, or the nodes go.
 */
import type { Lru } from '../concurrency/lru.ts'
import type { Slices } from '../concurrency/slices.ts'
import type { BlockRef, BlockSource, BlockStore, Cid } from '../dfs.ts'
import { DfsError, kindOf } from '../errors.ts'
import type { EpochKeys } from '../seal/keys.ts'
import type { NodeIo } from '../seal/manifest-tree.ts'
import { openBlock } from '../seal/open-block.ts'
import { sealBlock } from '../seal/seal-block.ts'
import type { HeadSealer } from './head-builder.ts'

type HeadSecrets = Pick<EpochKeys, 'blockSecret' | 'nodeSecret' | 'hashSecret' | 'splitSecret'>

export interface HeadNodesOptions {
  readonly store: BlockStore
  /** The secrets of one epoch. A tree is updated with those it was made with, and made whole with others. */
  readonly keys: HeadSecrets
  readonly source?: BlockSource | undefined
  /** Ends fetches. */
  readonly signal?: AbortSignal
  /** Where others get their turn; without it nodes that are here are read at once. */
  readonly slices?: Slices | undefined
  /** What was opened last, by CID. */
  readonly cache?: Lru<Cid, Buffer> | undefined
}

export class HeadNodes implements HeadSealer, NodeIo, Disposable {
  readonly splitSecret: Buffer
  readonly #options: HeadNodesOptions
  readonly #secrets: HeadSecrets
  readonly #pinned: BlockRef[] = []

  constructor(options: HeadNodesOptions) {
    const { blockSecret, nodeSecret, hashSecret, splitSecret } = options.keys
    this.splitSecret = splitSecret
    this.#options = options
    // Those of now: an epoch that begins meanwhile is not for half a tree.
    this.#secrets = { blockSecret, nodeSecret, hashSecret, splitSecret }
  }

  /** Every node that was sealed or fetched, as often as it was. */
  get pinned(): readonly BlockRef[] {
    return this.#pinned
  }

  async sealNode(plain: Buffer): Promise<BlockRef> {
    await this.#options.slices?.next()
    const { ref, bytes } = sealBlock('node', plain, this.#secrets)
    await this.#keep(ref, bytes)
    return ref
  }

  /** Fails with `unreachable`, `timeout`, `corrupt`, `io`. */
  readNode(ref: BlockRef): Buffer | Promise<Buffer> {
    const { slices, cache } = this.#options
    const known = cache?.get(ref.cid)
    if (known !== undefined) return known
    return slices === undefined ? this.#read(ref) : slices.next().then(() => this.#read(ref))
  }

  #read(ref: BlockRef): Buffer | Promise<Buffer> {
    const { store, source, cache } = this.#options
    try {
      const plain = this.#readHere(ref)
      if (plain !== undefined) {
        cache?.set(ref.cid, plain)
        return plain
      }
    } catch (error) {
      if (kindOf(error) !== 'corrupt') throw error
      store.distrust(ref.cid)
      if (source === undefined) throw error
    }
    if (source !== undefined) return this.#fetch(ref, source)
    throw new DfsError('unreachable', 'a block of the head is not on this device', {
      op: 'read head',
      subject: ref.cid,
    })
  }

  /** Makes what is pinned durable. */
  sync(): Promise<void> {
    return this.#options.store.sync(this.#pinned.map(({ cid }) => cid))
  }

  [Symbol.dispose](): void {
    for (const { cid } of this.#pinned.splice(0)) this.#options.store.unpin(cid)
  }

  #readHere(ref: BlockRef): Buffer | undefined {
    const block = this.#options.store.open(ref.cid)
    if (block === undefined) return undefined
    try {
      return openBlock(block.read(0, block.bytes), ref)
    } finally {
      block.close()
    }
  }

  async #fetch(ref: BlockRef, source: BlockSource): Promise<Buffer> {
    const { signal } = this.#options
    const fetching = source.fetch(ref, signal === undefined ? {} : { signal })
    try {
      const bytes = await fetching.block
      const plain = openBlock(bytes, ref)
      await this.#keep(ref, bytes)
      return plain
    } finally {
      fetching.release()
    }
  }

  async #keep(ref: BlockRef, bytes: Buffer): Promise<void> {
    await this.#options.store.put(ref, bytes)
    this.#pinned.push(ref)
  }
}
