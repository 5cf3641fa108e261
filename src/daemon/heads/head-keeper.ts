/**
 * What the rest of the daemon may ask of this device's heads: which blocks they refer to, and who keeps them.
 */
import type { BlockKind, ByteString, ReferenceSource, StubState } from '../../dfs.ts'
import type { BlockSize } from '../../net/holds/hold-service.ts'
import type { DeviceId } from '../../net/holds/state.ts'
import type { MadeHead } from './made-head.ts'

/** A block of a file that a head refers to. */
export interface HeadBlock extends BlockSize {
  readonly kind: BlockKind
}

/** Hears of a head, and of the blocks that it refers to and the one that was told of before did not (and maybe of some that it did). */
export type OnHead = (head: MadeHead, added: AsyncIterable<HeadBlock>, signal: AbortSignal) => Promise<void>

/** Makes this device's heads and has them kept elsewhere; on the main thread. */
export interface HeadKeeper {
  /** The head made last, maybe in an earlier run; undefined before the first. */
  readonly current: MadeHead | undefined
  /**
   * Calls the listener after each new head, in the order in which they are made; the next is told of once it has resolved, and
   * one that fails is told of again with the next. Gives what ends that. `added` is to be read while the listener runs.
   */
  onHead(listener: OnHead): () => void
  /** Every block of files that the newest head refers to, manifests included, some more than once; its own nodes are not among them. */
  blocks(signal?: AbortSignal): AsyncIterable<HeadBlock>
  /** Devices that durably keep a head, record and all nodes, in which a file with this content stands at this place. */
  keepersOf(
    folderId: Buffer,
    path: ByteString,
    state: Pick<StubState, 'content' | 'meta'>,
  ): Promise<readonly DeviceId[]>
  /**
   * Gives the newest head to a member, which becomes a keeper: later heads follow by themselves. It holds the nodes first,
   * and gets the record then. Does nothing if it has that head already. Fails with `no-data` before there is a head, and
   * as the member refuses or cannot be reached.
   */
  giveTo(holder: DeviceId, signal?: AbortSignal): Promise<void>
  /** The nodes of own heads, as long as anybody may have their records: for garbage collection. */
  readonly references: ReferenceSource
}
