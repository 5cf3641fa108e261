/**
 * The journal of one folder: sealed records of commits that no stub has yet, in segments `NNNNNNNN.journal`.
 *
 * Invariants: a record is appended whole or not at all; segments are dropped only from the front; an earlier run's
 * segments are read, never appended to; what a newer dfs or another personal key wrote is refused and left untouched.
 */
import path from 'node:path'
import { encodeRecord, type JournalRecord } from '../format/journal-record.ts'
import { SEGMENT_HEADER_BYTES } from '../format/journal-segment.ts'
import { warn } from '../log.ts'
import type { Keys } from '../seal/keys.ts'
import { codeOf, type Files, realFiles, syncDirectory } from './files.ts'
import { Group } from './group.ts'
import { readSegment, requireReadable } from './journal-replay.ts'
import { SegmentFile, type SegmentPlace } from './journal-segment-file.ts'
import { storeError } from './store-error.ts'

/** A segment that grew so large is followed by another: replay holds one in memory. */
const SEGMENT_BYTES_MAX = 32 * 1024 * 1024
/** So many notes wait for a record: what is older has reached the disk, or is not worth the time to write it all at once. */
const NOTES_MAX = 256
const SEGMENT_NAME = /^\d{8}\.journal$/

export interface JournalOptions {
  /** The folder's own directory; made if it is not there. */
  dir: string
  keys: Keys
  files?: Files
}

export class Journal {
  readonly #dir: string
  readonly #keys: Keys
  readonly #files: Files
  readonly #dirFd: number
  /** In order; the last one may be written to. */
  readonly #segments: SegmentFile[]
  readonly #earlier: readonly SegmentFile[]
  #lastNumber: number
  readonly #notes: JournalRecord[] = []
  /** Names came or went since the directory was synced. */
  #namesChanged = false
  readonly #rounds = new Group(() => this.#syncRound())

  private constructor({ dir, keys, files = realFiles }: JournalOptions, dirFd: number, segments: SegmentFile[]) {
    this.#dir = dir
    this.#keys = keys
    this.#files = files
    this.#dirFd = dirFd
    this.#segments = segments
    this.#earlier = [...segments]
    this.#lastNumber = segments.at(-1)?.number ?? 0
  }

  /** Opens the journal in `dir`, which one process at a time may do. Fails with `wrong-key`, `newer-version`, `io`. */
  static async open(options: JournalOptions): Promise<Journal> {
    const { dir, keys, files = realFiles } = options
    try {
      files.makeDirectorySync(dir)
      await syncDirectory(path.dirname(dir), files)
      const segments = listSegments(dir, files)
      for (const segment of segments) requireReadable(readHeader(segment.path, files), keys)
      const dirFd = files.openSync(dir, 'r')
      // What an earlier run dropped stays dropped before a number is used again.
      await files.sync(dirFd)
      return new Journal(options, dirFd, segments)
    } catch (error) {
      throw storeError(error, 'open journal', dir)
    }
  }

