/**
 * All devices and the network between them: what can happen next in each state.
 *
 * The network is the set of all messages that were ever sent. Any of them may be delivered at any moment, again and
 * again, or never: so messages are lost, delayed, doubled and reordered in every way there is.
 *
 * A device carries out the actions of one input without a pause. Nothing is lost by that: another device can see of it
 * only the messages, and these arrive whenever they like; what a crash can leave in between is a successor of its own.
 */
import { HOLD_TERM_MS } from '../../../src/net/holds/lending.ts'
import type { Command, Input } from '../../../src/net/holds/transition.ts'
import { type DeviceState, type Envelope, isHere, newDevice, type Outcome, outcomesOf, restarted } from './device.ts'
import { Interned } from './interned.ts'
import { MessageSets } from './message-sets.ts'
import { type Situation, violationOf } from './properties.ts'
import { Roster } from './roster.ts'
import type { Scenario } from './scenario.ts'

/** Devices and messages go by their numbers, so that states are small and quickly compared. */
export interface WorldState {
  readonly devices: readonly number[]
  /** The number of a set. */
  readonly messages: number
  readonly crashes: number
  /** What was kept of the disk that may be put back; a device's number. */
  readonly backup: number | undefined
  readonly isPutBack: boolean
  readonly isRemoved: boolean
  readonly termEnded: boolean
}

export interface Successor {
  readonly state: WorldState
  readonly label: string
  readonly violation: string | undefined
}

interface Known {
  readonly device: number
  readonly sent: readonly number[]
  readonly fault: boolean
  readonly label: string
  readonly violation: string | undefined
}

export class World {
  readonly #scenario: Scenario
  readonly #roster: Roster
  readonly #devices = new Interned<DeviceState>()
  readonly #messages = new MessageSets()
  /** By a device's number: what comes of its commands; and by a message's: what comes of that. */
  readonly #commanded: (readonly Known[])[] = []
  readonly #delivered: (readonly Known[])[][] = []

  constructor(scenario: Scenario) {
    this.#scenario = scenario
    this.#roster = new Roster(scenario.devices, scenario.replicas)
  }

  start(): WorldState {
    const devices = this.#scenario.devices.map((one) => this.#devices.numberOf(newDevice(one)))
    return {
      devices,
      messages: this.#messages.empty,
      crashes: 0,
      backup: undefined,
      isPutBack: false,
      isRemoved: false,
      termEnded: false,
    }
  }

  keyOf({ devices, messages, crashes, backup, isPutBack, isRemoved, termEnded }: WorldState): string {
    const flags = (isPutBack ? 1 : 0) + (isRemoved ? 2 : 0) + (termEnded ? 4 : 0)
    return `${devices.join()};${messages};${crashes}.${backup ?? ''}.${flags}`
  }

