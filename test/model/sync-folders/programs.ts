/**
 * What programs do in a folder, at random: also without anybody telling synchronisation of it, and while it works.
 */
import { joinPath, lastName, parentPath } from '../../../src/format/head-path.ts'
import type { DiskObject } from '../../../src/sync/disk.ts'
import { IGNORE_FILE } from '../../../src/sync/ignored-paths.ts'
import type { MemoryDisk } from '../../../src/sync/memory-disk.ts'
import type { Random } from './random.ts'
import { directoryState, fileState, symlinkState, textOf } from './states.ts'

export interface ProgramsOptions {
  readonly disk: MemoryDisk
  readonly random: Random
  /** Begins the ids of files made here, and the texts that are written. */
  readonly device: number
  /** Texts that somebody wrote, and that nobody has knowingly done away with; of all devices. */
  readonly written: Set<string>
  /** Somebody tells of a change. */
  readonly tell: (path: string, isTree: boolean) => void
  readonly log: (what: string) => void
}

const NAMES = ['a', 'b', 'c', 'd']
const MODES = [0o600, 0o644, 0o755]
/** Texts that are written again and again: that one of them is still there says nothing, and is not asked for. */
const COMMON = ['x', 'y']
const PATTERNS = ['a', 'b/', '/c', '*\n!a', 'a/b\nd', 'a\n!a', '']

type Found = readonly [path: string, object: DiskObject]

export class Programs {
  readonly #options: ProgramsOptions
  readonly #disk: MemoryDisk
  readonly #random: Random
  /** Identities of files that a program has open for writing. */
  readonly #open = new Set<string>()
  #count = 0

  constructor(options: ProgramsOptions) {
    this.#options = options
    this.#disk = options.disk
    this.#random = options.random
  }

  /** Something, or nothing if that cannot be done. */
  act(): void {
    const { onStep } = this.#disk
    this.#disk.onStep = () => {}
    try {
      this.#act()
    } finally {
      this.#disk.onStep = onStep
    }
  }

  /** One in so many acts of programs says what is to be ignored; 0: none. */
  ignoresOneIn = 0

  /** Nothing is ignored any more. */
  heedNothing(): boolean {
    const files = [...this.#disk.walk()].filter(([path]) => lastName(path) === IGNORE_FILE)
    for (const file of files) this.#remove(file)
    return files.length > 0
  }

  /** All programs end. */
  closeAll(): void {
    for (const [path, { identity }] of this.#disk.walk()) if (this.#open.has(identity)) this.#disk.setBusy(path, false)
    this.#open.clear()
  }

  #act(): void {
    const random = this.#random
    const all = [...this.#disk.walk()]
    const found = random.of(all)
    const file = random.of(all.filter(([, { kind }]) => kind === 'file'))
    const directories = all.filter(([, { kind }]) => kind === 'directory')
    const target = joinPath(random.of([['', undefined] as const, ...directories])![0], random.of(NAMES)!)
    if (this.ignoresOneIn > 0 && random.below(this.ignoresOneIn) === 0)
      this.#ignore(joinPath(parentPath(target)!, IGNORE_FILE))
    else if (this.#disk.look(target) === undefined && random.below(2) === 0) this.#add(target, file)
    else if (found !== undefined) this.#alter(found, { file, directory: random.of(directories), target })
  }

  /** Something new where nothing stands. */
  #add(path: string, file: Found | undefined): void {
    const choice = this.#random.below(8)
    if (choice < 3) this.#create(path)
    else if (choice < 5) this.#makeDirectory(path)
    else if (choice === 5) this.#symlink(path)
    else if (choice === 6 && file !== undefined) this.#link(file, path)
    else if (choice === 7 && file !== undefined) this.#copy(file, path)
  }

  #alter(
    found: Found,
    { file, directory, target }: { file: Found | undefined; directory: Found | undefined; target: string },
  ): void {
    const choice = this.#random.below(10)
    if (choice < 2 && file !== undefined) this.#write(file)
    else if (choice === 2) this.#remove(found)
    else if (choice < 5) this.#rename(found, target)
    else if (choice === 5) this.#chmod(found)
    else if (choice === 6 && file !== undefined) this.#openForWriting(file)
    else if (choice === 7) this.#close()
    else if (choice === 8) this.#makeAgain(found)
    else if (choice === 9 && directory !== undefined) this.#rename(directory, target)
  }

  #create(path: string): void {
    const text = this.#random.below(5) === 0 ? this.#random.of(COMMON)! : this.#text()
    this.#log(`create ${path} ${text}`)
    this.#disk.make(path, this.#newId(), fileState(text))
    this.#touch(path)
  }

