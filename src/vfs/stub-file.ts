/**
 * A file of dfs while the kernel knows it: its metadata, its content once that is needed, and how far both have
 * come on their way to the journal and into the stub.
 *
 * Sequences tell the way: `sequence` is that of the last commit, `stubSequence` that of the state in the stub.
 */
import type { ByteString, FileMeta, StubState } from '../dfs.ts'
import type { Slot } from '../seal/stub-io.ts'
import type { FileContent } from './file-content.ts'
import type { Inode } from './inode-table.ts'
import type { StubAttributes } from './services.ts'

const NOTHING: ReadonlySet<Promise<void>> = new Set()

/** There are as many as files the kernel knows, so what most do not need is made when it is needed. */
export class StubFile {
  readonly inode: Inode
  mode: number
  mtimeNs: bigint
  ctimeNs: bigint
  allocatedBytes: number
  content: FileContent | undefined
  /** Which slot of the stub is the present one; known once the content is. */
  slot: Slot | undefined
  sequence: number
  stubSequence: number
  /** Something differs from the last commit. */
  changed = false
  /** Set by a cut to nothing until the next flush: nothing is published between the two. */
  held = false
  /** When the last part of a write came that may not have been the last, in ms of the monotonic clock. */
  partialWriteAt = Number.NEGATIVE_INFINITY
  /** Writes that came and are not answered: the next part of theirs cannot have come. */
  unanswered = 0
  /** When the first change since the last commit came, in ms of the monotonic clock. */
  changedAt = 0
  /** Handles open for writing. */
  writers = 0
  /** A checkpoint works on it. */
  checkpointing = false
  /** It has no name any more and never will: nothing of it is stored. */
  orphan = false
  /** What went wrong in the background; the next flush or fsync says it. */
  failure: unknown
  /** The content differs from the stub's. */
  contentChanged = false
  /** Whether the stub's state is one that a writer left behind when it closed, not one from its midst. */
  isClosedVersion = true
  /** The path of the stub, from when the last name known here was removed while the file has others. */
  formerPath: ByteString | undefined
  /** Counts changes of the stub itself: its making, names, owner, attributes. The first is whatever an earlier run left unsynced. */
  stubChanges = 1
  /** So many of them are durable. */
  #stubChangesSynced = 0
  #size: number
  /** A byte string: a Buffer would take ten times as much. */
  #fileId: ByteString
  #sealing: Set<Promise<void>> | undefined

  constructor(inode: Inode, { fileId, sequence, meta, allocatedBytes }: StubAttributes) {
    this.inode = inode
    this.#fileId = fileId.toString('latin1')
    this.sequence = sequence
    this.stubSequence = sequence
    this.mode = meta.mode
    this.mtimeNs = meta.mtimeNs
    this.ctimeNs = meta.ctimeNs
    this.allocatedBytes = allocatedBytes
    this.#size = meta.size
  }

  /** 16 bytes. */
  get fileId(): Buffer {
    return Buffer.from(this.#fileId, 'latin1')
  }

  set fileId(fileId: Buffer) {
    this.#fileId = fileId.toString('latin1')
  }

  /** Chunks being sealed. */
  get sealing(): ReadonlySet<Promise<void>> {
    return this.#sealing ?? NOTHING
  }

  sealingBegan(sealing: Promise<void>): void {
    this.#sealing ??= new Set()
    this.#sealing.add(sealing)
  }

  sealingEnded(sealing: Promise<void>): void {
    this.#sealing?.delete(sealing)
    if (this.#sealing?.size === 0) this.#sealing = undefined
  }

  get size(): number {
    return this.content?.size ?? this.#size
  }

  /** Whether the journal holds something that the stub does not. */
  get needsCheckpoint(): boolean {
    return this.stubSequence < this.sequence && !this.orphan
  }

  get isStubUnsynced(): boolean {
    return this.#stubChangesSynced < this.stubChanges
  }

  /** The stub was synced when it had had so many changes. */
  stubSynced(changes: number): void {
    this.#stubChangesSynced = Math.max(this.#stubChangesSynced, changes)
  }

  /** Whether forgetting it would lose something. */
  get isBusy(): boolean {
    return !this.orphan && (this.changed || this.needsCheckpoint || this.checkpointing || this.sealing.size > 0)
  }

  get meta(): FileMeta {
    return { mode: this.mode, size: this.size, mtimeNs: this.mtimeNs, ctimeNs: this.ctimeNs }
  }

  /** Takes over what the stub says. Only for a file that is not busy. */
  update({ fileId, sequence, meta }: Pick<StubState, 'fileId' | 'sequence' | 'meta'>): void {
    this.fileId = fileId
    this.sequence = sequence
    this.stubSequence = sequence
    this.mode = meta.mode
    this.mtimeNs = meta.mtimeNs
    this.ctimeNs = meta.ctimeNs
    this.#size = meta.size
  }

  /** Frees the content's memory; it will be read again from the stub. Only for a file that is not busy. */
  unload(): void {
    if (this.content === undefined) return
    this.#size = this.content.size
    this.content.dispose()
    this.content = undefined
  }
}
