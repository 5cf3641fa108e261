/** A folder that some program keeps the same on two devices, with a wire between them. */
import { readFileSync } from 'node:fs'
import type { Place } from '../../e2e/support/place.ts'
import type { Wire } from './wire.ts'

export interface FolderPair {
  readonly wire: Wire
  readonly here: Place
  readonly there: Place
}

/** The most memory that the programs of a place had at a time, in MiB. */
export function peakMiB(place: Place): number {
  const kibibytes = place.pids().map((pid) => {
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
    return Number(peak?.[1] ?? 0)
  })
  return kibibytes.reduce((sum, one) => sum + one, 0) / 1024
}
