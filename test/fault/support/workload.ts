/**
 * A program that writes files in every way a program can, for ever, and says on standard output what it is about to do
 * and what is done: `node workload.ts ROOT SEED FILES SYNC-ONE-IN`. Ends between two operations on SIGTERM, and with an error when
 * the file system fails.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setImmediate as breathe } from 'node:timers/promises'
import { Random } from '../../support/random.ts'
import { ABSENT, type FileState, monotonicNs, type Report, stateOf } from './file-states.ts'

/** One write is one request to the file system, so that no commit can split it. */
const PIECE_BYTES_MAX = 100_000
const FILE_BYTES_MAX = 1_500_000

const WEIGHTS = { rewrite: 4, edit: 6, append: 4, cut: 2, replace: 4, move: 2, remove: 2, removeDurably: 1 }

export interface WorkloadOptions {
  /** How many names there are. */
  files: number
  /** So many writes to a file have one `fsync`. */
  syncOneIn: number
}

class Workload {
  readonly #root: string
  readonly #random: Random
  readonly #files: readonly string[]
  readonly #syncOneIn: number
  readonly #contents = new Map<string, Buffer>()

  constructor(root: string, seed: number, { files, syncOneIn }: WorkloadOptions) {
    this.#root = root
    this.#random = new Random(seed)
    this.#files = Array.from({ length: files }, (_, index) => `${index % 2 === 0 ? '' : 'directory/'}file-${index}`)
    this.#syncOneIn = syncOneIn
    fs.mkdirSync(this.#at('directory'), { recursive: true })
    for (const file of this.#files) {
      const content = readIfThere(this.#at(file))
      if (content !== undefined) this.#contents.set(file, content)
      if (fs.existsSync(this.#at(`${file}.new`))) this.#unlink(`${file}.new`) // Left by a crash within `replace`.
    }
  }

  step(): void {
    this[this.#random.weighted(WEIGHTS)](this.#random.pick(this.#files))
  }

  /** Truncates to nothing and writes anew. Of a file that was there, no state between may ever be seen. */
  rewrite(file: string): void {
    const pieces = this.#pieces()
    const whole = Buffer.concat(pieces)
    const isNew = !this.#contents.has(file)
    this.#may(file, 'rewrite', isNew ? [Buffer.alloc(0), ...prefixes(pieces)] : [whole])
    this.#write(file, 'w', (fd) => {
      for (const piece of pieces) fs.writeSync(fd, piece)
    })
    this.#contents.set(file, whole)
  }

  /** Overwrites ranges in place, also past the end. */
  edit(file: string): void {
    const old = this.#contents.get(file)
    if (old === undefined) return
    const edits = this.#pieces().map((piece) => ({ piece, offset: this.#random.below(old.length + 50_000) }))
    const states = applied(old, edits)
    this.#may(file, 'edit', states)
    this.#write(file, 'r+', (fd) => {
      for (const { piece, offset } of edits) fs.writeSync(fd, piece, 0, piece.length, offset)
    })
    this.#contents.set(file, states.at(-1)!)
  }

  append(file: string): void {
    const old = this.#contents.get(file)
    if (old === undefined || old.length > FILE_BYTES_MAX) return
    const pieces = this.#pieces()
    const states = prefixes([old, ...pieces]).slice(1)
    this.#may(file, 'append', states)
    this.#write(file, 'a', (fd) => {
      for (const piece of pieces) fs.writeSync(fd, piece)
    })
    this.#contents.set(file, states.at(-1)!)
  }

  /** Shorter or longer, never empty. */
  cut(file: string): void {
    const old = this.#contents.get(file)
    if (old === undefined) return
    const content = Buffer.alloc(1 + this.#random.below(old.length * 1.5))
    old.copy(content)
    this.#may(file, 'cut', [content])
    this.#write(file, 'r+', (fd) => fs.ftruncateSync(fd, content.length))
    this.#contents.set(file, content)
  }

  /** What editors do: write beside it, rename over it. */
  replace(file: string): void {
    const beside = `${file}.new`
    const content = Buffer.concat(this.#pieces())
    this.#may(beside, 'replace', [Buffer.alloc(0), content])
    this.#write(beside, 'wx', (fd) => fs.writeSync(fd, content))
    this.#rename(beside, file, content)
  }

  move(file: string): void {
    const content = this.#contents.get(file)
    const target = this.#random.pick(this.#files)
    if (content === undefined || target === file) return
    this.#rename(file, target, content)
  }

  remove(file: string): void {
    if (this.#contents.delete(file)) this.#unlink(file)
  }

  removeDurably(file: string): void {
    this.remove(file)
    const fd = fs.openSync(this.#at(file.includes('/') ? 'directory' : '.'), 'r')
    fs.fsyncSync(fd)
    fs.closeSync(fd)
    if (!this.#contents.has(file)) this.#synced(file)
  }

  /** What is replaced is replaced by the whole of what replaces it; where nothing was, anything is news. */
  #rename(from: string, to: string, content: Buffer): void {
    if (!this.#contents.has(to)) report({ say: 'may-become', from, file: to })
    this.#may(to, 'rename', [content])
    this.#may(from, 'rename', [undefined])
    fs.renameSync(this.#at(from), this.#at(to))
    this.#closed(to)
    this.#closed(from)
    this.#contents.delete(from)
    this.#contents.set(to, content)
  }

  #unlink(file: string): void {
    this.#may(file, 'unlink', [undefined])
    fs.unlinkSync(this.#at(file))
    this.#closed(file)
  }

  #write(file: string, flags: string, work: (fd: number) => void): void {
    const fd = fs.openSync(this.#at(file), flags)
    work(fd)
    if (this.#random.oneIn(this.#syncOneIn)) {
      fs.fsyncSync(fd)
      this.#synced(file)
    }
    fs.closeSync(fd)
    this.#closed(file)
  }

  #may(file: string, by: string, contents: readonly (Buffer | undefined)[]): void {
    const states: FileState[] = contents.map((content) => (content === undefined ? ABSENT : stateOf(content)))
    report({ say: 'may', file, states, by })
  }

  #synced(file: string): void {
    report({ say: 'synced', file, at: monotonicNs() })
  }

  #closed(file: string): void {
    report({ say: 'closed', file })
  }

  #pieces(): Buffer[] {
    const length = () => 1 + this.#random.below(this.#random.pick([200, 5000, PIECE_BYTES_MAX]))
    return Array.from({ length: 1 + this.#random.below(4) }, () => this.#random.bytes(length()))
  }

  #at(file: string): string {
    return join(this.#root, file)
  }
}

function prefixes(pieces: readonly Buffer[]): Buffer[] {
  return pieces.map((_, index) => Buffer.concat(pieces.slice(0, index + 1)))
}

/** The content after each of the edits. */
function applied(old: Buffer, edits: readonly { piece: Buffer; offset: number }[]): Buffer[] {
  let content = old
  return edits.map(({ piece, offset }) => {
    const next = Buffer.alloc(Math.max(content.length, offset + piece.length))
    content.copy(next)
    piece.copy(next, offset)
    content = next
    return next
  })
}

function readIfThere(path: string): Buffer | undefined {
  return fs.existsSync(path) ? fs.readFileSync(path) : undefined
}

/** Synchronous: what was said stays said, whatever happens next. */
function report(line: Report): void {
  fs.writeSync(1, `${JSON.stringify(line)}\n`)
}

let ended = false
process.on('SIGTERM', () => {
  ended = true
})
const [root, seed, files, syncOneIn] = process.argv.slice(2)
const workload = new Workload(root!, Number(seed), { files: Number(files), syncOneIn: Number(syncOneIn) })
while (!ended) {
  workload.step()
  await breathe()
}
