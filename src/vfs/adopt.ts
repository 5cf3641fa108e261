/**
 * Turns plain files of a folder into stubs: all at and below a path when a person asks for it, and a single one that
 * stands where a stub must go.
 *
 * A plain file goes only when its stub and all its blocks are durable, and only if it is then still what was read;
 * what is in use or changes meanwhile stays.
 */
import { textOf } from '../bytes/byte-string.ts'
import { Mutex } from '../concurrency/mutex.ts'
import type { ByteString, OnProgress } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { syncFilesystem } from '../posix/files.ts'
import { Batches, type BatchesOptions, type Candidate } from './adopt/batches.ts'
import { TemporaryNames } from './adopt/temporary-names.ts'
import { type Found, letGo, letGoOf, type OnLeft, plainAt, type Survey, survey, walkPlainFiles } from './adopt/walk.ts'
import { type Inode, objectKey } from './inode-table.ts'
import type { Services } from './services.ts'

export interface Adopted {
  /** Names that became stubs. */
  files: number
  /** Length of their content. */
  bytes: number
  /** What stays as it was. */
  skipped: { path: ByteString; why: string }[]
}

export interface AdoptOptions {
  /** Originals stay beside their stubs. */
  keep: boolean
  signal: AbortSignal
  onProgress: OnProgress
}

export interface AdopterDependencies {
  /** A descriptor of the folder's `.dfs`, good for the moment. */
  reservedDirectoryFd(): number
  /** For tests that look at what is there when it is called. */
  syncFilesystem?: (fd: number) => Promise<void>
}

const NEVER = new AbortController().signal

export class Adopter implements Disposable {
  readonly #services: Services
  readonly #reservedDirectoryFd: () => number
  readonly #syncFilesystem: (fd: number) => Promise<void>
  /** One run at a time: two would get into each other's way. */
  readonly #runs = new Mutex()
  readonly #inFlight = new Map<string, Promise<void>>()
  #temporary: TemporaryNames | undefined

  constructor(services: Services, dependencies: AdopterDependencies) {
    this.#services = services
    this.#reservedDirectoryFd = () => dependencies.reservedDirectoryFd()
    this.#syncFilesystem = dependencies.syncFilesystem ?? syncFilesystem
  }

  /**
   * Adopts the plain files at and below a visible path from `root`, the folder's root, on ('' for all). Names of one
   * file become names of one stub. Symbolic links, pipes and the like stay as they are.
   *
   * Fails with `not-found`, `not-a-directory`, `invalid` for the path; with `aborted`, `no-space`, `io` on the way:
   * what was adopted until then stays so, and the rest is as it was.
   */
  adopt(root: Inode, path: ByteString, options: AdoptOptions): Promise<Adopted> {
    return this.#runs.run(() => this.#adopt(root, path, options))
  }

  /**
   * Adopts the plain file of this name, for a stub must go there, or it must become one. Does nothing if none is
   * there (any more). Fails with `busy` if it is in use, and with what else keeps it from becoming a stub.
   */
  async adoptInWay(parent: Inode, name: ByteString): Promise<void> {
    parent.opens++
    try {
      for (;;) {
        const stat = plainAt(this.#services, parent, name)
        if (stat === undefined) return
        const running = this.#inFlight.get(objectKey(stat))
        if (running === undefined) return await this.#adoptOne({ names: [{ parent, name, path: name }], stat })
        await running
      }
    } finally {
      letGo(this.#services, parent)
    }
  }

  [Symbol.dispose](): void {
    this.#temporary?.[Symbol.dispose]()
    this.#temporary = undefined
  }

  async #adopt(root: Inode, path: ByteString, { keep, signal, onProgress }: AdoptOptions): Promise<Adopted> {
    const skipped = new Map<ByteString, string>()
    const onLeft: OnLeft = (left, why) => void skipped.set(left, reasonOf(why))
    const total = await survey(this.#services, walkPlainFiles(this.#services, { root, path, onLeft: () => {} }))
    try {
      let done = 0
      let item = ''
      const onBytes = (bytes: number) => {
        done += bytes
        onProgress({ done, total: Math.max(done, total.bytes), unit: 'bytes', item })
      }
      await using batches = this.#batches({ keep, signal, onLeft, onBytes })
      for await (const found of walkPlainFiles(this.#services, { root, path, onLeft })) {
        if (signal.aborted) throw new DfsError('aborted', 'adopting was stopped', { op: 'adopt' })
        item = textOf(found.name.path)
        const candidate = takeAllNames(found, total)
        if (candidate !== undefined) await batches.add(candidate)
      }
      await batches.finish()
      const { files, bytes } = batches
      return { files, bytes, skipped: [...skipped].map(([left, why]) => ({ path: left, why })) }
    } finally {
      letGoOf(this.#services, total)
    }
  }

  async #adoptOne(candidate: Candidate): Promise<void> {
    let left: unknown
    const onLeft: OnLeft = (_, why) => {
      left ??= why
    }
    await using batches = this.#batches({ keep: false, signal: NEVER, onLeft, onBytes: () => {} })
    await batches.add(candidate)
    await batches.finish()
    if (left !== undefined) throw notAdopted(candidate.names[0].path, left)
  }

  #batches(options: Pick<BatchesOptions, 'keep' | 'signal' | 'onLeft' | 'onBytes'>): Batches {
    this.#temporary ??= new TemporaryNames(this.#reservedDirectoryFd())
    return new Batches(this.#services, {
      ...options,
      temporary: this.#temporary,
      syncFilesystem: this.#syncFilesystem,
      inFlight: this.#inFlight,
    })
  }
}

/** A file of several names comes up at each of them: the first time with all, then no more. */
function takeAllNames({ name, stat }: Found, { linked }: Survey): Candidate | undefined {
  const group = stat.nlink > 1 ? linked.get(objectKey(stat)) : undefined
  if (group === undefined) return { names: [name], stat }
  if (group.isTaken) return undefined
  group.isTaken = true
  return { names: group.names, stat }
}

function reasonOf(why: unknown): string {
  if (!(why instanceof DfsError)) throw why
  return why.mend === undefined ? why.message : `${why.message}; ${why.mend}`
}

function notAdopted(path: ByteString, why: unknown): DfsError {
  if (!(why instanceof DfsError)) throw why
  const kind = why.kind === 'exists' || why.kind === 'not-found' ? 'busy' : why.kind
  return new DfsError(kind, `a plain file must become a stub here, and cannot: ${why.message}`, {
    op: 'adopt',
    subject: textOf(path),
    mend: why.mend ?? 'close the programs that use it and try again',
    cause: why,
  })
}
