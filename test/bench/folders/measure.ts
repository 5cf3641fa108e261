/** What is measured of a folder on two devices: copied into on one, looked at and read on the other. */
import { open, readdir, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { runOk, until } from '../../e2e/support/process.ts'
import { type FolderPair, peakMiB } from './folder-pair.ts'

/** Seconds, MiB on the wire, and MiB of memory. */
export interface Figures {
  /** Of copying the small files into the folder. */
  smallCopied: number
  /** From then on, until the other device shows all of them. */
  smallVisible: number
  /** From the same moment on, until all of them were read there. */
  smallReadable: number
  bigCopied: number
  bigVisible: number
  bigReadable: number
  /** What both took, all read. */
  wire: number
  /** From a small file being written anew until its new content is read on the other device. */
  edit: number
  /** The same for a page in the middle of the big file, and what that took. */
  bigEdit: number
  bigEditWire: number
  /** From removing the small files, which is not counted, until the other device shows none of them. */
  removed: number
  /** The most at a time, on the two devices. */
  memoryHere: number
  memoryThere: number
}

export interface Sources {
  /** Holds `many`, a directory of small files, and `big`. */
  readonly directory: string
  readonly files: number
  readonly bigBytes: number
}

const MIB = 1024 * 1024
const PAGE = 4096
const READERS = 8
const MEETING_MS = 60_000
const DEADLINE_MS = 10 * 60_000

/** The pair's folder is empty before. */
export async function measure(pair: FolderPair, sources: Sources): Promise<Figures> {
  await meet(pair)
  const [here, there] = [pair.here.folder, pair.there.folder]
  const before = pair.wire.carriedBytes()
  const small = await measureCopy(pair, sources, 'many', async () => {
    return (await namesIn(path.join(there, 'many'))).length === sources.files
  })
  const big = await measureCopy(pair, sources, 'big', async () => {
    return (await sizeOf(path.join(there, 'big'))) === sources.bigBytes
  })
  const wire = pair.wire.carriedBytes() - before

  const edited = path.join('many', (await namesIn(path.join(here, 'many')))[0]!)
  const edit = await secondsUntilSame(pair, edited, { at: 0, bytes: 100 })
  const beforeEdit = pair.wire.carriedBytes()
  const bigEdit = await secondsUntilSame(pair, 'big', { at: sources.bigBytes / 2, bytes: PAGE })
  const bigEditWire = pair.wire.carriedBytes() - beforeEdit
  await rm(path.join(here, 'many'), { recursive: true })
  const removed = await secondsUntil(
    'all is removed',
    async () => (await sizeOf(path.join(there, 'many'))) === undefined,
  )
  return {
    smallCopied: small.copied,
    smallVisible: small.visible,
    smallReadable: small.readable,
    bigCopied: big.copied,
    bigVisible: big.visible,
    bigReadable: big.readable,
    wire: wire / MIB,
    edit,
    bigEdit,
    bigEditWire: bigEditWire / MIB,
    removed,
    memoryHere: peakMiB(pair.here),
    memoryThere: peakMiB(pair.there),
  }
}

/** Each has what the other did: both are there, and have looked around. */
async function meet({ here, there }: FolderPair): Promise<void> {
  for (const [from, to] of [
    [here, there],
    [there, here],
  ] as const) {
    const name = path.basename(from.root)
    await writeFile(path.join(from.folder, name), 'here')
    await until('the two have met', async () => (await sizeOf(path.join(to.folder, name))) === 4, MEETING_MS)
  }
}

async function measureCopy(pair: FolderPair, { directory }: Sources, name: string, isVisible: () => Promise<boolean>) {
  const source = path.join(directory, name)
  const copied = await secondsOf(() => runOk('cp', ['-r', source, pair.here.folder], { deadlineMs: DEADLINE_MS }))
  const visible = await secondsUntil(`${name} is visible`, isVisible)
  const read = await secondsOf(() => compareAll(source, path.join(pair.there.folder, name)))
  return { copied, visible, readable: visible + read }
}

/** Reads all of a copy, several files at a time, and fails if it is not equal to what it is a copy of. */
async function compareAll(source: string, copy: string): Promise<void> {
  const pairs = (await stat(source)).isDirectory()
    ? (await namesIn(source)).map((name) => [path.join(source, name), path.join(copy, name)] as const)
    : [[source, copy] as const]
  const next = pairs.values()
  const reader = async () => {
    for (const [one, other] of next) await compare(one, other)
  }
  await Promise.all(Array.from({ length: READERS }, reader))
}

async function compare(source: string, copy: string): Promise<void> {
  await using one = await open(source)
  await using other = await open(copy)
  const [wanted, got] = [Buffer.alloc(MIB), Buffer.alloc(MIB)]
  for (let at = 0; ; ) {
    const { bytesRead } = await one.read(wanted, 0, MIB, at)
    let length = 0
    for (let more = -1; more !== 0 && length < bytesRead; length += more) {
      more = (await other.read(got, length, bytesRead - length, at + length)).bytesRead
    }
    if (!wanted.subarray(0, bytesRead).equals(got.subarray(0, length))) throw new Error(`${copy} is not equal`)
    if (bytesRead === 0) return
    at += bytesRead
  }
}

async function secondsUntilSame(pair: FolderPair, name: string, { at, bytes }: { at: number; bytes: number }) {
  const content = Buffer.alloc(bytes, 'edited ')
  await using file = await open(path.join(pair.here.folder, name), 'r+')
  await file.write(content, 0, bytes, at)
  await file.close()
  return secondsUntil(`the edit of ${name} is there`, async () => {
    // Of Syncthing, there is none for a moment while it is replaced.
    await using copy = await open(path.join(pair.there.folder, name)).catch(() => undefined)
    const got = Buffer.alloc(bytes)
    await copy?.read(got, 0, bytes, at)
    return got.equals(content)
  })
}

/** Without those that Syncthing and dfs keep for themselves. */
async function namesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => [])
  return names.filter((name) => !name.startsWith('.'))
}

async function sizeOf(file: string): Promise<number | undefined> {
  return (await stat(file).catch(() => undefined))?.size
}

function secondsUntil(what: string, condition: () => Promise<boolean>): Promise<number> {
  return secondsOf(() => until(what, condition, DEADLINE_MS))
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}
