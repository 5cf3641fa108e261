/**
 * Runs the machine for many blocks, and carries out what it says.
 *
 * Keeps the three rules of `transition.ts`: a block takes one input at a time, in the order in which they came; an
 * action begins when the one before is done; what fails is forgotten as by a crash, and a record that says `evicting`
 * while nobody asks for it gets `restart` before anything else. Records of all blocks that come together are made
 * durable together, and their messages leave together.
 */
import { Slices } from '../../concurrency/slices.ts'
import type { Cid } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import type { HoldEntry } from '../../format/hold-entry.ts'
import type { ShardOf } from '../../format/kept-shards.ts'
import { type BlockRecord, entryOf, type HoldLedger, readRecord } from './ledger.ts'
import { step } from './machine.ts'
import { type BlockHolds, type DeviceId, type HoldMemory, NOTHING_ASKED } from './state.ts'
import type { Action, Command, CommandRefusal, HoldMessage, Input, View } from './transition.ts'

export interface DriverOptions {
  readonly ledger: HoldLedger
  /** The world as it is now, but for the block. */
  readonly view: () => Omit<View, 'hasBlock' | 'isNeeded'>
  /** Whether the block is here. Fails with `io` if that cannot be told. */
  readonly hasBlock: (cid: Cid) => boolean
  /** Deletes the copy of a block; false if somebody here uses it. Fails with `io`. */
  readonly deleteBlock: (cid: Cid) => boolean
  /** Takes messages to be sent, in this order; never fails. */
  readonly send: (messages: readonly Outgoing[]) => void
}

/** A message about one block. */
export interface Outgoing {
  readonly to: DeviceId
  readonly cid: Cid
  /** Length of the block. */
  readonly bytes: number
  readonly message: HoldMessage
}

export interface BlockInput {
  readonly cid: Cid
  readonly input: Input
  /** Length of the block, where the record may not have it yet. */
  readonly bytes?: number
  /** Of a block that is recorded for the first time: see `BlockRecord`. */
  readonly isForeign?: boolean
  /** Which shard it is, if it is one that the record may not know as such yet. */
  readonly shard?: ShardOf | undefined
  /** Of a block that is known to be here, durable and pinned, or known to be missing. Default: it is looked for. */
  readonly hasBlock?: boolean
  /** Asked right before the block is deleted: whether it may be, still. */
  readonly mayDelete?: () => boolean
  /** False where it is certain that nothing of this device refers to the block. Default: it may. */
  readonly isNeeded?: boolean
}

export interface Outcome {
  readonly refused: CommandRefusal | undefined
  /** Why an action was not done; those before it were. `busy`: the block is in use. */
  readonly failed: DfsError | undefined
  /** What stands in the ledger now; undefined if that cannot be read. */
  readonly now: BlockRecord | undefined
}

interface Work {
  readonly input: BlockInput
  block: BlockRecord
  memory: HoldMemory
  actions: readonly Action[]
  done: number
  refused: CommandRefusal | undefined
  failed: DfsError | undefined
}

const RESTART: Input = { kind: 'command', command: { kind: 'restart' } }

export class HoldDriver {
  readonly #options: DriverOptions
  readonly #slices = new Slices()
  /** Of blocks for which something is asked. */
  readonly #memories = new Map<Cid, HoldMemory>()
  /** What a block's next input waits for. */
  readonly #tails = new Map<Cid, Promise<void>>()

  constructor(options: DriverOptions) {
    this.#options = options
  }

