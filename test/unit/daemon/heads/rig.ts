/** The heads of a device with one folder, and members that keep them: fakes of what is across the network. */
import assert from 'node:assert/strict'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { Heads, type HeadsOptions } from '../../../../src/daemon/heads/heads.ts'
import type { MadeHead } from '../../../../src/daemon/heads/made-head.ts'
import type { Cid } from '../../../../src/dfs.ts'
import { supersedes } from '../../../../src/format/head-record.ts'
import type { WireHeadAnswer } from '../../../../src/net/heads/head-calls.ts'
import type { AskOutcome, BlockSize } from '../../../../src/net/holds/hold-service.ts'
import { verifyHead } from '../../../../src/seal/head-seal.ts'
import { signingKeyOfSeed } from '../../../../src/seal/signing.ts'
import { MemoryBlocks } from '../../../../src/store/memory-blocks.ts'
import { until } from '../../../e2e/support/process.ts'
import { KEYS } from '../../sync/support.ts'
import { TestFolder } from '../../vfs/support.ts'
import { temporaryDirectory } from '../temporary.ts'

export const ID = 'ab'.repeat(16)
const NETWORK = { kind: 'private' as const, network: Buffer.alloc(32, 1), owner: Buffer.alloc(32, 2) }
const TIMES = { quietMs: 0, latestMs: 0, retryMs: 0 }

/** A keeper of heads, and of blocks: as `KeptHeads` and a lender are. */
export class Keeper {
  record: Buffer | undefined
  readonly held = new Set<Cid>()
  isReachable = true

  give(record: Buffer): WireHeadAnswer {
    const { label } = verifyHead(record)
    if (this.record !== undefined && !supersedes(label, verifyHead(this.record).label)) return { have: this.record }
    this.record = record
    return 'kept'
  }

  ask(blocks: readonly BlockSize[], has: (cid: Cid) => boolean): Map<Cid, AskOutcome> {
    if (!this.isReachable) return new Map(blocks.map(({ cid }) => [cid, 'unreachable']))
    for (const { cid } of blocks) {
      assert(has(cid), 'what is lent is here')
      this.held.add(cid)
    }
    return new Map(blocks.map(({ cid }) => [cid, 'held']))
  }
}

export interface Rig extends AsyncDisposable {
  readonly heads: Heads
  readonly folder: TestFolder
  readonly store: MemoryBlocks
  readonly keepers: Map<string, Keeper>
  readonly options: HeadsOptions
  lose(holder: string, cids: readonly Cid[]): void
}

export async function newRig(t: TestContext, overrides: Partial<HeadsOptions> = {}): Promise<Rig> {
  const store = (overrides.store as MemoryBlocks | undefined) ?? new MemoryBlocks()
  const folder = await TestFolder.open({ store })
  const keepers = new Map<string, Keeper>()
  let lose: Rig['lose'] = () => undefined
  const keeperOf = (holder: string) => {
    const keeper = keepers.get(holder) ?? new Keeper()
    keepers.set(holder, keeper)
    return keeper
  }
  const options: HeadsOptions = {
    dir: path.join(temporaryDirectory(t), 'heads'),
    store,
    keys: KEYS,
    device: signingKeyOfSeed(Buffer.alloc(32, 9)),
    identity: () => NETWORK,
    registered: () => [{ id: ID, path: '/somewhere/cloud' }],
    isActive: () => true,
    hasOwnDevices: () => true,
    isMember: () => true,
    times: TIMES,
    give: async (holder, record) => keeperOf(holder).give(record),
    holds: {
      ask: async (holder, blocks) => keeperOf(holder).ask(blocks, (cid) => store.has(cid)),
      onHolderLost: (listener) => {
        lose = listener
        return () => undefined
      },
    },
    ...overrides,
  }
  const heads = await Heads.open(options)
  return {
    heads,
    folder,
    store,
    keepers,
    options,
    lose: (...args) => lose(...args),
    async [Symbol.asyncDispose]() {
      await heads[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

export function headed(folder: TestFolder) {
  return {
    id: ID,
    path: '/somewhere/cloud',
    directoryFd: folder.services.tree.rootFd,
    settle: () => folder.checkpointer.run(),
    onChange: folder.services.changes.listen.bind(folder.services.changes),
  }
}

export async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

export function cidsOf(blocks: readonly BlockSize[]): string[] {
  return [...new Set(blocks.map(({ cid }) => cid))].sort()
}

export function untilHead({ heads }: Rig, after?: MadeHead): Promise<void> {
  return until('a new head', () => heads.current !== undefined && heads.current !== after)
}
