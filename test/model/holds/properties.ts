/**
 * What must hold in every state that can be reached.
 *
 * 1. *Nobody counts on less than there is.* A member that deleted its copy of a block it needs, or what it could make one
 *    of, did so on the word of
 *    `replicas` distinct devices, and each of them has the block on its disk and is durably bound to it by the very
 *    hold that was asked for then, or one that took its place, until the member has a copy again or lets that holder go on the word of enough others.
 *    Excepted is a holder that was removed, that forgot by the end of its term, or whose disk was put back to an older
 *    state after it was asked, without the member hearing from it since: nobody can know that.
 * 2. *A hold is what it says.* Who records a hold as `held` or `leaving` has a holder that is durably bound by it and
 *    has the block; excepted as above, and where the record itself is from an older state of the disk.
 * 3. *Bound is bound.* Who promised a block has it.
 * 4. No device is holding and evicting at once.
 * 5. While no disk was put back and nobody removed, there is a copy: `replicas` of them, if a member that needs the
 *    block has none.
 */
import { type DeviceState, isHere } from './device.ts'
import type { Roster } from './roster.ts'

export interface Situation {
  readonly devices: readonly DeviceState[]
  /** The device that was removed from the network, or ''. */
  readonly removed: string
  /** Whether a disk was put back, or a term ended. */
  readonly faulty: boolean
}

/** The first property that is broken, in words. */
export function violationOf(situation: Situation, roster: Roster): string | undefined {
  const { devices, removed } = situation
  const byName = new Map(devices.map((device) => [device.name, device]))
  for (const device of devices) {
    const broken =
      brokenByItself(device) ??
      (device.name === removed
        ? undefined
        : (brokenReliance(device, byName, removed) ?? brokenHold(device, byName, removed)))
    if (broken !== undefined) return broken
  }
  return tooFewCopies(situation, roster)
}

function brokenByItself({ name, record, hasBlock, notes }: DeviceState): string | undefined {
  if (record.evicting && record.promises.length > 0) return `${name} is holding and evicting`
  const isBound = record.promises.some(({ nonce }) => !notes.lost.includes(nonce))
  return isBound && !hasBlock ? `${name} promised a block that it has not` : undefined
}

function brokenReliance(
  { name, record, notes }: DeviceState,
  byName: ReadonlyMap<string, DeviceState>,
  removed: string,
): string | undefined {
  const broken = notes.relies.find(({ holder, hold, question, heard }) => {
    const device = byName.get(holder)!
    if (holder === removed || keeps(device, name, hold)) return false
    // A newer hold took its place, and property 2 is about that.
    if (record.holds.some((one) => one.holder === holder && one.nonce !== hold && one.status !== 'releasing'))
      return false
    const telling = device.notes.excused[`${hold}/${question}`]
    return telling === undefined || heard >= telling
  })
  return broken && `${name} deleted its copy, and ${broken.holder}, on whom it counts, is not bound`
}

function brokenHold(
  { name, record, notes }: DeviceState,
  byName: ReadonlyMap<string, DeviceState>,
  removed: string,
): string | undefined {
  const broken = record.holds.find(({ holder, nonce, status }) => {
    const device = byName.get(holder)!
    if (status === 'releasing' || holder === removed || notes.stale.includes(nonce)) return false
    return !keeps(device, name, nonce) && !device.notes.lost.includes(nonce)
  })
  return broken && `${name} believes that ${broken.holder} holds, and it does not`
}

function tooFewCopies({ devices, removed, faulty }: Situation, roster: Roster): string | undefined {
  if (faulty || removed !== '') return undefined
  const copies = devices.filter(isHere).length
  const depends = devices.find((one) => !isHere(one) && roster.needs(one.name) && hadCopy(one.name, roster))
  const demanded = depends === undefined ? 1 : roster.replicas
  return copies < demanded ? `${copies} copies are left of ${demanded}` : undefined
}

function hadCopy(name: string, roster: Roster): boolean {
  return roster.participants.some((one) => one.name === name && (one.hasBlock || one.canMake))
}

function keeps({ record, hasBlock }: DeviceState, requester: string, nonce: string): boolean {
  return hasBlock && record.promises.some((one) => one.requester === requester && one.nonce === nonce)
}
