/**
 * Whoever reads one file of a directory after the other, as they are listed or by their names, will read the next ones: their
 * stubs are brought into memory, then their first chunks opened, so that other devices and the disk work while one is read.
 *
 * Only where readers wait: small files that are here are read sooner than anything could be prepared (measured: reading a
 * tree from a cold disk took as long with as without). Two steps, one ahead of the other: a stub that has come in by the
 * time it is looked at holds nobody up.
 */
import { Lru } from '../concurrency/lru.ts'
import type { ByteString } from '../dfs.ts'
import type { Inode, Place } from './inode-table.ts'

export interface SiblingReadAheadOptions {
  /** Begins to bring a file's stub into memory. Never fails: there may be no such file any more. */
  readonly begin: (directory: Inode, name: ByteString) => void
}

/** Opens what a file begins with, likewise. */
type Open = (directory: Inode, name: ByteString) => void
type Names = readonly ByteString[]

/** A directory as it was listed last, and one reader's way through it. */
interface Run {
  readonly listed: Names
  /** The same in the order in which they are read, as it seems. */
  names: Names
  /** In all orders, once that was to be found out. */
  orders?: readonly Names[]
  /** Where the reader is; -1 before it has come. */
  at: number
  /** How many files it has read in order, those of the directory before among them. */
  length: number
  /** Whether it had to wait for one of them. */
  isSlow: boolean
  /** Up to where stubs were begun, and files opened. */
  begun: number
  opened: number
}

/** Of all listings together. */
const NAMES_MAX = 100_000
/** Files that are none of ours, or that the reader leaves out, may lie between two. */
const GAP_MAX = 8
const RUN_MIN = 2
const BY_NUMBER = new Intl.Collator('en', { numeric: true })
/** Of more names sorting by number would hold others up: 2 µs a name. */
const COLLATED_MAX = 5000
const OPENED_AHEAD_MAX = 32
const BEGUN_AHEAD_MAX = 2 * OPENED_AHEAD_MAX

export class SiblingReadAhead {
  readonly #options: SiblingReadAheadOptions
  readonly #runs = new Lru<Inode, Run>({ weightMax: NAMES_MAX, weigh: ({ names }) => names.length + 1 })
  /** The one that went on last. */
  #last: Pick<Run, 'length' | 'isSlow'> = { length: 0, isSlow: false }

  constructor(options: SiblingReadAheadOptions) {
    this.#options = options
  }

  /** A directory was listed: the names of its files, in that order. */
  noteListing(directory: Inode, names: Names): void {
    this.#runs.set(directory, { listed: names, names, at: -1, length: 0, isSlow: false, begun: -1, opened: -1 })
  }

  /** A file was read, for the first time since it was opened; whether its reader waited, and how to open for it what comes next. */
  noteRead(inode: Inode, waited: boolean, open: Open): void {
    const place = inode.places.at(-1)
    if (place === undefined) return
    const run = this.#runs.get(place.parent)
    if (run === undefined) return
    const step = run.names.slice(run.at + 1, run.at + 1 + GAP_MAX).indexOf(place.name)
    if (step === -1) {
      run.length = 0
      // A search, or sorting, costs far less than waiting did.
      if (waited) this.#jump(place, run, open)
      return
    }
    // Who has read the directory before in order goes through this one likewise.
    if (run.at === -1) Object.assign(run, { length: this.#last.length, isSlow: this.#last.isSlow })
    run.at += step + 1
    run.length++
    run.isSlow ||= waited
    this.#last = run
    if (run.isSlow && run.length >= RUN_MIN) this.#goAhead(place.parent, run, open)
  }

  /** To the file read now: in another order it may be the next one. */
  #jump({ parent, name }: Place, run: Run, open: Open): void {
    const before = run.names[run.at]
    run.orders ??= ordersOf(run.listed)
    const next = before === undefined ? undefined : run.orders.find((names) => isSoonAfter(names, before, name))
    run.names = next ?? run.names
    const at = run.names.indexOf(name)
    Object.assign(run, { at, begun: at, opened: at, length: next === undefined ? 1 : 2, isSlow: true })
    this.#last = run
    if (next !== undefined) this.#goAhead(parent, run, open)
  }

  #goAhead(directory: Inode, run: Run, open: Open): void {
    const { begin } = this.#options
    const begun = run.at + Math.min(BEGUN_AHEAD_MAX, 2 * run.length)
    for (const name of namesBetween(run, run.begun, begun)) begin(directory, name)
    run.begun = Math.max(run.begun, begun)
    const opened = run.at + Math.min(OPENED_AHEAD_MAX, run.length)
    for (const name of namesBetween(run, run.opened, opened)) open(directory, name)
    run.opened = Math.max(run.opened, opened)
  }
}

/** What lies ahead of the reader, behind one place and up to another. */
function namesBetween({ names, at }: Run, after: number, to: number): Names {
  return names.slice(Math.max(after, at) + 1, to + 1)
}

function isSoonAfter(names: Names, before: ByteString, after: ByteString): boolean {
  const at = names.indexOf(before)
  return at !== -1 && names.slice(at + 1, at + 1 + GAP_MAX).includes(after)
}

/** How programs go through a directory: as it comes; as shells and many libraries sort it; as file managers do. */
function ordersOf(listed: readonly ByteString[]): Names[] {
  const byNumber = listed.length > COLLATED_MAX ? [] : [listed.toSorted(BY_NUMBER.compare)]
  return [listed, listed.toSorted(), ...byNumber]
}
