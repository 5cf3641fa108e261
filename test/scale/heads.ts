/**
 * What a head of very many files costs: made whole, read, and made anew after changes; then brought back into a directory
 * and walked there, of at most 100,000.
 * `node --expose-gc test/scale/heads.ts [FILES]`; all is kept in TMPDIR, which should be a tmpfs.
 */
import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Lru } from '../../src/concurrency/lru.ts'
import { Slices } from '../../src/concurrency/slices.ts'
import type { BlockRef, Cid } from '../../src/dfs.ts'
import type { HeadEntry } from '../../src/format/head-entry.ts'
import { closeFd, O, openAt } from '../../src/posix/files.ts'
import { Keys } from '../../src/seal/keys.ts'
import { openBlock } from '../../src/seal/open-block.ts'
import { sealBlock } from '../../src/seal/seal-block.ts'
import { BlockFiles } from '../../src/store/block-files.ts'
import { FolderTree } from '../../src/sync/folder-tree.ts'
import { applyHead } from '../../src/sync/head-apply.ts'
import { blocksOnlyIn, headBlocks } from '../../src/sync/head-blocks.ts'
import { buildHead, type HeadChange, updateHead } from '../../src/sync/head-build.ts'
import { readHead } from '../../src/sync/head-read.ts'
import { HeadNodes } from '../../src/sync/head-store.ts'
import { FolderWalk } from '../../src/sync/head-walk.ts'
import { Random } from '../support/random.ts'

const FILES = Number(process.argv[2] ?? 1_000_000)
const PER_DIRECTORY = 100
const ON_DISK_MAX = 100_000
const AT_FDCWD = -100
const CHANGES_AT_ONCE = [1, 100, 10_000]
const MIB = 1024 * 1024
/** Digest, key and hash of a block, and a file id. */
const NOISE_BYTES = 112
const KEYS = Keys.derive(Buffer.alloc(32, 7))
/** More than zstd looks back. */
const noise = new Random(1).bytes(16 * MIB)

/** Nodes in one file, one behind the other. */
class FileNodes {
  readonly splitSecret = KEYS.splitSecret
  readonly #fd: number
  readonly #at = new Map<Cid, number>()
  #end = 0
  made = 0
  madeBytes = 0
  reads = 0

  constructor(file: string) {
    this.#fd = openSync(file, 'w+')
  }

