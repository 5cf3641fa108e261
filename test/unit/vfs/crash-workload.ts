/**
 * A workload on a folder that may be killed at any moment, with notes of what was promised: every state that a file
 * ever had between two calls, and the ones from which on nothing may be lost.
 */
import assert from 'node:assert/strict'
import type { Ino } from '../../../src/dfs.ts'
import { O } from '../../../src/posix/files.ts'
import type { Filesystem } from '../../../src/vfs/filesystem.ts'
import { ROOT_INO } from '../../../src/vfs/operations.ts'
import type { CrashingFolder } from './crashing-folder.ts'
import { lookupIn } from './lookup-in.ts'
import { CALLER, noise } from './support.ts'

interface NotedFile {
  states: Buffer[]
  /** Index of the oldest state that may be found after a kill. */
  flushed: number
  /** The same after power loss; -1: the file itself may be gone. */
  synced: number
  handle: number | undefined
}

type Tree = Map<string, NotedFile>

const NAMES = ['a', 'b', 'c', 'one/a', 'one/b', 'two/c']
const CUTS = [0, 1, 3000, 4096, 65_536, 100_000]

export class CrashWorkload {
  readonly #folder: CrashingFolder
  readonly #filesystem: Filesystem
  readonly #random: () => number
  #tree: Tree = new Map()
  /** All there ever were. */
  readonly #files = new Set<NotedFile>()
  /** The names as they will be if the operation under way comes through. */
  #next: Tree | undefined
  #seed = 1
  #checkpoint: Promise<void> | undefined

  constructor(folder: CrashingFolder, random: () => number) {
    this.#folder = folder
    this.#filesystem = folder.filesystem
    this.#random = random
  }

