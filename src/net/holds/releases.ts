/**
 * Letting holders go of what nothing here needs any more, and saying so again until they acknowledge it.
 */
import type { Cid } from '../../dfs.ts'
import type { Clock } from '../exchange/clock.ts'
import type { BlockInput, HoldDriver } from './driver.ts'
import { type HoldLedger, keyOf } from './ledger.ts'
import { inPieces, PIECE_BLOCKS } from './pieces.ts'
import type { DeviceId } from './state.ts'

const AGAIN_MS_MIN = 30_000
const AGAIN_MS_MAX = 3_600_000

export interface ReleasesOptions {
  readonly driver: HoldDriver
  readonly ledger: HoldLedger
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

interface Repeating {
  againMs: number
  callOff: () => void
}

export class Releases {
  readonly #options: ReleasesOptions
  /** By connected holder. */
  readonly #repeating = new Map<DeviceId, Repeating>()

  constructor(options: ReleasesOptions) {
    this.#options = options
  }

  /** Lets all holders of these go, who are told at once; those of which something is asked now stay. Fails as the ledger. */
  async release(cids: readonly Cid[]): Promise<void> {
    const { driver } = this.#options
    for (const piece of inPieces(cids)) {
      const inputs: BlockInput[] = []
      for (const cid of piece) {
        const bound = driver.stateOf(cid).record.holds.filter(({ status }) => status !== 'releasing')
        for (const holder of new Set(bound.map((hold) => hold.holder))) {
          inputs.push({ cid, input: { kind: 'command', command: { kind: 'release', holder } }, isNeeded: false })
          this.#expect(holder)
        }
      }
      for (const { failed } of await driver.apply(inputs)) if (failed !== undefined) throw failed
    }
  }

  /** The holder can be told: now, and again with growing pauses while something is not acknowledged. */
  reachable(holder: DeviceId): void {
    this.unreachable(holder)
    const repeating: Repeating = { againMs: AGAIN_MS_MIN, callOff: () => {} }
    this.#repeating.set(holder, repeating)
    void this.#repeat(holder, repeating)
  }

  unreachable(holder: DeviceId): void {
    this.#repeating.get(holder)?.callOff()
    this.#repeating.delete(holder)
  }

  /** Says again what one holder did not acknowledge, or forgets it if that is no member any more. */
  async repeatTo(holder: DeviceId): Promise<boolean> {
    const { driver, ledger } = this.#options
    let piece: Cid[] = []
    let isAny = false
    const say = async () => {
      isAny ||= piece.length > 0
      await driver.command(piece, { kind: 'repeat-releases' })
      piece = []
    }
    for await (const cid of ledger.heldBy(keyOf(holder), 'releasing')) {
      if (piece.push(cid) === PIECE_BLOCKS) await say()
    }
    await say()
    return isAny
  }

  stop(): void {
    for (const holder of [...this.#repeating.keys()]) this.unreachable(holder)
  }

  async #repeat(holder: DeviceId, repeating: Repeating): Promise<void> {
    try {
      if (!(await this.repeatTo(holder))) return
    } catch (error) {
      this.#options.onError(error)
    }
    this.#repeatLater(holder, repeating)
  }

  #repeatLater(holder: DeviceId, repeating: Repeating): void {
    if (this.#repeating.get(holder) !== repeating) return
    repeating.callOff()
    repeating.callOff = this.#options.clock.after(repeating.againMs, () => void this.#repeat(holder, repeating))
    repeating.againMs = Math.min(AGAIN_MS_MAX, 2 * repeating.againMs)
  }

  /** Something is said to the holder that it has to acknowledge. */
  #expect(holder: DeviceId): void {
    const repeating = this.#repeating.get(holder)
    if (repeating === undefined) return
    repeating.againMs = AGAIN_MS_MIN
    this.#repeatLater(holder, repeating)
  }
}
