/**
 * One plain file, with all its names, becoming a stub, step by step: read and sealed, its stub written aside, the stub
 * put in place, the original moved aside, the original removed.
 *
 * Between the steps the caller makes durable what the next one relies on, so that a crash at any point leaves the
 * plain file, the stub, or both with equal content. The steps on names are synchronous.
 */
import { randomBytes } from 'node:crypto'
import type { Slices } from '../../concurrency/slices.ts'
import type { ByteString, Cid, StubState } from '../../dfs.ts'
import { kindOf } from '../../errors.ts'
import { conflictName, storedNameOfFile } from '../../format/stored-name.ts'
import { FILE_ID_BYTES } from '../../format/stub.ts'
import { closeFd, O, openAt } from '../../posix/files.ts'
import { linkAt, RENAME, renameAt, unlinkAt } from '../../posix/names.ts'
import { MODE, type Stat, statAt } from '../../posix/stat.ts'
import { writeStub } from '../../seal/stub-io.ts'
import type { Inode, Place } from '../inode-table.ts'
import type { Services, StubAttributes } from '../services.ts'
import { StubFile } from '../stub-file.ts'
import { copyAttributes } from './copy-attributes.ts'
import { LeftAlone, orLeaveAlone } from './left-alone.ts'
import { inUse, PlainFile } from './plain-file.ts'
import { type SealedPlain, type SealOptions, sealPlain } from './seal-plain.ts'
import { freeStubName } from './stub-name.ts'
import type { TemporaryNames } from './temporary-names.ts'
import type { OnLeft, PlainName } from './walk.ts'

/** A name, and the name in the same directory that its stub is to stand for. */
interface Target {
  readonly name: PlainName
  readonly stub: Place
}

export interface AdoptionOptions extends SealOptions {
  temporary: TemporaryNames
  /** Shared by all that adopt at once. */
  slices: Slices
  onLeft: OnLeft
}

export class Adoption {
  readonly #services: Services
  readonly #options: AdoptionOptions
  readonly #plain: PlainFile
  readonly #names: readonly PlainName[]
  readonly #sealed: SealedPlain
  readonly #state: StubState
  /** Of the stub while it is aside. */
  #stubAside: ByteString | undefined
  /** Names whose stub stands, with the name it stands for. */
  readonly #placed: Target[] = []
  /** Names whose content a stub had already. */
  readonly #doubled: { name: PlainName }[] = []
  /** Where names of the original are between being moved aside and being removed. */
  readonly #originalsAside: { name: PlainName; aside: ByteString }[] = []