  /** Length in bytes of all segments. */
  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0)
  }

  /** No record is in the journal. */
  get empty(): boolean {
    return this.#segments.every((segment) => segment.bytes <= SEGMENT_HEADER_BYTES)
  }

  /**
   * The records that earlier runs left, in order. A damaged segment is also kept aside as `*.damaged`, and said;
   * the records that damage hit are left out, so a commit's `baseSequence` may name one that did not come.
   * Fails with `newer-version`, `io`.
   */
  *replay(): Generator<JournalRecord> {
    for (const segment of this.#earlier) {
      if (!this.#segments.includes(segment)) continue
      yield* readSegment(this.#read(segment), this.#keys, () => this.#keepAside(segment))
    }
  }

  /**
   * Appends a record; once it returns, the record survives the end of the process, and power loss after `sync`.
   * Fails with `no-space`, `io`; the journal is as it was then.
   */
  append(record: JournalRecord): void {
    const plain = encodeRecord(record)
    while (this.#notes[0] !== undefined) {
      this.#writable().append(encodeRecord(this.#notes[0]))
      this.#notes.shift()
    }
    this.#writable().append(plain)
  }

  /**
   * Appends a record that matters only to those after it: in an empty journal it waits for the first of them.
   * Fails as `append` does.
   */
  note(record: JournalRecord): void {
    if (!this.empty) this.append(record)
    else if (this.#notes.push(record) > NOTES_MAX) this.#notes.shift()
  }

  /**
   * Resolves once every record appended before the call survives power loss; callers that wait together share a sync.
   * Fails with `io`, and goes on failing until the records concerned are dropped.
   */
  sync(): Promise<void> {
    return this.#rounds.run(undefined)
  }

  /** Begins a new segment with the next record. The mark stands for every record appended until now. */
  rotate(): number {
    this.#segments.at(-1)?.finish()
    return this.#lastNumber
  }

  /** Forgets the records up to a mark that `rotate` gave: they are durable elsewhere. Fails with `io`; some may be left then. */
  dropThrough(mark: number): void {
    while (this.#segments[0] !== undefined && this.#segments[0].number <= mark) {
      const [segment] = this.#segments
      try {
        segment.remove()
      } catch (error) {
        throw storeError(error, 'drop journal segment', segment.path)
      }
      this.#segments.shift()
      this.#namesChanged = true
    }
  }

  /** Waits for what is under way. Nothing is synced. */
  async close(): Promise<void> {
    await this.#rounds.settled()
    for (const segment of this.#segments) segment.close()
    this.#files.closeSync(this.#dirFd)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #writable(): SegmentFile {
    const last = this.#segments.at(-1)
    if (last?.writable && last.bytes < SEGMENT_BYTES_MAX) return last
    last?.finish()
    // A number whose segment could not be made is not used again: its file may be left.
    const place = segmentPlace(this.#dir, ++this.#lastNumber, this.#files)
    const segment = SegmentFile.create(place, this.#keys)
    this.#segments.push(segment)
    this.#namesChanged = true
    return segment
  }

  async #syncRound(): Promise<void> {
    const segments = this.#segments.filter((segment) => !segment.durable)
    const outcomes = await Promise.allSettled(segments.map((segment) => segment.sync()))
    if (this.#namesChanged) await this.#syncNames(segments)
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  async #syncNames(segments: SegmentFile[]): Promise<void> {
    this.#namesChanged = false
    try {
      await this.#files.sync(this.#dirFd)
    } catch (error) {
      this.#namesChanged = true
      for (const segment of segments) segment.fail(error)
      throw storeError(error, 'sync journal', this.#dir)
    }
  }

  #read(segment: SegmentFile): Buffer {
    try {
      return this.#files.readFileSync(segment.path)
    } catch (error) {
      throw storeError(error, 'read journal', segment.path)
    }
  }

  /** A second name for the damaged segment, which stays when the segment is dropped. */
  #keepAside({ path: damaged }: SegmentFile): void {
    const aside = `${damaged}.damaged`
    warn(`journal: ${damaged} is damaged, some changes are lost; kept as ${aside}`)
    try {
      this.#files.linkSync(damaged, aside)
    } catch (error) {
      // There since an earlier replay; or the file system knows no hard links.
      if (codeOf(error) !== 'EEXIST') this.#files.copyFileSync(damaged, aside)
    }
  }
}

function segmentPlace(dir: string, number: number, files: Files): SegmentPlace {
  return { path: path.join(dir, `${String(number).padStart(8, '0')}.journal`), number, files }
}

function listSegments(dir: string, files: Files): SegmentFile[] {
  return files
    .readDirectorySync(dir)
    .filter((name) => SEGMENT_NAME.test(name))
    .sort()
    .map((name) => segmentPlace(dir, Number.parseInt(name, 10), files))
    .map((place) => SegmentFile.existing(place, files.statSync(place.path)?.size ?? 0))
}

function readHeader(file: string, files: Files): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES)
  const fd = files.openSync(file, 'r')
  try {
    return header.subarray(0, files.readSync(fd, header, header.length, 0))
  } finally {
    files.closeSync(fd)
  }
}
