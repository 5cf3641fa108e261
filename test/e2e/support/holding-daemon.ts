/**
 * A daemon that does what a test tells it over its channel to the test's process, of what no command reaches:
 * `node holding-daemon.ts HOME`. Ends with the channel.
 */
import { randomBytes } from 'node:crypto'
import { Daemon } from '../../../src/daemon/life-cycle.ts'
import type { Cid } from '../../../src/dfs.ts'
import { cidOfDigest } from '../../../src/format/cid.ts'
import type { AskOutcome, BlockSize, EvictOutcome, Offer } from '../../../src/net/holds/hold-service.ts'
import { type Call, Rpc } from '../../../src/net/rpc.ts'
import { digestOf } from '../../../src/seal/hash.ts'
import { keepHashesAlone } from './lying-lender.ts'
import { until } from './process.ts'

const HEAD_MS = 30_000

export interface HoldingCalls {
  /** This device's id. */
  id: Call<void, string>
  connected: Call<void, string[]>
  /** Puts random blocks into the store, durably. */
  makeBlocks: Call<{ count: number; bytes: number }, BlockSize[]>
  has: Call<Cid[], boolean[]>
  ask: Call<{ holder: string; blocks: BlockSize[] }, [Cid, AskOutcome][]>
  evict: Call<Cid[], [Cid, EvictOutcome][]>
  release: Call<Cid[], void>
  holdersOf: Call<Cid[], string[][]>
  offerOf: Call<string, Offer | undefined>
  lent: Call<void, [string, number][]>
  borrowed: Call<void, Cid[]>
  promised: Call<void, Cid[]>
  /** Has a member hold all blocks of a folder that is not mounted, and keep the head that tells of them; gives how many. */
  lendFolder: Call<{ folder: string; holder: string }, number>
  /** Whether the block comes from other devices, whole. */
  fetch: Call<BlockSize, boolean>
  /** From now on it lies: see `lying-lender.ts`. */
  keepHashesAlone: Call<void, void>
}

// Only as a program: the test takes the types from here.
if (process.argv[1] === import.meta.filename) await serve(process.argv[2]!)

async function serve(home: string): Promise<void> {
  const daemon = await Daemon.start({ home, env: process.env, service: true })
  process.once('disconnect', () => process.exit())
  const port = {
    postMessage: (message: unknown) => void process.send!(message),
    on: (_: 'message', listener: (message: unknown) => void) => process.on('message', listener),
  }
  const parts = await daemon.parts()
  const { holds, store, network, folders, heads } = parts
  network.startIfUseful()
  new Rpc<Record<never, never>, HoldingCalls>(port, {
    id: () => daemon.home().deviceId,
    connected: async () => (network.isRunning ? (await network.network.peers()).map(({ peerId }) => peerId) : []),
    makeBlocks: async ({ count, bytes }) => {
      const blocks: BlockSize[] = []
      for (let index = 0; index < count; index++) {
        const content = randomBytes(bytes)
        const cid = cidOfDigest(digestOf(content))
        await store.put({ cid, sealedBytes: bytes }, content)
        blocks.push({ cid, bytes })
      }
      await store.sync(blocks.map(({ cid }) => cid))
      for (const { cid } of blocks) store.unpin(cid)
      return blocks
    },
    has: (cids) => cids.map((cid) => store.has(cid)),
    ask: async ({ holder, blocks }) => [...(await holds.ask(holder, blocks))],
    evict: async (cids) => [...(await holds.evict(cids))],
    release: (cids) => holds.release(cids),
    holdersOf: async (cids) => (await holds.holdersOf(cids)).map((holders) => [...holders]),
    offerOf: (holder) => holds.offerOf(holder),
    lent: async () => [...(await holds.lent())],
    borrowed: () => all(holds.borrowed()),
    promised: () => all(holds.promises.references()),
    lendFolder: async ({ folder, holder }) => {
      const lease = await folders.lease(folder)
      try {
        const names = () => heads.current?.folders.some(({ id }) => id.toString('hex') === lease.folder.id) === true
        await until('a head names the folder', names, HEAD_MS)
        const blocks = await all(heads.blocks())
        const outcomes = await holds.ask(holder, blocks)
        for (const [cid, outcome] of outcomes) if (outcome !== 'held') throw new Error(`${cid}: ${outcome}`)
        await heads.giveTo(holder)
        return outcomes.size
      } finally {
        await lease.release()
      }
    },
    keepHashesAlone: () => keepHashesAlone(parts),
    fetch: async ({ cid, bytes }) => {
      const fetching = network.source.fetch({ cid, sealedBytes: bytes })
      try {
        return cidOfDigest(digestOf(await fetching.block)) === cid
      } finally {
        fetching.release()
      }
    },
  })
  process.send!('ready')
}

async function all<T>(items: AsyncIterable<T> | Iterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}
