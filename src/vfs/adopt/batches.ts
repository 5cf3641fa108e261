/**
 * Adopts plain files in batches, whose files share what makes them durable: blocks and stubs before the stubs stand in
 * place, the stubs in place before the originals go.
 */
import { setTimeout } from 'node:timers/promises'
import { Limiter } from '../../concurrency/limiter.ts'
import { Slices } from '../../concurrency/slices.ts'
import type { Cid } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import { NAME_BYTES_MAX, storedNameOfFile } from '../../format/stored-name.ts'
import type { Stat } from '../../posix/stat.ts'
import { objectKey } from '../inode-table.ts'
import type { Services } from '../services.ts'
import { Adoption } from './adoption.ts'
import { LeftAlone, orLeaveAlone } from './left-alone.ts'
import { inUse } from './plain-file.ts'
import { nameTooLong } from './stub-name.ts'
import type { TemporaryNames } from './temporary-names.ts'
import { letGo, type OnLeft, type PlainName, plainAt } from './walk.ts'

/** A plain file and the names under which it is to be adopted. */
export interface Candidate {
  readonly names: readonly [PlainName, ...PlainName[]]
  readonly stat: Stat
}

export interface BatchesOptions {
  temporary: TemporaryNames
  /** Originals stay beside their stubs. */
  keep: boolean
  signal: AbortSignal
  /** Makes durable what was written below this descriptor's file system. */
  syncFilesystem: (fd: number) => Promise<void>
  onBytes: (bytes: number) => void
  onLeft: OnLeft
  /** Files being adopted, of all runs, by `objectKey`; settled when the file is done with. */
  inFlight: Map<string, Promise<void>>
}

/** Every file of a batch is open until its end. */
const BATCH_FILES_MAX = 256
const BATCH_BYTES_MAX = 64 * 1024 * 1024
const FILES_AT_ONCE = 32
/** The store writes each in one go: many that are done at once would hold up everybody else. */
const CHUNKS_AT_ONCE = 6
/** Whoever had found the original's name just before it was moved aside has tried to open it by then. */
const OPENING_MS_MAX = 10

export class Batches implements AsyncDisposable {
  /** Names that are stubs now, and the bytes of their files. */
  files = 0
  bytes = 0
  readonly #services: Services
  readonly #options: BatchesOptions
  readonly #chunks = new Limiter(CHUNKS_AT_ONCE)
  readonly #filesAtOnce = new Limiter(FILES_AT_ONCE)
  readonly #slices = new Slices()
  #batch = new Batch()

  constructor(services: Services, options: BatchesOptions) {
    this.#services = services
    this.#options = options
  }

