/** Devices that run the machine of one block; messages arrive at once and in order, or never. */
import { HOLD_TERM_MS } from '../../../../src/net/holds/lending.ts'
import { step } from '../../../../src/net/holds/machine.ts'
import { type HoldMemory, type HoldRecord, NO_HOLDS, NOTHING_ASKED } from '../../../../src/net/holds/state.ts'
import type { Command, CommandRefusal, HoldMessage, Input } from '../../../../src/net/holds/transition.ts'

export class Devices {
  readonly #devices = new Map<string, Device>()
  readonly removedOwners = new Set<string>()
  /** Every message, as `A>B request`, in the order in which they were sent. */
  readonly said: string[] = []
  #nonces = 0

  /** `owner` undefined: no member. */
  add(name: string, more: Partial<Pick<Device, 'owner' | 'hasBlock' | 'isNeeded' | 'replicas'>> = {}): Device {
    const device = new Device(this, name)
    Object.assign(device, more)
    this.#devices.set(name, device)
    return device
  }

  ownerOf(name: string): string | undefined {
    return this.#devices.get(name)?.owner
  }

  nonce(): string {
    return `nonce ${++this.#nonces}`
  }

  deliver(from: Device, to: string, message: HoldMessage): void {
    this.said.push(`${from.name}>${to} ${message.kind}`)
    const { name, incarnation } = from
    this.#devices.get(to)?.give({ kind: 'message', from: name, incarnation, message })
  }
}

export class Device {
  readonly name: string
  owner: string | undefined = 'me'
  hasBlock = true
  isNeeded = true
  replicas = 1
  nowMs = 0
  /** Who did not prove lately to have what it promised. */
  readonly unproven = new Set<string>()
  incarnation = 'first'
  record: HoldRecord = NO_HOLDS
  memory: HoldMemory = NOTHING_ASKED
  /** Takes no messages. */
  isAway = false
  /** How often the record was made durable. */
  persisted = 0
  readonly #others: Devices

  constructor(others: Devices, name: string) {
    this.#others = others
    this.name = name
  }

  /** Gives a command; why it was refused, if it was. Nonces are drawn. */
  command(kind: Command['kind'], holder?: Device): CommandRefusal | undefined {
    const command = { kind, holder: holder?.name, nonce: this.#others.nonce() } as Command
    return this.give({ kind: 'command', command })
  }

  hear(from: Device, message: HoldMessage): void {
    this.give({ kind: 'message', from: from.name, incarnation: from.incarnation, message })
  }

  give(input: Input): CommandRefusal | undefined {
    if (this.isAway) return undefined
    const view = {
      self: this.name,
      replicas: this.replicas,
      nowMs: this.nowMs,
      termMs: HOLD_TERM_MS,
      hasBlock: this.hasBlock,
      isNeeded: this.isNeeded,
      ownerOf: (name: string) => this.#others.ownerOf(name),
      isProven: (name: string) => !this.unproven.has(name),
      isOwnerRemoved: (owner: string) => this.#others.removedOwners.has(owner),
    }
    const { memory, actions, refused } = step({ record: this.record, memory: this.memory }, input, view)
    this.memory = memory
    const messages: { to: string; message: HoldMessage }[] = []
    for (const action of actions) {
      if (action.kind === 'persist') {
        this.record = action.record
        this.persisted++
      } else if (action.kind === 'delete') this.hasBlock = false
      else messages.push(action)
    }
    // Answers come back only when the step is over.
    for (const { to, message } of messages) this.#others.deliver(this, to, message)
    return refused
  }

  /** The memory goes, and a new run begins. */
  restart(): void {
    this.memory = NOTHING_ASKED
    this.incarnation = `after ${this.incarnation}`
    this.command('restart')
  }

  holders(status = 'held'): string[] {
    return this.record.holds.filter((hold) => hold.status === status).map(({ holder }) => holder)
  }
}
