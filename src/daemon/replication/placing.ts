/**
 * Has blocks held by as many other devices as are wanted: asks those whom each belongs to, and the next ones where these
 * refuse. What has enough holders already is left alone.
 */
import { Slices } from '../../concurrency/slices.ts'
import { logger } from '../../log.ts'
import { countHolders } from '../../net/holds/counting.ts'
import type { AskOutcome, BlockSize } from '../../net/holds/hold-service.ts'
import type { DeviceId } from '../../net/holds/state.ts'
import { type Candidate, chooseHolders } from '../../net/placement.ts'
import type { Lenders } from './lenders.ts'
import type { Holds, MembersView } from './parts.ts'

const log = logger('replication')

export interface PlacerOptions {
  readonly holds: Pick<Holds, 'ask' | 'holdersOf'>
  readonly lenders: Lenders
  readonly members: MembersView
  readonly replicas: () => number
  /** Resolves when so many bytes may be sent. */
  readonly pace: (bytes: number, signal: AbortSignal) => Promise<void>
  /** Hears of bytes that a device is bound to hold from now on. */
  readonly onHeld: (bytes: number) => void
  /** Hears of every device that is bound to hold some of the blocks. */
  readonly onHolder: (holder: DeviceId) => void
}

export interface Placed {
  /** Blocks that too few devices hold still, and their bytes. */
  readonly blocks: number
  readonly bytes: number
}

/** A block that needs more holders. */
interface Open {
  readonly block: BlockSize
  /** Who is bound to hold it, and who was asked in vain. */
  readonly present: DeviceId[]
  readonly refused: Set<DeviceId>
}

/** Reasons for which the device as a whole is passed over for a while. */
const GENERAL: ReadonlySet<AskOutcome> = new Set<AskOutcome>(['unreachable', 'no-space', 'no-member', 'unavailable'])

export function isGeneral(outcome: AskOutcome): boolean {
  return GENERAL.has(outcome)
}

export class Placer {
  readonly #options: PlacerOptions
  readonly #slices = new Slices()

  constructor(options: PlacerOptions) {
    this.#options = options
  }

  /** Resolves with what could not be placed. Fails with `aborted`, and with `io` of the ledger. */
  async place(blocks: readonly BlockSize[], signal: AbortSignal): Promise<Placed> {
    let open = await this.#openOf(blocks)
    while (open.length > 0) {
      const asked = await this.#choose(open, signal)
      if (asked.size === 0) break
      await Promise.all([...asked].map(([holder, wanted]) => this.#ask(holder, wanted, signal)))
      open = open.filter((one) => !this.#isDone(one))
    }
    return { blocks: open.length, bytes: open.reduce((sum, { block }) => sum + block.bytes, 0) }
  }

  async #openOf(blocks: readonly BlockSize[]): Promise<Open[]> {
    const distinct = [...new Map(blocks.map((block) => [block.cid, block])).values()]
    const holders = await this.#options.holds.holdersOf(distinct.map(({ cid }) => cid))
    for (const holder of new Set(holders.flat())) this.#options.onHolder(holder)
    return distinct
      .map((block, index) => ({ block, present: [...holders[index]!], refused: new Set<DeviceId>() }))
      .filter((one) => !this.#isDone(one))
  }

  #isDone({ present }: Open): boolean {
    return countHolders(present, this.#options.members) >= this.#options.replicas()
  }

  /** Who is to be asked for what now. */
  async #choose(open: readonly Open[], signal: AbortSignal): Promise<Map<DeviceId, Open[]>> {
    const { lenders, members, replicas } = this.#options
    const candidates = await lenders.candidates(signal)
    const left = new Map(candidates.map(({ device, freeBytes }) => [device, freeBytes]))
    const asked = new Map<DeviceId, Open[]>()
    for (const one of open) {
      await this.#slices.next()
      const { block, present, refused } = one
      const mayHold = ({ device }: Candidate) => !refused.has(device) && left.get(device)! >= block.bytes
      const able = candidates.filter(mayHold)
      for (const { device } of chooseHolders(block.cid, able, { present, replicas: replicas(), members })) {
        left.set(device, left.get(device)! - block.bytes)
        const wanted = asked.get(device)
        if (wanted === undefined) asked.set(device, [one])
        else wanted.push(one)
      }
    }
    return asked
  }

  async #ask(holder: DeviceId, wanted: readonly Open[], signal: AbortSignal): Promise<void> {
    const { holds, lenders, pace, onHeld, onHolder } = this.#options
    const blocks = wanted.map(({ block }) => block)
    await pace(
      blocks.reduce((sum, { bytes }) => sum + bytes, 0),
      signal,
    )
    const outcomes = await holds.ask(holder, blocks, signal)
    const refusals = new Set<AskOutcome>()
    for (const { block, present, refused } of wanted) {
      const outcome = outcomes.get(block.cid) ?? 'unreachable'
      if (outcome === 'held') {
        present.push(holder)
        lenders.gave(holder, block.bytes)
        onHolder(holder)
        onHeld(block.bytes)
      } else {
        refused.add(holder)
        refusals.add(outcome)
      }
    }
    if (refusals.size > 0) log('%s refuses: %s', holder, [...refusals].join(', '))
    if ([...refusals].some(isGeneral)) lenders.failed(holder)
  }
}