  async sealNode(plain: Buffer): Promise<BlockRef> {
    const { ref, bytes } = sealBlock('node', plain, KEYS)
    if (this.#at.has(ref.cid)) return ref
    writeSync(this.#fd, bytes, 0, bytes.length, this.#end)
    this.#at.set(ref.cid, this.#end)
    this.#end += bytes.length
    this.made++
    this.madeBytes += bytes.length
    return ref
  }

  readNode(ref: BlockRef): Buffer {
    this.reads++
    const bytes = Buffer.allocUnsafe(ref.sealedBytes)
    readSync(this.#fd, bytes, 0, bytes.length, this.#at.get(ref.cid)!)
    return openBlock(bytes, ref)
  }

  forget(): void {
    this.made = 0
    this.madeBytes = 0
    this.reads = 0
  }

  close(): void {
    closeSync(this.#fd)
  }
}

/** A directory, then its files, each of one block with a key and hashes that do not compress. */
function entryAt(index: number, version: number): HeadEntry {
  const directory = `year ${String(Math.floor(index / PER_DIRECTORY)).padStart(7, '0')}`
  const place = index % PER_DIRECTORY
  if (place === 0) return { kind: 'directory', path: directory, uid: 1000, gid: 1000, mode: 0o755, mtimeNs: 1n }
  const node = Buffer.alloc(108)
  node.writeUInt32LE(0x10001)
  node.writeUInt16LE(1, 2)
  const at = (index * NOISE_BYTES) % (noise.length - NOISE_BYTES)
  noise.copy(node, 4, at, at + 96)
  node.writeInt32LE(index * 31 + version, 4)
  node.writeUInt32LE(60_000, 100)
  node.writeUInt32LE(60_100, 104)
  const meta = { mode: 0o644, size: 60_000, mtimeNs: BigInt(index), ctimeNs: BigInt(version) }
  const state = {
    fileId: noise.subarray(at + 96, at + NOISE_BYTES),
    sequence: version,
    meta,
    content: { kind: 'root', node } as const,
  }
  return {
    kind: 'file',
    path: `${directory}/picture ${String(place).padStart(3, '0')}.jpeg`,
    uid: 1000,
    gid: 1000,
    state,
  }
}

function* allEntries(count = FILES): Generator<HeadEntry> {
  for (let index = 0; index < count; index++) yield entryAt(index, 1)
}

function someChanges(count: number, version: number): HeadChange[] {
  const random = new Random(version)
  const indices = new Set(
    Array.from({ length: count }, () => random.below(FILES)).filter((at) => at % PER_DIRECTORY > 0),
  )
  const sorted = [...indices].sort((a, b) => a - b)
  return sorted.map((index) => entryAt(index, version)).map((entry) => ({ path: entry.path, entry }))
}

let peakBytes = 0
function rss(): number {
  peakBytes = Math.max(peakBytes, process.memoryUsage().rss)
  return peakBytes
}

async function timed<T>(what: string, nodes: FileNodes, work: () => Promise<T>): Promise<T> {
  nodes.forget()
  globalThis.gc?.()
  const before = process.memoryUsage().rss
  peakBytes = before
  const sampling = setInterval(rss, 20)
  const start = performance.now()
  const result = await work()
  const seconds = (performance.now() - start) / 1000
  clearInterval(sampling)
  const { made, madeBytes, reads } = nodes
  console.log(
    `${what}: ${seconds.toFixed(3)} s, ${made} nodes of ${(madeBytes / MIB).toFixed(2)} MiB made, ${reads} read, ` +
      `memory +${Math.round((rss() - before) / MIB)} MiB`,
  )
  return result
}

/** The tree of a folder that is in use: what its following takes, and the longest that others wait for a turn meanwhile. */
async function followFolder(rootFd: number): Promise<void> {
  await using store = await BlockFiles.open(path.join(directory, 'blocks'))
  const tree = new FolderTree({ directoryFd: rootFd, settle: async () => {} }, { keys: KEYS, state: undefined })
  const cache = new Lru<Cid, Buffer>({ weightMax: 4 * MIB, weigh: (plain) => plain.length })
  const follow = async (what: string) => {
    const slices = new Slices()
    const delays = monitorEventLoopDelay({ resolution: 1 })
    using own = new HeadNodes({ store, keys: KEYS, slices, cache })
    delays.enable()
    await timed(what, nodes, () => tree.update({ nodes: own, slices, signal: new AbortController().signal }))
    delays.disable()
    console.log(`  ${own.pinned.length} nodes made; a turn is waited for ${(delays.max / 1e6).toFixed(1)} ms at most`)
  }
  await follow('a folder walked while others work')
  tree.note({ path: entryAt(101, 1).path, isTree: false })
  await follow('after one change')
  for (let i = 0; i < 10_000; i++) tree.note({ path: entryAt(i * 7, 1).path, isTree: false })
  await follow('after 10,000 changes')
  tree.note({ path: '', isTree: false })
  for (let i = 0; i < 10; i++) tree.note({ path: entryAt(i * PER_DIRECTORY, 1).path, isTree: true })
  await follow('after ten directories moved')
}

const directory = mkdtempSync(path.join(tmpdir(), 'dfs-heads-'))
const nodes = new FileNodes(path.join(directory, 'nodes'))
try {
  const whole = await timed(`${FILES} entries, whole`, nodes, () => buildHead(allEntries(), nodes))
  await timed('the same again', nodes, () => buildHead(allEntries(), nodes))
  await timed('read', nodes, async () => {
    for await (const _ of readHead(whole, nodes));
  })
  await timed('its blocks listed', nodes, async () => {
    for await (const _ of headBlocks(whole, nodes));
  })
  for (const [index, count] of CHANGES_AT_ONCE.entries()) {
    const changed = await timed(`${count} changes`, nodes, () =>
      updateHead(whole, someChanges(count, index + 2), nodes),
    )
    await timed(`  what is new after ${count} changes`, nodes, async () => {
      for await (const _ of blocksOnlyIn(changed, whole, nodes));
    })
  }
  const onDisk = Math.min(FILES, ON_DISK_MAX)
  mkdirSync(path.join(directory, 'folder'))
  const rootFd = openAt(AT_FDCWD, path.join(directory, 'folder'), O.RDONLY | O.DIRECTORY)
  await timed(`${onDisk} brought back`, nodes, () =>
    applyHead(allEntries(onDisk), { rootFd, keys: KEYS, name: 'scale' }),
  )
  await timed(`${onDisk} walked, and their head`, nodes, () => buildHead(new FolderWalk({ rootFd, keys: KEYS }), nodes))
  await followFolder(rootFd)
  closeFd(rootFd)
} finally {
  nodes.close()
  rmSync(directory, { recursive: true })
}