  #ignore(path: string): void {
    const found = this.#disk.look(path)
    if (found !== undefined && (typeof found !== 'object' || found.kind !== 'file')) return
    // No two of them are made alike.
    const patterns = `${this.#random.of(PATTERNS)}\n# ${this.#options.device}:${++this.#count}`
    this.#log(`ignore by ${path} ${JSON.stringify(patterns)}`)
    if (found === undefined) this.#disk.make(path, this.#newId(), fileState(patterns))
    else {
      this.#options.written.delete(textOf(found))
      this.#disk.replace(path, found.id, fileState(patterns))
    }
    this.#touch(path)
  }

  #makeDirectory(path: string): void {
    this.#log(`mkdir ${path}`)
    this.#disk.make(path, undefined, directoryState())
    this.#touch(path)
  }

  #symlink(path: string): void {
    const target = this.#random.of(NAMES)!
    this.#log(`symlink ${path} to ${target}`)
    this.#disk.make(path, undefined, symlinkState(target))
    this.#touch(path)
  }

  #write([path, object]: Found): void {
    const text = this.#text()
    this.#log(`write ${path} ${text} over ${textOf(object)}`)
    this.#shut(path, object)
    this.#options.written.delete(textOf(object))
    this.#disk.replace(path, object.id, fileState(text, object.attributes.mode))
    this.#touchAll(object)
  }

  #chmod([path, object]: Found): void {
    if (object.kind === 'symlink') return
    const mode = this.#random.of(MODES)!
    this.#log(`chmod ${mode.toString(8)} ${path}`)
    this.#shut(path, object)
    this.#disk.describe(path, { mtimeNs: object.mtimeNs, attributes: { ...object.attributes, mode } })
    this.#touchAll(object)
  }

  /** With all that is in it. */
  #remove([path, object]: Found): void {
    this.#log(`remove ${path}`)
    const inIt = [...this.#disk.walk(path)]
    for (const [at, one] of [...inIt.reverse(), [path, object] as const]) {
      this.#shut(at, one)
      this.#disk.remove(at)
    }
    this.#doAway([object, ...inIt.map(([, one]) => one)])
    this.#touch(path, true)
  }

  /** Something else by the same name. */
  #makeAgain([path, object]: Found): void {
    this.#remove([path, object])
    if (this.#random.below(2) === 0) this.#create(path)
    else if (object.kind === 'directory') this.#makeDirectory(path)
    else this.#symlink(path)
  }

  #rename([from, object]: Found, to: string): void {
    if (to === from || to.startsWith(`${from}/`)) return
    const there = this.#disk.look(to)
    if (there !== undefined) {
      if (typeof there !== 'object' || (there.kind === 'directory') !== (object.kind === 'directory')) return
      if (there.identity === object.identity || from.startsWith(`${to}/`) || [...this.#disk.walk(to)].length > 0) return
      this.#disk.remove(to)
      this.#doAway([there])
    }
    this.#log(`rename ${from} to ${to}`)
    this.#disk.move(from, to)
    this.#touch(from, true)
    this.#touch(to, true)
  }

  #link([from, object]: Found, to: string): void {
    this.#log(`link ${from} ${to}`)
    this.#shut(from, object)
    this.#disk.link(from, to)
    this.#touch(to)
  }

  /** As `cp` copies a stub: it carries the same id; and perhaps something is written to it. */
  #copy([from, object]: Found, to: string): void {
    const text = this.#random.below(3) === 0 ? textOf(object) : this.#text()
    this.#log(`copy ${from} ${to} ${text}`)
    this.#disk.make(to, object.id, fileState(text))
    this.#touch(to)
  }

  #openForWriting([path, { identity }]: Found): void {
    this.#log(`open ${path}`)
    this.#open.add(identity)
    this.#disk.setBusy(path, true)
  }

  #close(): void {
    const [path, object] =
      this.#random.of([...this.#disk.walk()].filter(([, one]) => this.#open.has(one.identity))) ?? []
    if (path !== undefined) this.#write([path, object!])
  }

  /** Nobody has it open from now on. */
  #shut(path: string, { identity }: DiskObject): void {
    if (this.#open.delete(identity)) this.#disk.setBusy(path, false)
  }

  /** Unless they have other names. */
  #doAway(objects: readonly DiskObject[]): void {
    const left = new Set([...this.#disk.walk()].map(([, { identity }]) => identity))
    for (const object of objects) if (!left.has(object.identity)) this.#options.written.delete(textOf(object))
  }

  #touchAll({ identity }: DiskObject): void {
    for (const [at, one] of this.#disk.walk()) if (one.identity === identity) this.#touch(at)
  }

  /** Now and then nobody tells: only a scan of all finds it. */
  #touch(path: string, isTree = false): void {
    if (this.#random.below(4) === 0) return
    this.#options.tell(parentPath(path)!, false)
    this.#options.tell(path, isTree)
  }

  #newId(): string {
    return `${this.#options.device}e${`${++this.#count}`.padStart(30, '0')}`
  }

  #text(): string {
    const text = `${this.#options.device}:${++this.#count}`
    this.#options.written.add(text)
    return text
  }

  #log(what: string): void {
    this.#options.log(what)
  }
}
