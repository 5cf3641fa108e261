/**
 * How much is done to a mount: operations in all, in rounds between which it is unmounted.
 * DFS_TORTURE_OPERATIONS makes it more, DFS_TORTURE_SEED repeats a run's choices.
 */
import { seedFrom } from '../../support/random.ts'

const SEED_STEP = 1000

export interface Round {
  /** A seed of its own for each of up to a thousand programs: this plus their number. */
  readonly seed: number
  /** For all programs together. */
  readonly operations: number
}

/** Rounds of at most `perRound` operations; `operations` in all unless the environment says otherwise. */
export function* rounds(operations: number, perRound: number): Generator<Round> {
  const first = seedFrom('DFS_TORTURE_SEED')
  let left = Number(process.env.DFS_TORTURE_OPERATIONS ?? operations)
  for (let round = 0; left > 0; round++) {
    yield { seed: first + round * SEED_STEP, operations: Math.min(left, perRound) }
    left -= perRound
  }
}
