/**
 * Asking one device to hold blocks, many in one message.
 *
 * Invariant: `held` is told only of what the ledger durably says. A request that stays without an answer is called off,
 * so that the holder, if it hears of that, need not keep what nobody knows of.
 */
import type { Cid } from '../../dfs.ts'
import type { ShardOf } from '../../format/kept-shards.ts'
import type { Clock } from '../exchange/clock.ts'
import { Answers } from './answers.ts'
import type { HoldDriver, Outcome, Outgoing } from './driver.ts'
import type { AskOutcome, BlockSize } from './hold-service.ts'
import { newNonce } from './nonce.ts'
import { forPieces } from './pieces.ts'
import type { DeviceId, Nonce } from './state.ts'
import type { CommandRefusal } from './transition.ts'

/** Of a holder that is asked, without a word from it. It may have to pull a long block over a slow line. */
const QUIET_MS = 120_000

export interface AsksOptions {
  readonly driver: HoldDriver
  readonly clock: Clock
  readonly send: (messages: readonly Outgoing[]) => void
  readonly quietMs?: number | undefined
}

interface Ask {
  readonly holder: DeviceId
  readonly nonce: Nonce
  readonly blocks: ReadonlyMap<Cid, BlockSize>
  readonly answers: Answers<AskOutcome>
}

export class Asks {
  readonly #options: AsksOptions
  readonly #open = new Set<Ask>()
  /** Also those that are being called off: a hold that comes is taken until that is done. */
  readonly #asking = new Set<Ask>()

  constructor(options: AsksOptions) {
    this.#options = options
  }

  async ask(
    holder: DeviceId,
    blocks: readonly BlockSize[],
    signal: AbortSignal | undefined,
  ): Promise<Map<Cid, AskOutcome>> {
    const distinct = [...new Map(blocks.map((block) => [block.cid, block]))]
    return forPieces(distinct, (piece) => this.#askPiece(holder, new Map(piece), signal))
  }

  /** As which shard a block is asked for, if it is as one. */
  shardOf(cid: Cid): ShardOf | undefined {
    for (const { blocks } of this.#asking) if (blocks.get(cid)?.shard !== undefined) return blocks.get(cid)!.shard
    return undefined
  }

  /** What came of a hold that the holder gave, or of its refusal. */
  heard(holder: DeviceId, nonce: Nonce, blocks: Iterable<{ cid: Cid; outcome: Outcome; refusal?: AskOutcome }>): void {
    const ask = [...this.#open].find((one) => one.holder === holder && one.nonce === nonce)
    if (ask === undefined) return
    for (const { cid, outcome, refusal } of blocks) {
      const isHeld = outcome.now?.record.holds.some(
        (hold) => hold.holder === holder && hold.nonce === nonce && hold.status === 'held',
      )
      if (outcome.failed !== undefined) ask.answers.fail(outcome.failed)
      else if (refusal !== undefined) ask.answers.settle(cid, refusal)
      else if (isHeld) ask.answers.settle(cid, 'held')
    }
  }

  /** The device is connected: what it did not answer is said again, for it may not have heard it. */
  repeat(holder: DeviceId): void {
    for (const ask of this.#open) if (ask.holder === holder) this.#sayAgain(ask)
  }

  /** Nothing can be sent to the device: nobody needs to wait for its answers. */
  unreachable(holder: DeviceId): void {
    for (const { holder: asked, answers } of this.#open) {
      if (asked === holder) for (const cid of [...answers.pending]) answers.settle(cid, 'unreachable')
    }
  }

  async #askPiece(
    holder: DeviceId,
    blocks: ReadonlyMap<Cid, BlockSize>,
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<Cid, AskOutcome>> {
    const { driver, clock, quietMs = QUIET_MS } = this.#options
    const others = this.#othersThatAsk(holder, blocks)
    const cids = [...blocks.keys()].filter((cid) => !others.has(cid))
    const nonce = newNonce()
    const again = () => this.#sayAgain(ask)
    const ask: Ask = { holder, nonce, blocks, answers: new Answers({ cids, clock, quietMs, again, signal }) }
    this.#open.add(ask)
    this.#asking.add(ask)
    const requested: Cid[] = []
    try {
      const input = { kind: 'command', command: { kind: 'ask-hold', holder, nonce } } as const
      const outcomes = await driver.apply(cids.map((cid) => ({ ...blocks.get(cid)!, input })))
      for (const [at, { refused, failed }] of outcomes.entries()) {
        if (refused === undefined && failed === undefined) requested.push(cids[at]!)
        if (failed !== undefined) ask.answers.fail(failed)
        if (refused !== undefined) ask.answers.settle(cids[at]!, outcomeOfRefusal(refused))
      }
      await ask.answers.ended
    } finally {
      this.#open.delete(ask)
      // Of what was answered there is no request any more.
      await driver.command(requested, { kind: 'cancel-request', holder })
      this.#asking.delete(ask)
    }
    return new Map([...(await settledBy(others)), ...cids.map((cid) => [cid, outcomeOf(ask.answers, cid)] as const)])
  }

  #sayAgain({ holder, nonce, blocks, answers }: Ask): void {
    const message = { kind: 'request', nonce } as const
    this.#options.send([...answers.pending].map((cid) => ({ to: holder, cid, bytes: blocks.get(cid)!.bytes, message })))
  }

  /** Requests of the same holder for the same blocks, which are under way. */
  #othersThatAsk(holder: DeviceId, blocks: ReadonlyMap<Cid, BlockSize>): Map<Cid, Answers<AskOutcome>> {
    const others = [...this.#open].filter((ask) => ask.holder === holder)
    return new Map(
      others.flatMap(({ answers }) =>
        [...answers.pending].filter((cid) => blocks.has(cid)).map((cid) => [cid, answers] as const),
      ),
    )
  }
}

async function settledBy(others: ReadonlyMap<Cid, Answers<AskOutcome>>): Promise<[Cid, AskOutcome][]> {
  await Promise.allSettled([...new Set(others.values())].map(({ ended }) => ended))
  return [...others].map(([cid, answers]) => [cid, outcomeOf(answers, cid)])
}

function outcomeOf(answers: Answers<AskOutcome>, cid: Cid): AskOutcome {
  return answers.settled.get(cid) ?? 'unreachable'
}

function outcomeOfRefusal(refused: CommandRefusal): AskOutcome {
  if (refused === 'already-held') return 'held'
  return refused === 'no-member' ? 'no-member' : 'unreachable'
}