  violation(state: WorldState): string | undefined {
    return violationOf(this.situation(state), this.#roster)
  }

  situation({ devices, isRemoved, isPutBack, termEnded }: WorldState): Situation {
    return {
      devices: devices.map((device) => this.#devices.get(device)),
      removed: isRemoved ? this.#scenario.removed! : '',
      faulty: isPutBack || termEnded,
    }
  }

  successors(state: WorldState): Successor[] {
    return [...this.#deliveries(state), ...this.#steps(state), ...this.#faults(state)]
  }

  /** What comes of messages alone. */
  #deliveries(state: WorldState): Successor[] {
    return state.devices.flatMap((device, place) => {
      const messages = this.#messages.to(this.#scenario.devices[place]!.name, state.messages)
      return messages.flatMap((message) => this.#apply(state, place, this.#deliver(device, message)))
    })
  }

  /** What is there once all messages have arrived, and the answers to them; each once. */
  settled(state: WorldState): WorldState {
    const arrived = new Set<number>()
    for (;;) {
      const message = this.#messages.in(state.messages).find((one) => !arrived.has(one))
      if (message === undefined) return state
      arrived.add(message)
      const place = this.#placeOf(this.#messages.get(message).to)
      const [next] = this.#apply(state, place, this.#deliver(state.devices[place]!, message))
      state = next?.state ?? state
    }
  }

  /** What comes of one command of one device, if it is one that it can give. */
  commanded(state: WorldState, name: string, command: Command): Successor[] {
    const place = this.#placeOf(name)
    const device = this.#devices.get(state.devices[place]!)
    return this.#apply(state, place, this.#obey(device, command)).filter(({ state }) => state.crashes === 0)
  }

  #steps(state: WorldState): Successor[] {
    return state.devices.flatMap((number, place) => {
      this.#commanded[number] ??= this.#commands(number)
      const steps = this.#apply(state, place, this.#commanded[number])
      return [...steps, ...this.#pull(state, place), ...this.#learn(state, place)]
    })
  }

  #commands(number: number): Known[] {
    const device = this.#devices.get(number)
    const participant = this.#scenario.devices.find(({ name }) => name === device.name)!
    const { notes } = device
    const others = this.#scenario.devices.filter(({ name }) => name !== device.name)
    const canAsk = notes.requests < participant.requests
    const canQuestion = notes.questions < participant.questions
    const { nonces } = this.#scenario
    const request = nonces.request(device.name, notes.requests)
    const question = nonces.question(device.name, notes.questions)
    const each = (make: (holder: string) => Command) => others.map(({ name }) => make(name))
    const commands: Command[] = [
      ...(canAsk ? each((holder) => ({ kind: 'ask-hold', holder, nonce: request })) : []),
      ...each((holder) => ({ kind: 'cancel-request', holder })),
      ...each((holder) => ({ kind: 'release', holder })),
      ...each((holder) => ({ kind: 'distrust', holder })),
      ...each((holder) => ({ kind: 'check', holder, nonce: 'check' })),
      ...(canQuestion ? [{ kind: 'evict', nonce: question } as const] : []),
      ...(canQuestion && !device.hasBlock ? each((holder) => ({ kind: 'hand-over', holder, nonce: question })) : []),
      ...(canQuestion && device.canMake ? [{ kind: 'rely', nonce: question } as const] : []),
      { kind: 'finish' },
      ...(device.memory.question !== undefined || device.record.evicting ? [{ kind: 'give-up' } as const] : []),
      { kind: 'repeat-releases' },
      { kind: 'ask-to-leave' },
      { kind: 'forget-expired' },
      { kind: 'drop' },
    ]
    const allowed = commands.filter(({ kind }) => this.#scenario.commands.includes(kind))
    return allowed.flatMap((command) => this.#obey(device, command))
  }

  #obey(device: DeviceState, command: Command): Known[] {
    const who = 'holder' in command ? ` ${command.holder}` : ''
    return this.#outcomes(device, { kind: 'command', command }, `${device.name}: ${command.kind}${who}`)
  }

  #deliver(number: number, message: number): readonly Known[] {
    this.#delivered[number] ??= []
    const known = this.#delivered[number][message]
    if (known !== undefined) return known
    const outcomes = this.#take(this.#devices.get(number), this.#messages.get(message))
    this.#delivered[number][message] = outcomes
    return outcomes
  }

  #take(device: DeviceState, { from, incarnation, message }: Envelope): Known[] {
    const label = `${device.name} hears ${JSON.stringify(message)} of ${from} in its run ${incarnation}`
    return this.#outcomes(device, { kind: 'message', from, incarnation: `${incarnation}`, message }, label)
  }

  #outcomes(device: DeviceState, input: Input, label: string): Known[] {
    const known = outcomesOf(this.#scenario.machine, device, input, this.#roster, label).map((outcome) =>
      this.#intern(outcome),
    )
    const number = this.#devices.numberOf(device)
    return known.filter((one) => one.device !== number || one.sent.length > 0 || one.violation !== undefined)
  }

  #intern({ device, sent, fault, label, violation }: Outcome): Known {
    const { lost = [] } = this.#scenario
    return {
      device: this.#devices.numberOf(device),
      sent: sent
        .filter(({ message }) => !lost.includes(message.kind))
        .map((envelope) => this.#messages.numberOf(envelope)),
      fault,
      label,
      violation,
    }
  }