  /** What is known of a block now, while no input of it is under way. Fails as the ledger. */
  stateOf(cid: Cid): BlockHolds {
    const { record } = readRecord(this.#options.ledger, cid)
    return { record, memory: this.#memories.get(cid) ?? NOTHING_ASKED }
  }

  /** Length of a block, as recorded; 0 if it is not. Fails as the ledger. */
  bytesOf(cid: Cid): number {
    return readRecord(this.#options.ledger, cid).bytes
  }

  /** The view of a block, for questions about its state. */
  viewOf(cid: Cid): View {
    return this.#view({ cid, input: RESTART }, readRecord(this.#options.ledger, cid))
  }

  command(cids: Iterable<Cid>, command: Command, more: Partial<BlockInput> = {}): Promise<Outcome[]> {
    return this.apply([...cids].map((cid) => ({ ...more, cid, input: { kind: 'command', command } })))
  }

  /** Gives each block its inputs; the outcomes stand in the same order. Never fails. */
  async apply(inputs: readonly BlockInput[]): Promise<Outcome[]> {
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    const cids = new Set(inputs.map(({ cid }) => cid))
    // All at once, so that two who want the same blocks never wait for each other.
    const before = [...cids].map((cid) => this.#tails.get(cid))
    for (const cid of cids) this.#tails.set(cid, ended)
    await Promise.all(before)
    try {
      await this.#runLayer([...cids].filter((cid) => this.#isLeftOver(cid)).map((cid) => ({ cid, input: RESTART })))
      const outcomes = new Map<BlockInput, Outcome>()
      for (const layer of layersOf(inputs)) {
        for (const work of await this.#runLayer(layer)) outcomes.set(work.input, outcomeOf(work))
      }
      return inputs.map((input) => outcomes.get(input)!)
    } finally {
      for (const cid of cids) if (this.#tails.get(cid) === ended) this.#tails.delete(cid)
      end()
    }
  }

  /** Whether a crash or a failure left the record of a block as it is in the midst of an eviction. */
  #isLeftOver(cid: Cid): boolean {
    try {
      return !this.#memories.has(cid) && this.#options.ledger.get(cid)?.evicting === true
    } catch {
      return false // Whoever goes on with the block fails, too.
    }
  }

  /** Inputs of distinct blocks. */
  async #runLayer(inputs: readonly BlockInput[]): Promise<Work[]> {
    const works: Work[] = []
    for (const input of inputs) {
      await this.#slices.next()
      works.push(this.#begin(input))
    }
    for (let open = works; open.length > 0; ) {
      open = await this.#goOn(open)
      open = await this.#persist(open)
    }
    for (const work of works) this.#remember(work)
    return works
  }

  #begin(input: BlockInput): Work {
    const { cid } = input
    const memory = this.#memories.get(cid) ?? NOTHING_ASKED
    const nothing = { input, memory, actions: [], done: 0, refused: undefined, failed: undefined }
    let block: BlockRecord | undefined
    try {
      block = readRecord(this.#options.ledger, cid)
      const known = { ...withSize(block, input), shard: block.shard ?? input.shard }
      const { refused, ...next } = step({ record: block.record, memory }, input.input, this.#view(input, known))
      return { ...nothing, ...next, block: known, refused }
    } catch (error) {
      return { ...nothing, block: block!, failed: asDfsError(error) }
    }
  }

  #view(input: BlockInput, { shard }: Pick<BlockRecord, 'shard'>): View {
    const { hasBlock } = this.#options
    const here = input.hasBlock
    const view = this.#options.view()
    return {
      ...view,
      // Each shard stands for itself: what is lost of it, the others make good.
      replicas: shard === undefined ? view.replicas : 1,
      isNeeded: input.isNeeded ?? true,
      get hasBlock() {
        return here ?? hasBlock(input.cid)
      },
    }
  }

  /** Sends and deletes until a record is to be made durable; gives those for which that is next. */
  async #goOn(works: readonly Work[]): Promise<Work[]> {
    const outgoing: Outgoing[] = []
    for (const work of works) {
      await this.#slices.next()
      for (; work.failed === undefined && work.done < work.actions.length; work.done++) {
        const action = work.actions[work.done]!
        if (action.kind === 'persist') break
        const { cid } = work.input
        if (action.kind === 'send') outgoing.push({ ...action, cid, bytes: work.block.bytes })
        else this.#delete(work)
      }
    }
    if (outgoing.length > 0) this.#options.send(outgoing)
    return works.filter(({ failed, done, actions }) => failed === undefined && done < actions.length)
  }

  #delete(work: Work): void {
    const { cid, mayDelete } = work.input
    try {
      if (mayDelete?.() === false)
        throw new DfsError('unreachable', 'too few holders', { op: 'delete block', subject: cid })
      if (this.#options.deleteBlock(cid)) return
      work.failed = new DfsError('busy', 'the block is in use', { op: 'delete block', subject: cid })
    } catch (error) {
      work.failed = asDfsError(error)
    }
  }

  /** Makes the next records durable; gives those for which that was done. */
  async #persist(works: readonly Work[]): Promise<Work[]> {
    if (works.length === 0) return []
    const next = works.map((work) => ({ ...work.block, record: persistedBy(work.actions[work.done]!) }))
    const entries = new Map<Cid, HoldEntry | undefined>()
    try {
      for (const [at, { input }] of works.entries()) {
        await this.#slices.next()
        entries.set(input.cid, entryOf(next[at]!))
      }
      await this.#options.ledger.write(entries)
    } catch (error) {
      for (const work of works) work.failed = asDfsError(error)
      return []
    }
    for (const [at, work] of works.entries()) {
      work.block = next[at]!
      work.done++
    }
    return [...works]
  }

  #remember({ input: { cid }, memory, failed, block }: Work): void {
    if (failed !== undefined && block === undefined) return
    const isEmpty = memory.question === undefined && memory.requests.length === 0
    if (isEmpty || failed !== undefined) this.#memories.delete(cid)
    else this.#memories.set(cid, memory)
  }
}

/** The first inputs of all blocks, then the second of those that have one, and so on. */
function layersOf(inputs: readonly BlockInput[]): BlockInput[][] {
  const counts = new Map<Cid, number>()
  const layers: BlockInput[][] = []
  for (const input of inputs) {
    const layer = counts.get(input.cid) ?? 0
    counts.set(input.cid, layer + 1)
    layers[layer] ??= []
    layers[layer].push(input)
  }
  return layers
}

/** What is recorded for the first time has the size that comes with the input. */
function withSize(block: BlockRecord, { bytes = 0, isForeign = false }: BlockInput): BlockRecord {
  return block.bytes > 0 ? block : { ...block, bytes, isForeign }
}

function outcomeOf({ refused, failed, block }: Work): Outcome {
  return { refused, failed, now: block }
}

function persistedBy(action: Action) {
  if (action.kind !== 'persist') throw new Error(`to be made durable, not to ${action.kind}`)
  return action.record
}

function asDfsError(error: unknown): DfsError {
  if (error instanceof DfsError) return error
  return new DfsError('internal', (error as Error).message, { op: 'hold', cause: error })
}
