/**
 * One device of the model: the machine under test, the disk below it, and notes that only the model sees.
 *
 * What a device does follows from its own state and the input alone, so each distinct pair is computed once.
 */
import { HOLD_TERM_MS } from '../../../src/net/holds/lending.ts'
import type { step } from '../../../src/net/holds/machine.ts'
import { type Aim, type HoldMemory, type HoldRecord, NO_HOLDS, NOTHING_ASKED } from '../../../src/net/holds/state.ts'
import type { Action, HoldMessage, Input, View } from '../../../src/net/holds/transition.ts'
import { countDistinct, type Participant, type Reliance, type Roster } from './roster.ts'

export interface DeviceState {
  readonly name: string
  readonly record: HoldRecord
  readonly memory: HoldMemory
  readonly hasBlock: boolean
  /** Whether it can make the block anew: it is a shard of one that is here. */
  readonly canMake: boolean
  /** Counts the starts; never rolled back, as drawing at random never is. */
  readonly incarnation: number
  readonly nowMs: number
  /** The device that it knows to be removed. */
  readonly knowsRemoved: string
  readonly notes: Notes
}

/** What the model remembers to judge by. No fault makes it forget. */
export interface Notes {
  /** How many nonces were used. */
  readonly requests: number
  readonly questions: number
  /** The newest incarnation heard of each device since the open question was asked. */
  readonly heard: Readonly<Record<string, number>>
  /** On whom it counted when it deleted its copy, until it has one again. */
  readonly relies: readonly Reliance[]
  /** Promises (nonces) that a fault made it forget. */
  readonly lost: readonly string[]
  /** Holds (nonces) that it remembers only because a fault brought back an old record. */
  readonly stale: readonly string[]
  /** Who could not know that a promise was lost, as `nonce/question`; and the first incarnation that would tell. */
  readonly excused: Readonly<Record<string, number>>
}

export interface Envelope {
  readonly from: string
  readonly to: string
  readonly incarnation: number
  readonly message: HoldMessage
}

export interface Outcome {
  readonly device: DeviceState
  readonly sent: readonly Envelope[]
  /** Something went wrong between two actions: it costs a fault. */
  readonly fault: boolean
  /** What happened, for people. */
  readonly label: string
  /** The rule that was broken by this device alone. */
  readonly violation?: string
}

export type Machine = typeof step

const FRESH: Notes = { requests: 0, questions: 0, heard: {}, relies: [], lost: [], stale: [], excused: {} }

export function newDevice({ name, hasBlock, canMake = false }: Participant): DeviceState {
  return {
    name,
    record: NO_HOLDS,
    memory: NOTHING_ASKED,
    hasBlock,
    canMake,
    incarnation: 1,
    nowMs: 0,
    knowsRemoved: '',
    notes: FRESH,
  }
}

/** All that can come of an input: all actions done, or a crash or a failure before one that changes the disk. */
export function outcomesOf(
  machine: Machine,
  device: DeviceState,
  input: Input,
  roster: Roster,
  label: string,
): Outcome[] {
  const view = viewOf(device, roster)
  const before = note(device, input)
  const { memory, actions, refused } = machine({ record: device.record, memory: device.memory }, input, view)
  if (refused !== undefined) return []
  const outcomes: Outcome[] = []
  const done = new Carried(before, device, roster)
  for (const [index, action] of actions.entries()) {
    if (action.kind !== 'send') {
      outcomes.push(done.outcome(NOTHING_ASKED, `${label}, and fails to ${action.kind}`, true))
      if (index > 0) outcomes.push(done.crashed(machine, `${label}, and crashes before it can ${action.kind}`))
    }
    done.carryOut(action)
  }
  const aim = aimEndedBy(device, input)
  if (aim === 'rely') done.loseWhatMakesIt()
  if (aim !== undefined && aim !== 'delete') done.relyOnCounted()
  return [done.outcome(memory, label, false), ...outcomes]
}

/** Whether the device has the block, or what it can make it of. */
export function isHere({ hasBlock, canMake }: DeviceState): boolean {
  return hasBlock || canMake
}

