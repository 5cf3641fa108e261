/**
 * Streams the content of a plain file into blocks: however large it is, a few chunks of it are in memory at a time.
 */

import type { Limiter } from '../../concurrency/limiter.ts'
import type { BlockKind, BlockRef, Cid, Content } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import { chunkBytes, chunkCount, chunkIndexAt, chunkStart } from '../../format/chunk-layout.ts'
import { INLINE_BYTES_MAX } from '../../format/stub.ts'
import { nextData, readFully } from '../../posix/reading.ts'
import { ManifestTree } from '../../seal/manifest-tree.ts'
import type { Services } from '../services.ts'
import { orLeaveAloneLater } from './left-alone.ts'
import { changed, type PlainFile } from './plain-file.ts'

export interface SealedPlain {
  readonly content: Content
  /** Blocks of the content, nodes included; each is pinned once for each time it stands here. */
  readonly pinned: readonly Cid[]
  /** Bytes of content that are not holes. */
  readonly allocatedBytes: number
}

export interface SealOptions {
  /** Bounds the chunks in memory, of all files. */
  chunks: Limiter
  signal: AbortSignal
  onBytes: (bytes: number) => void
}

/** More than `chunks` lets through at once. */
const WORKERS_MAX = 16
/** So many chunks become part of the tree at once: 4 whole leaves, so that no leaf is sealed twice. */
const TREE_STEP_CHUNKS = 4096
const NOTHING: Content = { kind: 'inline', bytes: Buffer.alloc(0) }

/**
 * Fails with LeftAlone if the file cannot be read or is shorter than it was, `aborted`, and as sealing and storing do;
 * then nothing stays pinned.
 */
export async function sealPlain(plain: PlainFile, services: Services, options: SealOptions): Promise<SealedPlain> {
  const { size } = plain.stat
  if (size <= INLINE_BYTES_MAX) {
    const bytes = await readPiece(plain, 0, Buffer.alloc(size))
    options.onBytes(size)
    return { content: { kind: 'inline', bytes }, pinned: [], allocatedBytes: size }
  }
  const sealing = new Sealing(plain, services, options)
  try {
    const content = await sealing.run()
    return { content, pinned: sealing.pinned, allocatedBytes: sealing.allocatedBytes }
  } catch (error) {
    for (const cid of sealing.pinned) services.store.unpin(cid)
    throw error
  }
}

class Sealing {
  readonly #plain: PlainFile
  readonly #services: Services
  readonly #options: SealOptions
  readonly #size: number
  readonly pinned: Cid[] = []
  allocatedBytes = 0

  constructor(plain: PlainFile, services: Services, options: SealOptions) {
    this.#plain = plain
    this.#services = services
    this.#options = options
    this.#size = plain.stat.size
  }

  async run(): Promise<Content> {
    const { reader } = this.#services
    const count = chunkCount(this.#size)
    let tree = ManifestTree.of(NOTHING, 0)
    for (let first = 0; first < count; first += TREE_STEP_CHUNKS) {
      const changes = await this.#sealChunks(first, Math.min(count, first + TREE_STEP_CHUNKS))
      tree = await tree.update(
        { changes, keepChunks: count, size: this.#size },
        { readNode: (ref) => reader.readNode(ref), sealNode: (plain) => this.#sealNode(plain) },
      )
    }
    return tree.content
  }

  /** The chunks [first, end) that are not all hole. */
  async #sealChunks(first: number, end: number): Promise<Map<number, BlockRef>> {
    const sealed = new Map<number, BlockRef>()
    const waiting = this.#chunksWithData(first, end)
    // A worker that fails ends the generator, and with it the others.
    const work = async () => {
      for (const index of waiting) {
        const ref = await this.#options.chunks.run(() => this.#sealChunk(index))
        if (ref !== undefined) sealed.set(index, ref)
      }
    }
    const results = await Promise.allSettled(Array.from({ length: Math.min(WORKERS_MAX, end - first) }, work))
    for (const result of results) if (result.status === 'rejected') throw result.reason
    return sealed
  }

  *#chunksWithData(first: number, end: number): Generator<number> {
    for (let index = first; index < end; index++) {
      const data = nextData(this.#plain.fd, chunkStart(index))
      if (data === undefined) return
      index = Math.max(index, chunkIndexAt(data))
      if (index < end) yield index
    }
  }

  async #sealChunk(index: number): Promise<BlockRef | undefined> {
    const { signal, onBytes } = this.#options
    if (signal.aborted) throw new DfsError('aborted', 'adopting was stopped', { op: 'adopt' })
    const start = chunkStart(index)
    const length = Math.min(chunkBytes(index), this.#size - start)
    const ref = await this.#services.dirty.withScratch(length, async (whole) =>
      this.#seal('data', await readPiece(this.#plain, start, whole)),
    )
    this.allocatedBytes += ref?.plainBytes ?? 0
    onBytes(length)
    return ref
  }

  async #sealNode(plain: Buffer): Promise<BlockRef> {
    const ref = (await this.#seal('node', plain))!
    this.#services.reader.keepNode(ref, plain)
    return ref
  }

  async #seal(kind: BlockKind, plain: Buffer): Promise<BlockRef | undefined> {
    const ref = await this.#services.sealer.seal(kind, plain)
    if (ref !== undefined) this.pinned.push(ref.cid)
    return ref
  }
}

/** Fills `into`, which lies within the file as it was. */
async function readPiece(plain: PlainFile, position: number, into: Buffer): Promise<Buffer> {
  const bytes = await orLeaveAloneLater(readFully(plain.fd, into, position))
  if (bytes < into.length) throw changed()
  return into
}
