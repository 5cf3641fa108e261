/**
 * One measurement, in a process of its own so that nothing of an earlier one (heap, open handles) weighs on it:
 * `node workload.ts NAME JSON-ARGUMENTS` prints the result as JSON. Buffers are touched before the clock starts.
 */
import { randomFillSync, randomInt } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'

const MIB = 1024 * 1024
const PAGE = 4096

/** Writes a new file in pieces of `pieceBytes`; MiB/s. */
function write(file: string, bytes: number, pieceBytes: number, durably: boolean): number {
  rmSync(file, { force: true })
  const content = randomFillSync(Buffer.alloc(bytes))
  const seconds = time(() => {
    const fd = openSync(file, 'wx')
    for (let offset = 0; offset < bytes; offset += pieceBytes) writeSync(fd, content, offset, pieceBytes)
    if (durably) fsyncSync(fd)
    closeSync(fd)
  })
  return bytes / MIB / seconds
}

/** Reads a file twice from start to end, 1 MiB at a time; MiB/s of each. */
function readTwice(file: string): { cold: number; warm: number } {
  const piece = Buffer.alloc(MIB, 1)
  const once = () => {
    let bytes = 0
    const seconds = time(() => {
      const fd = openSync(file, 'r')
      for (let got = -1; got !== 0; bytes += got) got = readSync(fd, piece)
      closeSync(fd)
    })
    return bytes / MIB / seconds
  }
  return { cold: once(), warm: once() }
}

/** Reads pages at random places; reads/s. */
function preads(file: string, bytes: number, count: number): number {
  const page = Buffer.alloc(PAGE, 1)
  const places = Array.from({ length: count }, () => randomInt(bytes / PAGE) * PAGE)
  const fd = openSync(file, 'r')
  const seconds = time(() => {
    for (const place of places) readSync(fd, page, 0, PAGE, place)
  })
  closeSync(fd)
  return count / seconds
}

/** Overwrites a page at a random place and fsyncs, again and again; the median, in milliseconds. */
function edits(file: string, bytes: number, count: number): number {
  const page = randomFillSync(Buffer.alloc(PAGE))
  const fd = openSync(file, 'r+')
  const samples = Array.from({ length: count }, () => {
    const place = randomInt(bytes / PAGE) * PAGE
    return time(() => {
      writeSync(fd, page, 0, PAGE, place)
      fsyncSync(fd)
    })
  })
  closeSync(fd)
  return samples.toSorted((a, b) => a - b)[count >> 1]! * 1000
}

/** Lists a tree and asks for each file's attributes, as `ls -lR`, `find` or a backup do; µs per file. */
function walk(tree: string): number {
  let files = 0
  const visit = (directory: string) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name)
      if (entry.isDirectory()) visit(path)
      else files += lstatSync(path).isFile() ? 1 : 0
    }
  }
  const seconds = time(() => visit(tree))
  return (seconds / files) * 1e6
}

/** Reads every file of a tree; files/s. */
function readAll(tree: string): number {
  let files = 0
  const visit = (directory: string) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name)
      if (entry.isDirectory()) visit(path)
      else {
        readFileSync(path)
        files++
      }
    }
  }
  return 1 / (time(() => visit(tree)) / files)
}

function time(work: () => void): number {
  const start = process.hrtime.bigint()
  work()
  return Number(process.hrtime.bigint() - start) / 1e9
}

const WORKLOADS = { write, readTwice, preads, edits, walk, readAll }
export type WorkloadName = keyof typeof WORKLOADS
export type WorkloadResult<N extends WorkloadName> = ReturnType<(typeof WORKLOADS)[N]>
export type WorkloadArguments<N extends WorkloadName> = Parameters<(typeof WORKLOADS)[N]>

if (import.meta.main) {
  const workload = WORKLOADS[process.argv[2] as WorkloadName] as (...args: unknown[]) => unknown
  console.log(JSON.stringify(workload(...JSON.parse(process.argv[3]!))))
}