/** The device after a crash and a new start. */
export function restarted(machine: Machine, device: DeviceState, roster: Roster): DeviceState {
  const started = {
    ...device,
    memory: NOTHING_ASKED,
    incarnation: device.incarnation + 1,
    notes: { ...device.notes, heard: {} },
  }
  if (!started.record.evicting) return started
  const { actions } = machine(
    { record: started.record, memory: NOTHING_ASKED },
    { kind: 'command', command: { kind: 'restart' } },
    viewOf(started, roster),
  )
  const record = actions.reduce((last, action) => (action.kind === 'persist' ? action.record : last), started.record)
  return { ...started, record }
}

export function viewOf(device: DeviceState, roster: Roster): View {
  return {
    self: device.name,
    replicas: roster.replicas,
    nowMs: device.nowMs,
    termMs: HOLD_TERM_MS,
    hasBlock: device.hasBlock,
    isNeeded: roster.needs(device.name),
    ownerOf: (name) => (name === device.knowsRemoved ? undefined : roster.ownerOf(name)),
    isProven: () => true,
    isOwnerRemoved: () => false,
  }
}

/** What the model notes of an input before the machine sees it. */
function note(device: DeviceState, input: Input): DeviceState {
  const { notes, memory } = device
  if (input.kind === 'command') {
    if (input.command.kind === 'ask-hold') return { ...device, notes: { ...notes, requests: notes.requests + 1 } }
    const asks = ['evict', 'hand-over', 'rely'].includes(input.command.kind)
    return asks ? { ...device, notes: { ...notes, questions: notes.questions + 1, heard: {} } } : device
  }
  if (memory.question === undefined) return device
  const newest = Math.max(notes.heard[input.from] ?? 0, Number(input.incarnation))
  return { ...device, notes: { ...notes, heard: { ...notes.heard, [input.from]: newest } } }
}

/** Of the question that the input ends. */
function aimEndedBy({ memory }: DeviceState, input: Input): Aim | undefined {
  const isEnd = input.kind === 'command' && input.command.kind === 'finish'
  return isEnd ? memory.question?.aim : undefined
}

/** A device while the actions of one step are carried out. */
class Carried {
  #device: DeviceState
  readonly #asking: DeviceState
  readonly #roster: Roster
  readonly #sent: Envelope[] = []
  #violation: string | undefined

  /** `asking`: the device before the step, whose question the step may end. */
  constructor(device: DeviceState, asking: DeviceState, roster: Roster) {
    this.#device = device
    this.#asking = asking
    this.#roster = roster
  }

  carryOut(action: Action): void {
    const { name, incarnation } = this.#device
    if (action.kind === 'persist') this.#device = { ...this.#device, record: action.record }
    else if (action.kind === 'send') {
      this.#sent.push({ from: name, to: action.to, incarnation, message: action.message })
    } else {
      if (this.#device.record.promises.length > 0) this.#violation = `${name} deletes what it promised to keep`
      this.#device = { ...this.#device, hasBlock: false }
      this.relyOnCounted()
    }
  }

  loseWhatMakesIt(): void {
    this.#device = { ...this.#device, canMake: false }
  }

  /** From now on the device depends on those who confirmed. */
  relyOnCounted(): void {
    const { name, notes, knowsRemoved } = this.#device
    if (isHere(this.#device) || !this.#roster.needs(name)) return
    const { memory, record } = this.#asking
    const relies = (memory.question?.asked ?? [])
      .filter(({ holder, confirmed }) => {
        const hold = record.holds.find((one) => one.holder === holder && one.nonce === memory.question?.nonce)
        return confirmed && hold?.status === 'held' && holder !== knowsRemoved
      })
      .map(({ holder }) => holder)
      .map((holder) => {
        const hold = memory.question!.nonce
        return { holder, hold, question: notes.questions, heard: notes.heard[holder] ?? 0 }
      })
    if (countDistinct(name, relies, this.#roster) < this.#roster.replicas) {
      this.#violation = `${name} deletes its copy with too few holders`
    }
    this.#device = { ...this.#device, notes: { ...notes, relies } }
  }

  outcome(memory: HoldMemory, label: string, fault: boolean): Outcome {
    const heard = memory.question === undefined ? {} : this.#device.notes.heard
    const device = { ...this.#device, memory, notes: { ...this.#device.notes, heard } }
    return { device, sent: [...this.#sent], fault, label, violation: this.#violation }
  }

  crashed(machine: Machine, label: string): Outcome {
    const device = restarted(machine, this.#device, this.#roster)
    return { device, sent: [...this.#sent], fault: true, label, violation: this.#violation }
  }
}