  #apply(state: WorldState, place: number, outcomes: readonly Known[]): Successor[] {
    const successors: Successor[] = []
    for (const { device, sent, fault, label, violation } of outcomes) {
      if (fault && state.crashes >= (this.#scenario.crashes ?? 0)) continue
      const before = state.devices[place]
      const messages = this.#messages.with(state.messages, sent)
      if (device === before && messages === state.messages && violation === undefined) continue
      const after = { ...state, devices: state.devices.with(place, device), messages }
      const lapsed = this.#lapse(before!, after, place)
      successors.push({ state: fault ? { ...lapsed, crashes: lapsed.crashes + 1 } : lapsed, label, violation })
    }
    return successors
  }

  /** Gets the block from a device that has it, or can make it. */
  #pull(state: WorldState, place: number): Successor[] {
    const device = this.#devices.get(state.devices[place]!)
    const source = state.devices.map((other) => this.#devices.get(other)).find(isHere)
    if (device.hasBlock || source === undefined || this.#scenario.neverFetches) return []
    const filled = { ...device, hasBlock: true, notes: { ...device.notes, relies: [] } }
    return [this.#replaced(state, place, filled, `${device.name} gets the block of ${source.name}`)]
  }

  #learn(state: WorldState, place: number): Successor[] {
    const { removed } = this.#scenario
    const device = this.#devices.get(state.devices[place]!)
    if (!state.isRemoved || device.name === removed || device.knowsRemoved !== '') return []
    const label = `${device.name} learns that ${removed} was removed`
    return [this.#replaced(state, place, { ...device, knowsRemoved: removed! }, label)]
  }

  #faults(state: WorldState): Successor[] {
    const { rolledBack, removed, expiring, crashes = 0 } = this.#scenario
    const successors: Successor[] = state.crashes < crashes ? this.#crashes(state) : []
    if (rolledBack !== undefined && !state.isPutBack) {
      const place = this.#placeOf(rolledBack)
      if (state.backup === undefined) {
        const label = `the disk of ${rolledBack} is copied`
        successors.push({ state: { ...state, backup: state.devices[place] }, label, violation: undefined })
      } else if (state.backup !== state.devices[place]) {
        successors.push(this.#putBack(state, place, true), this.#putBack(state, place, false))
      }
    }
    if (removed !== undefined && !state.isRemoved) {
      successors.push({ state: { ...state, isRemoved: true }, label: `${removed} is removed`, violation: undefined })
    }
    if (expiring !== undefined && !state.termEnded && !this.#isAsked(state, expiring)) {
      const place = this.#placeOf(expiring)
      const device = this.#devices.get(state.devices[place]!)
      const later = { ...device, nowMs: device.nowMs + 2 * HOLD_TERM_MS }
      successors.push(this.#replaced({ ...state, termEnded: true }, place, later, `terms end on ${expiring}`))
    }
    return successors
  }

  /** A crash while nothing is done: what it takes is the memory. */
  #crashes(state: WorldState): Successor[] {
    return state.devices.map((number, place) => {
      const device = this.#devices.get(number)
      const started = restarted(this.#scenario.machine, device, this.#roster)
      return this.#replaced({ ...state, crashes: state.crashes + 1 }, place, started, `${device.name} crashes`)
    })
  }

  /** The copy of the disk comes back: with its blocks, or only the records beside the blocks of today. */
  #putBack(state: WorldState, place: number, whole: boolean): Successor {
    const now = this.#devices.get(state.devices[place]!)
    const then = this.#devices.get(state.backup!)
    const { record, nowMs } = then
    const { hasBlock: holdsBlock, canMake } = whole ? then : now
    const kept = new Set(holdsBlock ? record.promises.map(({ nonce }) => nonce) : [])
    const lost = [...now.record.promises, ...record.promises].map(({ nonce }) => nonce).filter((one) => !kept.has(one))
    const old = { ...now, record, hasBlock: holdsBlock, canMake, nowMs, memory: { requests: [], question: undefined } }
    const stale = [...now.notes.stale, ...record.holds.map(({ nonce }) => nonce)]
    const notes = { ...now.notes, relies: [], stale, lost: [...now.notes.lost, ...lost], heard: {} }
    const device = restarted(this.#scenario.machine, { ...old, notes }, this.#roster)
    const excused = this.#excuses(state, lost, device.incarnation)
    const excusing = { ...device, notes: { ...notes, excused: { ...notes.excused, ...excused } } }
    const label = `the ${whole ? 'whole disk' : 'records'} of ${now.name} ${whole ? 'is' : 'are'} put back`
    return this.#replaced({ ...state, isPutBack: true }, place, excusing, label)
  }

  /** Promises that are forgotten because their term is over are lost, too: to those who asked nobody for so long. */
  #lapse(before: number, after: WorldState, place: number): WorldState {
    const [old, now] = [this.#devices.get(before), this.#devices.get(after.devices[place]!)]
    const over = old.record.promises.filter((one) => one.endsMs <= old.nowMs && !now.record.promises.includes(one))
    const renewed = now.record.promises.map(({ nonce }) => nonce)
    const lost = over.map(({ nonce }) => nonce).filter((nonce) => !renewed.includes(nonce))
    if (lost.length === 0) return after
    const excused = { ...now.notes.excused, ...this.#excuses(after, lost, Number.MAX_SAFE_INTEGER) }
    const notes = { ...now.notes, lost: [...now.notes.lost, ...lost], excused }
    return { ...after, devices: after.devices.with(place, this.#devices.numberOf({ ...now, notes })) }
  }

  /** Who has asked about these holds, or counts on them, cannot know that they are lost now. */
  #excuses({ devices }: WorldState, lost: readonly string[], telling: number): Record<string, number> {
    const keys = devices.flatMap((number) => {
      const { memory, notes } = this.#devices.get(number)
      const hold = memory.question?.nonce
      const asked = hold === undefined ? [] : [{ hold, question: notes.questions }]
      return [...asked, ...notes.relies].filter(({ hold }) => lost.includes(hold))
    })
    return Object.fromEntries(keys.map(({ hold, question }) => [`${hold}/${question}`, telling]))
  }

  /** A term is longer than any eviction takes: none ends between question and deletion. */
  #isAsked({ devices }: WorldState, holder: string): boolean {
    return devices.some((number) =>
      this.#devices.get(number).memory.question?.asked.some((asked) => asked.holder === holder),
    )
  }

  #replaced(state: WorldState, place: number, device: DeviceState, label: string): Successor {
    const devices = state.devices.with(place, this.#devices.numberOf(device))
    return { state: { ...state, devices }, label, violation: undefined }
  }

  #placeOf(name: string): number {
    return this.#scenario.devices.findIndex((one) => one.name === name)
  }
}
