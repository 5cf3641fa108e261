/**
 * A file's content beside a plain array of bytes: what happens to one happens to the other, commits and checkpoints
 * included, and the journal must always give the array as it was at the last commit.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after } from 'node:test'
import type { BlockRef, Content, FileMeta } from '../../../src/dfs.ts'
import { type CommitRecord, decodeRecord, encodeRecord } from '../../../src/format/journal-record.ts'
import { SealPool } from '../../../src/seal/pool.ts'
import { MemoryBlocks } from '../../../src/store/memory-blocks.ts'
import { ChunkReader } from '../../../src/vfs/chunk-reader.ts'
import type { DirtyChunk } from '../../../src/vfs/dirty-chunk.ts'
import { DirtyMemory } from '../../../src/vfs/dirty-memory.ts'
import { type ContentSnapshot, FileContent } from '../../../src/vfs/file-content.ts'
import { applyCommit } from '../../../src/vfs/replay.ts'
import { type SealedContent, sealSnapshot } from '../../../src/vfs/seal-snapshot.ts'
import { Sealer } from '../../../src/vfs/sealer.ts'
import { PoisonedSlots } from '../../support/poisoned-slots.ts'
import { KEYS } from './support.ts'

const slots = new PoisonedSlots()
const pool = new SealPool({ keys: KEYS, threads: 1, memory: slots })
after(() => pool.close())

const CHUNK_BYTES = 65_536
const EMPTY: Content = { kind: 'inline', bytes: Buffer.alloc(0) }

export class ContentHarness {
  readonly store = new MemoryBlocks()
  readonly reader = new ChunkReader({ store: this.store, pool, cacheBytesMax: 1 << 24 })
  readonly sealer = new Sealer({ pool, store: this.store })
  readonly dirty = new DirtyMemory(slots, 1 << 26)
  readonly content = new FileContent(EMPTY, 0, this)
  model = Buffer.alloc(0)
  #committed = Buffer.alloc(0)
  #stub = { content: EMPTY, size: 0, sequence: 0 }
  #sequence = 0
  #records: CommitRecord[] = []
  #snapshot: { taken: ContentSnapshot; sequence: number; sealing: Promise<SealedContent> } | undefined
  readonly #sealing: { chunk: DirtyChunk; goOn: () => void; ref: Promise<BlockRef | undefined> }[] = []

  write(at: number, bytes: Buffer): void {
    this.content.write(at, bytes)
    this.#resize(Math.max(this.model.length, at + bytes.length))
    bytes.copy(this.model, at)
  }

  truncate(size: number): void {
    this.content.truncate(size)
    this.#resize(size)
  }

  clear(from: number, to: number): void {
    this.content.clear(from, to)
    this.model.fill(0, from, Math.min(to, this.model.length))
  }

  /** Copies a chunk of 64 KiB by reference, where it is in a block. */
  async copyChunk(from: number, to: number): Promise<void> {
    if (this.content.extent(from) < CHUNK_BYTES || this.content.extent(to) < CHUNK_BYTES) return
    const ref = await this.content.blockAt(from)
    if (ref === 'bytes') return
    this.content.setChunk(to, ref)
    this.model.copy(this.model, to * CHUNK_BYTES, from * CHUNK_BYTES, (from + 1) * CHUNK_BYTES)
  }

  commit(): void {
    const { size } = this.content
    const meta: FileMeta = { mode: 0o644, size, mtimeNs: 0n, ctimeNs: 0n }
    const record: CommitRecord = {
      kind: 'commit',
      place: { ino: 1, btimeNs: 1n, path: 'a.f' },
      fileId: randomBytes(16),
      baseSequence: this.#sequence,
      sequence: ++this.#sequence,
      meta,
      ...this.content.changes(),
    }
    this.#records.push(decodeRecord(Buffer.concat(encodeRecord(record))) as CommitRecord)
    this.content.committed()
    this.#committed = Buffer.from(this.model)
  }

  beginCheckpoint(): void {
    if (this.#snapshot !== undefined) return
    this.commit()
    const taken = this.content.snapshot()
    const sealing = sealSnapshot(taken, this)
    sealing.catch(() => {})
    this.#snapshot = { taken, sequence: this.#sequence, sealing }
  }

  async endCheckpoint(succeeds: boolean): Promise<void> {
    if (this.#snapshot === undefined) return
    const { taken, sequence, sealing } = this.#snapshot
    this.#snapshot = undefined
    const made = await sealing
    this.sealer.unpin(made.pinned)
    this.content.settle(taken, succeeds ? made.content : undefined)
    if (!succeeds) return
    this.#stub = { content: made.content, size: taken.size, sequence }
    this.#records = this.#records.filter((record) => record.sequence > sequence)
  }

  /** Begins to seal a dirty chunk behind the writer's back. */
  beginSeal(choice: number): void {
    const chunks = [...this.content.dirtyChunks()]
    const chunk = chunks[choice % Math.max(1, chunks.length)]
    if (chunk === undefined || chunk.isFrozen) return
    chunk.freeze()
    const { promise: mayGoOn, resolve: goOn } = Promise.withResolvers<void>()
    const ref = this.content.withWhole(chunk, async (plain) => {
      await mayGoOn
      return this.sealer.seal('data', plain)
    })
    this.#sealing.push({ chunk, goOn, ref })
  }

  async endSeal(): Promise<void> {
    const next = this.#sealing.shift()
    if (next === undefined) return
    next.goOn()
    const ref = await next.ref
    this.content.adoptSealed(next.chunk, ref)
    this.sealer.unpin([ref])
    next.chunk.thaw()
  }

  async checkContent(): Promise<void> {
    assert.equal(this.content.size, this.model.length)
    assert.ok((await wholeOf(this.content)).equals(this.model), 'the content is what was written')
    const chunks = [...this.content.dirtyChunks()]
    assert.equal(
      this.content.dirtyBytes,
      chunks.reduce((sum, { weight }) => sum + weight, 0),
    )
    const uncommitted = chunks.filter((chunk) => !chunk.uncommitted.isEmpty)
    assert.deepEqual(new Set(this.content.uncommittedChunks()), new Set(uncommitted))
    assert.ok(this.dirty.bytes >= this.content.dirtyBytes)
  }

  /** What a replay makes of stub and journal, as they are now. */
  async checkJournal(): Promise<void> {
    const dirty = new DirtyMemory(slots, this.dirty.bytesMax)
    const replayed = new FileContent(this.#stub.content, this.#stub.size, { reader: this.reader, dirty })
    for (const record of this.#records) applyCommit(replayed, record)
    assert.equal(replayed.size, this.#committed.length)
    assert.ok((await wholeOf(replayed)).equals(this.#committed), 'the journal gives what was committed')
    replayed.dispose()
    assert.equal(dirty.bytes, 0)
  }

  /** Brings all to an end: everything in the stub, nothing in memory. */
  async finish(): Promise<void> {
    while (this.#sealing.length > 0) await this.endSeal()
    await this.endCheckpoint(true)
    this.beginCheckpoint()
    await this.endCheckpoint(true)
    await this.checkContent()
    await this.checkJournal()
    assert.equal(this.dirty.bytes, 0)
    assert.deepEqual([...this.content.dirtyChunks()], [])
    assert.equal([...this.content.sealedSince()].length, 0)
    for await (const { cid } of this.store.list()) assert.ok(this.store.delete(cid), 'nothing stays pinned')
  }

  #resize(size: number): void {
    const resized = Buffer.alloc(size)
    this.model.copy(resized)
    this.model = resized
  }
}

async function wholeOf(content: FileContent): Promise<Buffer> {
  const whole = Buffer.alloc(content.size, 0xee)
  await content.read(0, whole)
  return whole
}
