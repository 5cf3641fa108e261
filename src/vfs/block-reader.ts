/** Reading blocks on behalf of somebody: one who may have blocks fetched from other devices, or not. */
import type { BlockRef } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import type { NodeReader } from '../seal/manifest-tree.ts'

/** Whether a block may be fetched; asked only when one is to be. */
export type MayFetch = () => boolean

export interface BlockReader extends NodeReader {
  read(ref: BlockRef, at: number, into: Buffer, mayFetch?: MayFetch): void | Promise<void>
  readNode(ref: BlockRef, mayFetch?: MayFetch): Buffer | Promise<Buffer>
  prefetch(ref: BlockRef, mayFetch?: MayFetch): void
}

export const ALWAYS: MayFetch = () => true

/** A reader whose blocks are fetched only if `mayFetch` says so, which is asked once at most. */
export class GuardedReader implements BlockReader {
  readonly #reader: BlockReader
  readonly #mayFetch: MayFetch
  #answer: boolean | undefined

  constructor(reader: BlockReader, mayFetch: MayFetch) {
    this.#reader = reader
    this.#mayFetch = mayFetch
  }

  read(ref: BlockRef, at: number, into: Buffer): void | Promise<void> {
    return this.#reader.read(ref, at, into, this.#once)
  }

  readNode(ref: BlockRef): Buffer | Promise<Buffer> {
    return this.#reader.readNode(ref, this.#once)
  }

  prefetch(ref: BlockRef): void {
    this.#reader.prefetch(ref, this.#once)
  }

  readonly #once: MayFetch = () => {
    this.#answer ??= this.#mayFetch()
    return this.#answer
  }
}

export function notFetched(ref: BlockRef): DfsError {
  return new DfsError('not-permitted', 'nothing is fetched from other devices for this program', {
    op: 'read',
    subject: ref.cid,
    mend: 'see "dfs config get localOnlyPrograms"',
  })
}
