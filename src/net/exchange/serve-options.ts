/** What serving a peer's wants needs, and what it is bounded by. */
import type { Budget } from '../../concurrency/budget.ts'
import type { BlockReader } from '../../dfs.ts'
import type { Message } from '../../format/message.ts'
import type { Clock } from './clock.ts'
import type { Rate } from './token-bucket.ts'

export interface ServeOptions {
  readonly blocks: BlockReader
  /** Memory that blocks were in and may be in again, shared by all channels: new memory costs more than reading. */
  readonly rooms: Buffer[]
  /** Memory for blocks on their way to peers, shared by all channels. */
  readonly budget: Budget
  readonly clock: Clock
  /** How many items (wants, seeks, haves) a peer may send. */
  readonly itemRate: Rate
  /** How many bytes a peer is sent. */
  readonly byteRate: Rate
  /** Awaited before so many bytes that nobody waits for are sent; ends soon once `isBulk` is false. */
  giveWay(bytes: number, isBulk: () => boolean): Promise<void> | undefined
  /** Asked before each answer: a peer that is no member any more gets none. */
  isAllowed(): boolean
  /** Messages that are not about wants; what it throws ends the channel. */
  onMessage(message: Message, answer: (message: Message) => void): void
}