  /** Until so many operations are done, or the folder dies. */
  async run(operations: number): Promise<void> {
    try {
      for (const name of ['one', 'two']) this.#filesystem.mkdir(ROOT_INO, name, 0o755, CALLER)
      for (let i = 0; i < operations; i++) await this.#operate()
      await this.#checkpoint
    } catch (error) {
      if (!this.#folder.moments.isOver) throw error
    }
    await this.#checkpoint?.catch(() => {})
  }

  /** Compares with what is there after a crash; says what is wrong. */
  check(found: ReadonlyMap<string, Buffer>, since: 'flushed' | 'synced'): void {
    // What was removed may be back after power loss, as long as no directory was synced since.
    const mayBeBack = since === 'synced' ? this.#files : new Set<NotedFile>()
    const problems = [this.#tree, this.#next ?? this.#tree].map((tree) => problemsOf(found, tree, { since, mayBeBack }))
    if (problems.every((list) => list.length > 0))
      assert.fail(`${problems[0]!.join('; ')} [${this.#folder.moments.last}]`)
  }

  async #operate(): Promise<void> {
    const dice = this.#random()
    if (dice < 0.34) return this.#edit(this.#pick(NAMES))
    if (dice < 0.4) return this.#copy(this.#pick(NAMES), this.#pick(NAMES))
    if (dice < 0.5) return this.#rewrite(this.#pick(NAMES))
    if (dice < 0.62) return this.#rename(this.#pick(NAMES), this.#pick(NAMES))
    if (dice < 0.67) return this.#renameDirectory()
    if (dice < 0.75) return this.#unlink(this.#pick(NAMES))
    if (dice < 0.8) return this.#link(this.#pick(NAMES), this.#pick(NAMES))
    if (dice < 0.88) return this.#closeAll()
    if (dice < 0.94) {
      await this.#checkpoint
      this.#checkpoint = this.#folder.checkpointer.run()
      this.#checkpoint.catch(() => {})
      return
    }
    await this.#checkpoint
    await this.#folder.checkpointer.run()
  }

  async #edit(name: string): Promise<void> {
    const { ino, file } = await this.#open(name)
    for (let i = 0; i <= this.#random() * 3; i++) {
      const before = file.states.at(-1)!
      if (this.#random() < 0.25) {
        const size = this.#pick(CUTS.slice(1))
        const after = Buffer.alloc(size)
        before.copy(after)
        file.states.push(after)
        await this.#filesystem.setattr(ino, { size })
      } else {
        const at = Math.min(before.length, this.#pick(CUTS))
        const bytes = noise(1 + Math.floor(this.#random() ** 3 * 90_000), this.#seed++)
        const after = Buffer.alloc(Math.max(before.length, at + bytes.length))
        before.copy(after)
        bytes.copy(after, at)
        file.states.push(after)
        await this.#filesystem.write(file.handle!, at, bytes)
      }
    }
    await this.#finish(file)
  }

  /** Cut to nothing and written again: nobody may ever see it empty or in half. */
  async #rewrite(name: string): Promise<void> {
    const { ino, file } = await this.#open(name)
    const bytes = noise(1 + Math.floor(this.#random() ** 2 * 90_000), this.#seed++)
    if (file.states.at(-1)!.length > 0) await this.#filesystem.setattr(ino, { size: 0 })
    const half = bytes.length >>> 1
    await this.#filesystem.write(file.handle!, 0, bytes.subarray(0, half))
    if (this.#random() < 0.5) await this.#folder.checkpointer.run()
    if (file.states.at(-1)!.length === 0) file.states.push(bytes.subarray(0, half))
    file.states.push(bytes)
    await this.#filesystem.write(file.handle!, half, bytes.subarray(half))
    const last = file.states.length - 1
    await this.#filesystem.flush(file.handle!)
    file.flushed = last
    await this.#finish(file)
  }

  /** Who is told of less than was to be copied asks for the rest. */
  async #copy(from: string, to: string): Promise<void> {
    if (!this.#tree.has(from) || this.#tree.get(from) === this.#tree.get(to)) return
    const source = (await this.#open(from)).file
    const { ino, file } = await this.#open(to)
    const content = source.states.at(-1)!
    if (file.states.at(-1)!.length > 0) await this.#filesystem.setattr(ino, { size: 0 })
    file.states.push(content)
    for (let done = 0; done < content.length; file.states.push(content.subarray(0, done), content)) {
      const at = (handle: number | undefined) => ({ handle: handle!, offset: done })
      done += await this.#filesystem.copyRange(at(source.handle), at(file.handle), content.length - done)
    }
    await this.#finish(file)
  }

  async #finish(file: NotedFile): Promise<void> {
    const dice = this.#random()
    const last = file.states.length - 1
    if (dice < 0.3) {
      await this.#filesystem.fsync(file.handle!, false)
      file.flushed = file.synced = last
    }
    if (dice < 0.75) await this.#close(file)
  }

  async #close(file: NotedFile): Promise<void> {
    if (file.handle === undefined) return
    const last = file.states.length - 1
    await this.#filesystem.flush(file.handle)
    file.flushed = last
    this.#filesystem.release(file.handle)
    file.handle = undefined
  }

  async #closeAll(): Promise<void> {
    for (const file of new Set(this.#tree.values())) await this.#close(file)
  }

  async #rename(from: string, to: string): Promise<void> {
    const source = this.#tree.get(from)
    if (source === undefined || this.#tree.get(to) === source) return
    const replaces = this.#tree.has(to)
    const last = source.states.length - 1
    this.#intend((tree) => {
      tree.delete(from)
      tree.set(to, source)
    })
    const [oldParent, newParent] = [this.#parent(from), this.#parent(to)]
    await this.#filesystem.rename(oldParent, base(from), newParent, base(to))
    if (replaces) source.flushed = source.synced = last
    this.#done()
  }

  async #renameDirectory(): Promise<void> {
    this.#intend((tree) => {
      for (const [name, file] of [...tree]) {
        if (!name.startsWith('one/')) continue
        tree.delete(name)
        tree.set(`two/sub/${base(name)}`, file)
      }
    })
    await this.#filesystem.rename(ROOT_INO, 'one', this.#inode('two')!, 'sub')
    this.#done()
    this.#intend((tree) => {
      for (const [name, file] of [...tree]) {
        if (!name.startsWith('two/sub/')) continue
        tree.delete(name)
        tree.set(`one/${base(name)}`, file)
      }
    })
    await this.#filesystem.rename(this.#inode('two')!, 'sub', ROOT_INO, 'one')
    this.#done()
  }

  async #unlink(name: string): Promise<void> {
    if (!this.#tree.has(name)) return
    this.#intend((tree) => tree.delete(name))
    await this.#filesystem.unlink(this.#parent(name), base(name))
    this.#done()
  }

  async #link(from: string, to: string): Promise<void> {
    const source = this.#tree.get(from)
    if (source === undefined || this.#tree.has(to)) return
    this.#intend((tree) => tree.set(to, source))
    this.#filesystem.link(this.#inode(from)!, this.#parent(to), base(to))
    this.#done()
  }

  async #open(name: string): Promise<{ ino: Ino; file: NotedFile }> {
    const known = this.#tree.get(name)
    const ino = this.#inode(name)
    if (known !== undefined) {
      known.handle ??= await this.#filesystem.open(ino!, O.RDWR)
      return { ino: ino!, file: known }
    }
    const file: NotedFile = { states: [Buffer.alloc(0)], flushed: 0, synced: -1, handle: undefined }
    this.#files.add(file)
    this.#intend((tree) => tree.set(name, file))
    const made = await this.#filesystem.create(this.#parent(name), base(name), 0o644, O.RDWR, CALLER)
    file.handle = made.handle
    this.#done()
    return { ino: made.attributes.ino, file }
  }

  #inode(name: string): Ino | undefined {
    let ino: Ino | undefined = ROOT_INO
    for (const part of name.split('/')) ino = ino && lookupIn(this.#filesystem, ino, part)?.ino
    return ino
  }

  #parent(name: string): Ino {
    return name.includes('/') ? this.#inode(name.slice(0, name.lastIndexOf('/')))! : ROOT_INO
  }

  #pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.#random() * of.length)]!
  }

  #intend(change: (tree: Tree) => void): void {
    this.#next = new Map(this.#tree)
    change(this.#next)
  }

  #done(): void {
    this.#tree = this.#next!
    this.#next = undefined
  }
}