  /** Takes a file into the batch, and finishes the batch when it is full. Fails with what ends the whole run. */
  async add({ names, stat }: Candidate): Promise<void> {
    const claim = this.#claim(stat)
    try {
      if (claim === undefined) throw inUse()
      if (names.every(({ name }) => name.length > NAME_BYTES_MAX)) throw nameTooLong()
      for (const name of names) await this.#clearWay(name)
    } catch (error) {
      this.#disclaim(claim)
      this.#leave(names, error)
      return this.#options.onBytes(stat.size)
    }
    const batch = this.#batch
    batch.bytes += stat.size
    batch.claims.push(claim)
    for (const { parent } of names) parent.opens++
    batch.names.push(...names)
    batch.preparing.push(this.#filesAtOnce.run(() => this.#prepare(batch, { names, stat })))
    if (batch.claims.length >= BATCH_FILES_MAX || batch.bytes >= BATCH_BYTES_MAX) await this.finish()
  }

  /** Brings everything taken so far to its end. Fails with what ends the whole run. */
  async finish(): Promise<void> {
    const batch = this.#batch
    this.#batch = new Batch()
    try {
      await Promise.all(batch.preparing)
      if (batch.failed) throw batch.failure
      if (batch.prepared.length > 0) await this.#store(batch.prepared)
    } finally {
      await this.#end(batch)
    }
  }

  /** Drops what was taken and not finished. */
  async [Symbol.asyncDispose](): Promise<void> {
    const batch = this.#batch
    this.#batch = new Batch()
    batch.fail(new DfsError('aborted', 'adopting was stopped', { op: 'adopt' }))
    await Promise.all(batch.preparing)
    await this.#end(batch)
  }

  /** Where a plain file has the name that a stub needs, it becomes a stub itself before. */
  async #clearWay({ parent, name, path }: PlainName): Promise<void> {
    if (name.length > NAME_BYTES_MAX) return
    const stat = orLeaveAlone(() => plainAt(this.#services, parent, storedNameOfFile(name)))
    if (stat === undefined) return
    const way = { parent, name: storedNameOfFile(name), path: storedNameOfFile(path) }
    if (!this.#options.inFlight.has(objectKey(stat))) await this.add({ names: [way], stat })
    await this.finish()
  }

  /** Never fails: the batch remembers. */
  async #prepare(batch: Batch, { names, stat }: Candidate): Promise<void> {
    if (batch.failed) return
    const { temporary, signal, onLeft, onBytes } = this.#options
    let counted = 0
    const count = (bytes: number) => {
      counted += bytes
      onBytes(bytes)
    }
    try {
      if (signal.aborted) throw new DfsError('aborted', 'adopting was stopped', { op: 'adopt' })
      const options = { temporary, onLeft, signal, chunks: this.#chunks, slices: this.#slices, onBytes: count }
      batch.prepared.push(await Adoption.prepare(this.#services, { names, listed: stat }, options))
    } catch (error) {
      if (error instanceof LeftAlone) this.#leave(names, error)
      else batch.fail(error)
    } finally {
      // Holes, and what was left alone, are done with too.
      if (counted < stat.size) onBytes(stat.size - counted)
    }
  }

  async #store(adoptions: readonly Adoption[]): Promise<void> {
    const { store, tree } = this.#services
    const { keep, syncFilesystem } = this.#options
    const blocks = new Set<Cid>(adoptions.flatMap((adoption) => adoption.blocks))
    if (blocks.size > 0) await store.sync(blocks)
    await syncFilesystem(tree.rootFd)
    await this.#inTurns(adoptions, (adoption) => adoption.place())
    await syncFilesystem(tree.rootFd)
    if (keep) return this.#inTurns(adoptions, (adoption) => this.#count(adoption, adoption.placed))
    await this.#inTurns(adoptions, (adoption) => adoption.moveAside())
    await setTimeout(OPENING_MS_MAX)
    await this.#inTurns(adoptions, (adoption) => this.#count(adoption, adoption.removeOriginal()))
  }

  #count({ size }: Adoption, names: number): void {
    this.files += names
    if (names > 0) this.bytes += size
  }

  async #end({ prepared, claims, names }: Batch): Promise<void> {
    await this.#inTurns(prepared, (adoption) => adoption[Symbol.dispose]())
    for (const claim of claims) this.#disclaim(claim)
    for (const { parent } of names) letGo(this.#services, parent)
  }

  /** Undefined if the file is being adopted already. */
  #claim(stat: Stat): Claim | undefined {
    const { inFlight } = this.#options
    const key = objectKey(stat)
    if (inFlight.has(key)) return undefined
    const ended = Promise.withResolvers<void>()
    inFlight.set(key, ended.promise)
    return { key, end: ended.resolve }
  }

  #disclaim(claim: Claim | undefined): void {
    if (claim === undefined) return
    this.#options.inFlight.delete(claim.key)
    claim.end()
  }

  async #inTurns(adoptions: readonly Adoption[], work: (adoption: Adoption) => void): Promise<void> {
    for (const adoption of adoptions) {
      await this.#slices.next()
      work(adoption)
    }
  }

  /** Throws what does not concern these names alone. */
  #leave(names: readonly PlainName[], error: unknown): void {
    if (!(error instanceof LeftAlone)) throw error
    for (const { path } of names) this.#options.onLeft(path, error)
  }
}

/** The right to adopt a file, which one run has at a time. */
interface Claim {
  readonly key: string
  readonly end: () => void
}

/** Files that become stubs together. */
class Batch {
  bytes = 0
  readonly claims: Claim[] = []
  /** Their parents are held. */
  readonly names: PlainName[] = []
  readonly preparing: Promise<void>[] = []
  readonly prepared: Adoption[] = []
  failed = false
  failure: unknown

  /** Remembers what ends the whole run. */
  fail(error: unknown): void {
    if (this.failed) return
    this.failed = true
    this.failure = error
  }
}