  private constructor(
    services: Services,
    options: AdoptionOptions,
    { plain, names, sealed }: { plain: PlainFile; names: readonly PlainName[]; sealed: SealedPlain },
  ) {
    const { mode, size, mtimeNs, ctimeNs } = plain.stat
    this.#services = services
    this.#options = options
    this.#plain = plain
    this.#names = names
    this.#sealed = sealed
    this.#state = {
      fileId: randomBytes(FILE_ID_BYTES),
      sequence: 1,
      meta: { mode: mode & MODE.PERMISSIONS, size, mtimeNs, ctimeNs },
      content: sealed.content,
    }
  }

  /**
   * Reads and seals the file that was listed as `listed` under these names, and writes its stub aside.
   * Fails with LeftAlone if it stays as it is, and as sealing and storing do.
   */
  static async prepare(
    services: Services,
    { names, listed }: { names: readonly PlainName[]; listed: Stat },
    options: AdoptionOptions,
  ): Promise<Adoption> {
    const [{ parent, name }] = names as [PlainName]
    await options.slices.next()
    const dirFd = orLeaveAlone(() => services.tree.directoryFd(parent))
    const plain = await PlainFile.open(dirFd, name, listed)
    let adoption: Adoption | undefined
    try {
      const sealed = await sealPlain(plain, services, options)
      await options.slices.next()
      adoption = new Adoption(services, options, { plain, names, sealed })
      adoption.#writeAside()
      return adoption
    } catch (error) {
      if (adoption === undefined) plain.close()
      else adoption[Symbol.dispose]()
      throw error
    }
  }

  /** The blocks its stub names. */
  get blocks(): readonly Cid[] {
    return this.#sealed.pinned
  }

  get size(): number {
    return this.#state.meta.size
  }

  /** How many of its names are stubs now. */
  get placed(): number {
    return this.#placed.length
  }

  /** Puts the stub in place, under each of the names. Blocks and the stub written aside must be durable. */
  place(): void {
    const targets: Target[] = []
    // Looking around opens files, which must not be this one while it is seized.
    this.#forEach(this.#names, (name) => this.#choose(name, targets))
    try {
      const known = this.#knownInode()
      this.#plain.seize(() => this.#forEach(targets, (target) => this.#placeOne(target)))
      if (this.#placed.length > 0) this.#publish(known)
    } catch (error) {
      this.#leave(targets, error)
    }
  }

  /** Takes the original out of the tree. The stub must be durable in its place. */
  moveAside(): void {
    const names = [...this.#placed, ...this.#doubled]
    if (names.length === 0) return
    try {
      this.#plain.seize(() => this.#forEach(names, (one) => this.#moveOneAside(one.name)))
    } catch (error) {
      this.#leave(names, error)
    }
  }

  /**
   * Removes the original; returns how many of its names are gone. If somebody who had found it before it was moved
   * aside has opened it since, it comes back instead.
   */
  removeOriginal(): number {
    const { temporary } = this.#options
    const asides = this.#originalsAside.splice(0)
    if (asides.length === 0) return 0
    try {
      this.#plain.seize(() => {
        for (const { aside } of asides) unlinkAt(temporary.fd, aside)
      })
      return asides.length
    } catch (error) {
      this.#forEach(asides, ({ name, aside }) => {
        this.#bringBack(name, aside)
        throw error
      })
      return 0
    }
  }

  /** Lets go of the file, and of the blocks, which the stubs refer to by now. */
  [Symbol.dispose](): void {
    const { store } = this.#services
    this.#plain.close()
    for (const cid of this.#sealed.pinned) store.unpin(cid)
    if (this.#stubAside !== undefined) unlinkAt(this.#options.temporary.fd, this.#stubAside)
  }

  #writeAside(): void {
    const { temporary } = this.#options
    const aside = temporary.next()
    const fd = openAt(temporary.fd, aside, O.CREAT | O.EXCL | O.RDWR, 0o600)
    this.#stubAside = aside
    try {
      writeStub(fd, this.#state, undefined, this.#services.keys)
      orLeaveAlone(() => copyAttributes(this.#plain.fd, this.#plain.stat, fd))
    } finally {
      closeFd(fd)
    }
  }

  /** The inode by which the kernel knows the plain file. */
  #knownInode(): Inode | undefined {
    const inodes = this.#names.map(({ parent, name }) => parent.children.get(name))
    const known = inodes.find((inode) => inode?.kind === 'plain' && inode.is(this.#plain.stat))
    if (known !== undefined && known.opens > 0) throw inUse()
    return known
  }

  #choose(name: PlainName, targets: Target[]): void {
    const { parent } = name
    if (!this.#plain.is(statAt(this.#services.tree.directoryFd(parent), name.name))) throw moved()
    const free = freeStubName(this.#services, name, { size: this.size, content: this.#sealed.content })
    if (free === undefined) this.#doubled.push({ name })
    else targets.push({ name, stub: { parent, name: free } })
  }

  #placeOne(target: Target): void {
    const { tree } = this.#services
    const { name, stub } = target
    const toFd = tree.directoryFd(stub.parent)
    if (!this.#plain.is(statAt(toFd, name.name))) throw moved()
    const first = this.#placed[0]?.stub
    const stored = storedNameOfFile(stub.name)
    if (first === undefined) {
      renameAt(this.#options.temporary.fd, this.#stubAside!, toFd, stored, RENAME.NOREPLACE)
      this.#stubAside = undefined
    } else {
      linkAt(tree.directoryFd(first.parent), storedNameOfFile(first.name), tree.directoryFd(stub.parent), stored)
    }
    this.#placed.push(target)
  }

  /** Tells index and inode table of the stub. `known`: the plain file's inode. */
  #publish(known: Inode | undefined): void {
    const { tree, table, index, changes } = this.#services
    const [{ stub }] = this.#placed as [Target]
    const stat = statAt(tree.directoryFd(stub.parent), storedNameOfFile(stub.name))!
    const attributes: StubAttributes = { ...this.#state, allocatedBytes: this.#sealed.allocatedBytes }
    index.put(stat, attributes)
    for (const { name, stub } of this.#placed) {
      table.noteName(name.parent, name.name)
      table.noteName(stub.parent, stub.name)
      changes.name(stub.parent, stub.name)
    }
    const isKnownBy = ({ parent, name }: Place) => parent.children.get(name) === known
    if (known === undefined || !this.#placed.some(({ name }) => isKnownBy(name))) return
    table.becomeStub(known, stat, new StubFile(known, attributes))
    const stubs = this.#placed.filter(({ name }) => isKnownBy(name)).map((placed) => placed.stub)
    for (const { parent, name } of stubs) table.addPlace(known, parent, name)
    for (const { parent, name } of known.places) {
      if (!stubs.some((one) => one.parent === parent && one.name === name)) table.removePlace(known, parent, name)
    }
    table.noteContent(known)
  }

  #moveOneAside(name: PlainName): void {
    const { tree, table, changes } = this.#services
    const { temporary } = this.#options
    const dirFd = tree.directoryFd(name.parent)
    if (!this.#plain.is(statAt(dirFd, name.name))) throw moved()
    const aside = temporary.next()
    renameAt(dirFd, name.name, temporary.fd, aside)
    this.#originalsAside.push({ name, aside })
    changes.name(name.parent, name.name)
    const known = name.parent.children.get(name.name)
    if (known?.kind !== 'plain' || !known.is(this.#plain.stat)) return
    table.removePlace(known, name.parent, name.name)
    table.release(known)
  }

  /** Under its name, or if that is taken by now, under a conflict copy's. */
  #bringBack({ parent, name }: PlainName, aside: ByteString): void {
    const { fd } = this.#options.temporary
    for (let attempt = 0; ; attempt++) {
      const back = attempt === 0 ? name : conflictName(name, attempt)
      try {
        renameAt(fd, aside, this.#services.tree.directoryFd(parent), back, RENAME.NOREPLACE)
        return
      } catch (error) {
        if (kindOf(error) !== 'exists') throw error
      }
    }
  }

  /** An error concerns one name; the others go on. */
  #forEach<T extends PlainName | { name: PlainName }>(all: readonly T[], work: (one: T) => void): void {
    for (const one of all) {
      try {
        work(one)
      } catch (error) {
        this.#leave([one], error)
      }
    }
  }

  #leave(all: readonly (PlainName | { name: PlainName })[], error: unknown): void {
    const { onLeft } = this.#options
    for (const one of all) onLeft('path' in one ? one.path : one.name.path, error)
  }
}

function moved(): LeftAlone {
  return new LeftAlone('not-found', 'it was moved or removed meanwhile')
}
