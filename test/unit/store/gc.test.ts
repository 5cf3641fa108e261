import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { decode, encode } from 'cborg'
import type { Cid, ReferenceSource } from '../../../src/dfs.ts'
import { DfsError } from '../../../src/errors.ts'
import { BlockFiles } from '../../../src/store/block-files.ts'
import { type CollectOptions, collectGarbage } from '../../../src/store/gc.ts'
import { MemoryBlocks } from '../../../src/store/memory-blocks.ts'
import { putUnpinned, testBlock } from '../../conformance/block-store.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const DIR = temporaryDirectory()
const GRACE_MS = 1000
let files = 0

const BLOCKS = Array.from({ length: 6 }, (_, seed) => testBlock(seed, 100))
const CIDS = BLOCKS.map(({ ref }) => ref.cid)

const NO_SHARDS = { blockOf: (cid: Cid) => cid, evict: async () => undefined }

function source(cids: Iterable<Cid>, name = 'folder'): ReferenceSource {
  return { name, references: () => cids }
}

/** A store with BLOCKS, and what collects it; the clock stands until it is moved. */
async function setUp(options: Partial<CollectOptions> = {}) {
  const store = options.store ?? new MemoryBlocks()
  for (const { ref, bytes } of BLOCKS) {
    await store.put(ref, bytes)
    store.unpin(ref.cid)
  }
  const clock = { ms: 0, nowMs: () => clock.ms }
  const candidatesFile = path.join(DIR, `candidates-${files++}`)
  const collect = (live: Iterable<Cid>, more: Partial<CollectOptions> = {}) =>
    collectGarbage({
      store,
      sources: [source(live)],
      candidatesFile,
      clock,
      gracePeriodMs: GRACE_MS,
      ...options,
      ...more,
    })
  return { store, clock, candidatesFile, collect }
}

