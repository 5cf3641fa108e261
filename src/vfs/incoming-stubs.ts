/**
 * Stubs that are about to come into a folder. They are written whole and durable in a directory out of sight, where nothing
 * waits for a disk; so giving one its name is all that is left to do, and after a loss of power a name has what it had
 * before, or all of what came.
 */
import { isDeepStrictEqual } from 'node:util'
import type { ByteString } from '../dfs.ts'
import { DfsError } from '../errors.ts'
import { storedNameOfFile } from '../format/stored-name.ts'
import { closeFd, dataSyncFd, O, openAt, syncFilesystem } from '../posix/files.ts'
import { readDirectory } from '../posix/listing.ts'
import { unlinkAt } from '../posix/names.ts'
import type { OutsideState } from './outside-objects.ts'
import { writeStubOf } from './outside-stubs.ts'
import type { Services } from './services.ts'

/** A file that is to come; `over`: where it takes the place of another. */
export interface IncomingFile {
  readonly id: string
  readonly state: OutsideState
  readonly over?: ByteString | undefined
}

export interface IncomingStub {
  /** The file's, in hex. */
  readonly id: string
  /** Of the stub that it takes the place of; 0 if it takes none. */
  readonly after: number
  readonly state: OutsideState
}

interface Written extends IncomingStub {
  readonly name: ByteString
}

/** Up to so many are synced one by one; beyond, the whole file system at once is cheaper. */
const SYNC_EACH_MAX = 32

export class IncomingStubs {
  readonly #services: Services
  readonly #dirFd: () => number
  readonly #written = new Map<string, Written>()
  #next = 1

  /** `dirFd`: open on the directory for a moment. What is in it goes: what a crash left there was nothing yet. */
  constructor(services: Services, dirFd: () => number) {
    this.#services = services
    this.#dirFd = dirFd
    const fd = openAt(dirFd(), '.', O.RDONLY | O.DIRECTORY)
    try {
      for (const { name } of readDirectory(fd)) unlinkAt(fd, name)
    } finally {
      closeFd(fd)
    }
  }

  /** Takes away what was written and not taken. */
  discard(): void {
    this.#remove([...this.#written.values()])
    this.#written.clear()
  }

  /** Writes these, for `take`, in place of those for the same files; resolves once they are durable. */
  async prepare(stubs: readonly IncomingStub[]): Promise<void> {
    const written: Written[] = []
    try {
      for (const stub of stubs) written.push(this.#write(stub))
      await this.#sync(written)
    } catch (error) {
      this.#remove(written)
      throw error
    }
    for (const one of written) {
      const former = this.#written.get(one.id)
      if (former !== undefined) this.#remove([former])
      this.#written.set(one.id, one)
    }
  }

  /** Whether there is one with this state, to come after that. */
  has({ id, after, state }: IncomingStub): boolean {
    const written = this.#written.get(id)
    return written !== undefined && written.after >= after && isDeepStrictEqual(written.state, state)
  }

  /** Its name in the directory, to be taken from there or removed by the caller. Fails with `busy` if there is none. */
  take(stub: IncomingStub): ByteString {
    if (!this.has(stub)) throw new DfsError('busy', 'what is to come was not written yet', { op: 'take' })
    const { name } = this.#written.get(stub.id)!
    this.#written.delete(stub.id)
    return name
  }

  #write(stub: IncomingStub): Written {
    const { id, after, state } = stub
    const name = `${this.#next++}`
    const at = { dirFd: this.#dirFd(), stored: storedNameOfFile(name) }
    writeStubOf(at, { id, sequence: after + 1, state }, this.#services.keys)
    return { ...stub, name }
  }

  #remove(written: readonly Written[]): void {
    for (const { name } of written) unlinkAt(this.#dirFd(), storedNameOfFile(name))
  }

  async #sync(written: readonly Written[]): Promise<void> {
    if (written.length > SYNC_EACH_MAX) return syncFilesystem(this.#services.tree.rootFd)
    await Promise.all(written.map(({ name }) => this.#syncOne(name)))
  }

  async #syncOne(name: ByteString): Promise<void> {
    const fd = openAt(this.#dirFd(), storedNameOfFile(name), O.RDONLY)
    try {
      await dataSyncFd(fd)
    } finally {
      closeFd(fd)
    }
  }
}
