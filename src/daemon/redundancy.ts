/** How blocks are kept on other devices, as a setting: `copies`, or `K+M` for shards. */
import { isRedundancy, type Redundancy } from '../format/shard.ts'

export const COPIES = 'copies'
export const REDUNDANCY_FORM = '"K+M" (K 2 or more, M 1 or more, together 32 at most), 4+2 for example'

/** Each shard is on a device of its own: more do not belong to anybody's network. */
const SHARDS_MAX = 32

export interface RedundancySettings {
  readonly redundancy: string
  readonly replicas: number
}

/** Undefined for what is not of the form `K+M`, or cannot be. */
export function parseRedundancy(text: string): Redundancy | undefined {
  const [, data, parity] = /^([1-9]\d?)\+([1-9]\d?)$/.exec(text) ?? []
  const redundancy = { data: Number(data), parity: Number(parity) }
  const isPossible = isRedundancy(redundancy) && redundancy.data + redundancy.parity <= SHARDS_MAX
  return isPossible ? redundancy : undefined
}

export function isCopied({ redundancy }: Pick<RedundancySettings, 'redundancy'>): boolean {
  return parseRedundancy(redundancy) === undefined
}

/** As how many copies everything is to be: one more than holders may be lost. Shards are worth as much. */
export function replicasWanted({ redundancy, replicas }: RedundancySettings): number {
  const coding = parseRedundancy(redundancy)
  return coding === undefined ? replicas : coding.parity + 1
}

/** How many other devices are needed for so many copies, or for shards that are worth as much. */
export function devicesNeeded(settings: RedundancySettings): number {
  const coding = parseRedundancy(settings.redundancy)
  return coding === undefined ? settings.replicas : coding.data + coding.parity
}