function problemsOf(
  found: ReadonlyMap<string, Buffer>,
  tree: Tree,
  { since, mayBeBack }: { since: 'flushed' | 'synced'; mayBeBack: ReadonlySet<NotedFile> },
): string[] {
  const problems: string[] = []
  for (const [name, content] of found) {
    const isBack = [...mayBeBack].some(({ states }) => states.some((state) => state.equals(content)))
    if (!tree.has(name) && !isBack) problems.push(`${name} should not be there`)
  }
  for (const [name, { states, [since]: oldest }] of tree) {
    const content = found.get(name)
    if (content === undefined) {
      if (oldest >= 0) problems.push(`${name} is gone`)
      continue
    }
    const at = states.findLastIndex((state) => state.equals(content))
    if (at >= Math.max(0, oldest)) continue
    problems.push(
      `${name} (${content.length} bytes) is ${at < 0 ? 'no state it ever had' : `state ${at} of ${oldest}+`}`,
    )
  }
  return problems
}

function base(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}

/** The content of every file of a folder, by its visible path. */
export async function readAll(filesystem: Filesystem): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>()
  const visit = async (ino: Ino, path: string) => {
    const directory = filesystem.opendir(ino)
    for (const { name, type } of await filesystem.readdir(directory)) {
      if (name === '.' || name === '..') continue
      const inside = path === '' ? name : `${path}/${name}`
      const entry = lookupIn(filesystem, ino, name)!
      if (type === 'directory') await visit(entry.ino, inside)
      else found.set(inside, await readFile(filesystem, entry))
    }
    filesystem.releasedir(directory)
  }
  await visit(ROOT_INO, '')
  return found
}

async function readFile(filesystem: Filesystem, { ino, size }: { ino: Ino; size: number }): Promise<Buffer> {
  const handle = await filesystem.open(ino, O.RDONLY)
  const content = Buffer.alloc(size)
  const length = await filesystem.read(handle, 0, content)
  assert.equal(length, size)
  filesystem.release(handle)
  return content
}

/** Numbers in [0, 1), the same for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