describe('collectGarbage', () => {
  it('deletes at once what is unreferenced when there is no grace period', async () => {
    const { store, collect } = await setUp()
    const collected = await collect(CIDS.slice(0, 2), { gracePeriodMs: 0 })
    assert.deepEqual(collected, { live: 2, candidates: 0, deleted: 4, freedBytes: 400 })
    assert.deepEqual(
      CIDS.map((cid) => store.has(cid)),
      [true, true, false, false, false, false],
    )
  })

  it('deletes block files', async () => {
    const { store, collect } = await setUp({ store: await BlockFiles.open(temporaryDirectory()) })
    assert.equal((await collect(CIDS.slice(0, 1), { gracePeriodMs: 0 })).freedBytes, 500)
    assert.deepEqual(
      CIDS.map((cid) => store.has(cid)),
      [true, false, false, false, false, false],
    )
  })

  it('deletes only what was unreferenced a grace period of running time ago, and still is', async () => {
    const { store, clock, collect } = await setUp()
    assert.deepEqual(await collect(CIDS.slice(2)), { live: 4, candidates: 2, deleted: 0, freedBytes: 0 })
    clock.ms = GRACE_MS - 1
    assert.deepEqual(await collect(CIDS.slice(3)), { live: 3, candidates: 3, deleted: 0, freedBytes: 0 })
    clock.ms = GRACE_MS
    // The first is referenced again: only the second is due, and the third is too young.
    assert.deepEqual(await collect([CIDS[0]!, ...CIDS.slice(3)]), {
      live: 4,
      candidates: 1,
      deleted: 1,
      freedBytes: 100,
    })
    assert.deepEqual(
      CIDS.map((cid) => store.has(cid)),
      [true, false, true, true, true, true],
    )
  })

  it('lets go of what others keep for this device, whether it is here or not, when nothing needs it', async () => {
    const elsewhere = testBlock(99, 100).ref.cid
    const kept = new Set([CIDS[0]!, CIDS[1]!, CIDS[2]!, elsewhere])
    const released: Cid[] = []
    const borrowed = {
      borrowed: async function* () {
        yield* kept
      },
      release: async (cids: readonly Cid[]) => void released.push(...cids),
      ...NO_SHARDS,
    }
    const { store, clock, collect } = await setUp({ borrowed })
    await collect([CIDS[0]!])
    assert.deepEqual(released, [])
    clock.ms = GRACE_MS
    // Somebody came to need the third, and the fourth block has no copy here any more.
    store.pin(CIDS[2]!)
    assert.equal((await collect([CIDS[0]!])).deleted, 4)
    assert.deepEqual(new Set(released), new Set([CIDS[1]!, ...CIDS.slice(3), elsewhere]))
    assert(store.has(CIDS[2]!))
  })

  it('keeps what others hold of the shards of a block that is needed, and evicts what is here of them', async () => {
    const [needed, shard, stray, away] = [CIDS[0]!, CIDS[1]!, CIDS[2]!, testBlock(99, 100).ref.cid]
    const [released, evicted]: [Cid[], Cid[]] = [[], []]
    const shards = new Set([shard, stray, away])
    const borrowed = {
      borrowed: async function* () {
        yield* [...shards]
      },
      release: async (cids: readonly Cid[]) => void released.push(...cids),
      blockOf: (cid: Cid) => (shards.has(cid) ? needed : cid),
      evict: async (cids: readonly Cid[]) => void evicted.push(...cids),
    }
    const { store, collect } = await setUp({ borrowed, gracePeriodMs: 0 })
    await collect([needed, ...CIDS.slice(3)])
    assert.deepEqual([released, new Set(evicted)], [[], new Set([shard, stray])])
    assert(store.has(shard), 'the rule of holds decides, not the collection')
    await collect(CIDS.slice(3))
    assert.deepEqual(new Set(released), new Set([needed, shard, stray, away]), 'with the block they all go')
  })

  it('lets go again of what could not be let go', async () => {
    const elsewhere = testBlock(99, 100).ref.cid
    let tries = 0
    const borrowed = {
      borrowed: async function* () {
        yield elsewhere
      },
      release: async () => {
        if (tries++ === 0) throw new DfsError('io', 'the ledger cannot be written')
      },
      ...NO_SHARDS,
    }
    const { collect } = await setUp({ borrowed, gracePeriodMs: 0 })
    await assert.rejects(collect([]), { kind: 'io' })
    await collect([])
    assert.equal(tries, 2)
  })

  it('begins the grace period anew for what was referenced in between', async () => {
    const { store, clock, collect } = await setUp()
    await collect(CIDS.slice(1))
    clock.ms = GRACE_MS
    await collect(CIDS)
    clock.ms = GRACE_MS * 2
    assert.equal((await collect(CIDS.slice(1))).deleted, 0)
    clock.ms = GRACE_MS * 3
    assert.equal((await collect(CIDS.slice(1))).deleted, 1)
    assert.equal(store.has(CIDS[0]!), false)
  })

  it('begins the grace period anew when the running time was lost', async () => {
    const { clock, collect } = await setUp()
    clock.ms = 10 * GRACE_MS
    await collect([])
    clock.ms = 0
    assert.equal((await collect([])).deleted, 0)
    clock.ms = GRACE_MS - 1
    assert.equal((await collect([])).deleted, 0)
    clock.ms = GRACE_MS
    assert.equal((await collect([])).deleted, 6)
  })

  it('never deletes what is pinned', async () => {
    const { store, collect } = await setUp()
    store.pin(CIDS[0]!)
    assert.deepEqual(await collect([], { gracePeriodMs: 0 }), { live: 0, candidates: 0, deleted: 5, freedBytes: 500 })
    assert.ok(store.has(CIDS[0]!))
    store.unpin(CIDS[0]!)
    assert.equal((await collect([], { gracePeriodMs: 0 })).deleted, 1)
  })

  it('counts live blocks once, here or not', async () => {
    const { collect } = await setUp()
    const live = [CIDS[0]!, CIDS[0]!, testBlock(99).ref.cid]
    const collected = await collect([], { sources: [source(live, 'folder'), source(live, 'journal')] })
    assert.equal(collected.live, 2)
  })

  const failures: Record<string, { thrown: unknown; kind: string }> = {
    'is unreadable': { thrown: new DfsError('no-permission', 'permission denied'), kind: 'no-permission' },
    'has a damaged stub': { thrown: new DfsError('corrupt', 'damaged stub'), kind: 'corrupt' },
    'throws anything': { thrown: new TypeError('x is undefined'), kind: 'internal' },
  }
  for (const [what, { thrown, kind }] of Object.entries(failures)) {
    it(`deletes nothing and remembers nothing when a source ${what}`, async () => {
      const { store, collect, candidatesFile } = await setUp()
      const failing: ReferenceSource = {
        name: '/home/x/cloud',
        async *references() {
          yield CIDS[0]!
          throw thrown
        },
      }
      await assert.rejects(collect([], { sources: [source(CIDS), failing], gracePeriodMs: 0 }), (error: DfsError) => {
        assert.equal(error.kind, kind)
        assert.match(error.message, /\/home\/x\/cloud/)
        return true
      })
      assert.ok(CIDS.every((cid) => store.has(cid)))
      assert.throws(() => readFileSync(candidatesFile), { code: 'ENOENT' })
    })
  }

  it('stops in the mark when it is told to, with nothing deleted', async () => {
    const { store, collect } = await setUp()
    const abort = new AbortController()
    const references = function* () {
      yield CIDS[0]!
      abort.abort()
      yield CIDS[1]!
    }
    const sources = [{ name: 'folder', references }, source([])]
    await assert.rejects(collect([], { sources, gracePeriodMs: 0, signal: abort.signal }), { kind: 'aborted' })
    assert.ok(CIDS.every((cid) => store.has(cid)))
  })

  it('stops between deletions when it is told to, and takes up where it was', async () => {
    const { store, collect } = await setUp()
    const abort = new AbortController()
    const remove = store.beginSweep.bind(store)
    store.beginSweep = () => {
      const sweep = remove()
      return {
        ...sweep,
        [Symbol.dispose]: sweep[Symbol.dispose],
        delete: (cid) => {
          abort.abort()
          return sweep.delete(cid)
        },
      }
    }
    await assert.rejects(collect([], { gracePeriodMs: 0, signal: abort.signal }), { kind: 'aborted' })
    assert.equal(CIDS.filter((cid) => store.has(cid)).length, 5)
    store.beginSweep = remove
    assert.equal((await collect([], { gracePeriodMs: 0 })).deleted, 5)
  })

  it('says how far it is', async () => {
    const { collect } = await setUp()
    const seen: string[] = []
    const slow = function* () {
      for (const cid of CIDS) {
        const end = performance.now() + 6
        while (performance.now() < end);
        yield cid
      }
    }
    await collect([], {
      sources: [{ name: 'folder', references: slow }],
      onProgress: ({ done, unit }) => seen.push(`${done} ${unit}`),
    })
    assert.ok(seen.includes('6 blocks'))
  })

  it('lets the event loop turn while it marks', async () => {
    const { collect } = await setUp()
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    const many = function* () {
      const end = performance.now() + 100
      while (performance.now() < end) yield CIDS[0]!
    }
    await collect([], { sources: [{ name: 'folder', references: many }] })
    clearInterval(timer)
    assert.ok(turns > 2, `${turns} turns`)
  })

  describe('with its candidates file', () => {
    it('damaged begins all grace periods anew, and says so', async (t) => {
      const said = t.mock.method(process.stderr, 'write', () => true)
      const { clock, collect, candidatesFile } = await setUp()
      await collect([])
      const good = readFileSync(candidatesFile)
      clock.ms = GRACE_MS
      for (const bytes of [
        good.subarray(0, 50),
        Buffer.alloc(0),
        flipped(good, good.length - 3),
        Buffer.from('text'),
      ]) {
        writeFileSync(candidatesFile, bytes)
        assert.equal((await collect([])).deleted, 0)
      }
      assert.equal(said.mock.callCount(), 4)
    })

    it('of a newer dfs is refused and left, with nothing deleted', async () => {
      const { store, collect, candidatesFile } = await setUp()
      await collect([])
      const newer = encode({ ...decode(readFileSync(candidatesFile)), version: 2 })
      writeFileSync(candidatesFile, newer)
      await assert.rejects(collect([], { gracePeriodMs: 0 }), { kind: 'newer-version' })
      assert.deepEqual(readFileSync(candidatesFile), Buffer.from(newer))
      assert.ok(CIDS.every((cid) => store.has(cid)))
    })

    it('not writable deletes nothing', async () => {
      const { store, collect } = await setUp()
      const candidatesFile = path.join(DIR, 'nowhere', 'candidates')
      await assert.rejects(collect([], { gracePeriodMs: 0, candidatesFile }), { kind: 'io' })
      assert.ok(CIDS.every((cid) => store.has(cid)))
    })
  })

  it('finds no garbage twice after a block was put again', async () => {
    const { store, clock, collect } = await setUp()
    await collect([])
    await putUnpinned(store as MemoryBlocks, BLOCKS[0]!)
    clock.ms = GRACE_MS
    assert.equal((await collect([])).deleted, 6)
    await putUnpinned(store as MemoryBlocks, BLOCKS[0]!)
    assert.deepEqual(await collect([]), { live: 0, candidates: 1, deleted: 0, freedBytes: 0 })
  })
})

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at]! ^= 1
  return copy
}
