/** What a scenario may do: its devices, its faults, and the machine that its devices run. */
import { step } from '../../../src/net/holds/machine.ts'
import type { Command, HoldMessage } from '../../../src/net/holds/transition.ts'
import type { Machine } from './device.ts'
import type { Participant } from './roster.ts'

export interface Scenario {
  readonly name: string
  readonly replicas: number
  readonly devices: readonly Participant[]
  /** Commands that devices give themselves, whenever they like. */
  readonly commands: readonly Command['kind'][]
  /** Crashes, and actions that fail. */
  readonly crashes?: number
  /** The device whose disk is put back, once, to what it was at any earlier moment: all of it, or the records alone. */
  readonly rolledBack?: string
  /** The device that is removed from the network; the others hear of it at any later moment. */
  readonly removed?: string
  /** The device on which terms end. */
  readonly expiring?: string
  /** Deleted copies never come back. */
  readonly neverFetches?: boolean
  /** Kinds of messages that are always lost, to keep a scenario small. */
  readonly lost?: readonly HoldMessage['kind'][]
  /** Whether a device gets as far as deleting what it needs. */
  readonly canEvict: boolean
  readonly machine: Machine
  readonly nonces: Nonces
}

/** Where nonces come from: the how manyeth of this device. */
export interface Nonces {
  request(device: string, count: number): string
  question(device: string, count: number): string
}

export const FRESH_NONCES: Nonces = {
  request: (device, count) => `${device}r${count}`,
  question: (device, count) => `${device}q${count}`,
}

export function scenario(given: Omit<Scenario, 'machine' | 'nonces' | 'canEvict'> & Partial<Scenario>): Scenario {
  return { machine: step, nonces: FRESH_NONCES, canEvict: true, ...given }
}

/** A device of the owner `me`, with the block, that needs it. */
export function own(name: string, more: Partial<Participant> = {}): Participant {
  return { name, owner: 'me', needs: true, hasBlock: true, requests: 1, questions: 1, ...more }
}

/** A device that lends space and asks for nothing. */
export function lender(name: string, more: Partial<Participant> = {}): Participant {
  return { name, owner: 'me', needs: false, hasBlock: true, requests: 0, questions: 0, ...more }
}

/** A device of the owner `me` that needs the block and can make it: of which it has the whole, the block is a shard. */
export function maker(name: string, more: Partial<Participant> = {}): Participant {
  return own(name, { hasBlock: false, canMake: true, ...more })
}
