/**
 * What goes into the machine of one block's holds, and what comes out: a command or a message goes in; actions come
 * out, to be carried out one after the other.
 *
 * Whoever carries them out keeps three rules:
 * - One input at a time for each block: its actions are done before the next goes in.
 * - An action begins when the one before is done; a `persist` is done when the record is durable (fsynced). A crash
 *   between any two of them is safe.
 * - The memory that comes out counts once all actions are done. If one fails, the rest is left out and the memory is
 *   forgotten, as by a crash.
 *
 * Blocks do not depend on each other: actions of many may be mixed in any way that keeps the order within each, so that
 * one sync and one message serve them all.
 */
import type { RefusalReason } from '../../format/hold-message.ts'
import type { BlockHolds, DeviceId, HoldMemory, HoldRecord, Incarnation, Nonce, OwnerId } from './state.ts'

/** What the machine may see of the world, at the moment of the input. */
export interface View {
  readonly self: DeviceId
  /** How many holders a deletion needs; 0 counts as 1. */
  readonly replicas: number
  /** This device's running time. */
  readonly nowMs: number
  /** How long a hold lasts from the moment it is given or confirmed, in running time; HOLD_TERM_MS or more. */
  readonly termMs: number
  /** Whether the block is here, whole and durable. */
  readonly hasBlock: boolean
  /** Whether something of this device's own needs the block: a stub, a version, a journal record, an open file. */
  readonly isNeeded: boolean
  /** The owner of a member; undefined for devices that are no members, or no more. */
  ownerOf(device: DeviceId): OwnerId | undefined
  /** Whether the device proved lately that it keeps what it promised, and in nothing since that it does not. */
  isProven(device: DeviceId): boolean
  /** Whether the network removed an owner with all devices. */
  isOwnerRemoved(owner: OwnerId): boolean
}

/** What devices say to each other of one block. On the wire many blocks share a message (FORMAT.md §12). */
export type HoldMessage =
  /** Please keep the block for me; `nonce` names the hold. */
  | { readonly kind: 'request'; readonly nonce: Nonce }
  /** The signed promise. */
  | { readonly kind: 'hold'; readonly nonce: Nonce }
  /** No: to a request, or to a question about the hold of this nonce. */
  | { readonly kind: 'refusal'; readonly nonce: Nonce; readonly reason: RefusalReason }
  /** Do you still keep the block as you promised? Nothing is deleted on the answer: for that, there are requests. */
  | { readonly kind: 'question'; readonly nonce: Nonce; readonly hold: Nonce }
  | { readonly kind: 'confirmation'; readonly nonce: Nonce; readonly hold: Nonce }
  /** The hold that was given to `requester` is not needed any more. */
  | { readonly kind: 'release'; readonly requester: DeviceId; readonly hold: Nonce }
  | { readonly kind: 'released'; readonly hold: Nonce }
  /** Please find another holder, and let me go. */
  | { readonly kind: 'leave'; readonly hold: Nonce }

export type MessageOf<K extends HoldMessage['kind']> = Extract<HoldMessage, { kind: K }>

export type Command =
  // Of whom others lend space to. `nonce`s are fresh: 16 random bytes that nobody has seen.
  | { readonly kind: 'ask-hold'; readonly holder: DeviceId; readonly nonce: Nonce }
  /** Gives up a request that was not answered. */
  | { readonly kind: 'cancel-request'; readonly holder: DeviceId }
  /** Lets a holder go; refused where the block is needed and not here: then `hand-over` does it. */
  | { readonly kind: 'release'; readonly holder: DeviceId }
  /** Asks whether a hold still stands, which also begins its term anew. */
  | { readonly kind: 'check'; readonly holder: DeviceId; readonly nonce: Nonce }
  /**
   * The holder is not what it says, or silent for too long: no eviction counts on it from now on. It stays bound, and is let
   * go once others hold the block, as one that asked for it.
   */
  | { readonly kind: 'distrust'; readonly holder: DeviceId }
  /** Says again what was not acknowledged. */
  | { readonly kind: 'repeat-releases' }
  /** Begins to delete this device's copy: asks the holders for new holds. */
  | { readonly kind: 'evict'; readonly nonce: Nonce }
  /** Begins to let a holder go where this device's own copy is gone: asks the others. */
  | { readonly kind: 'hand-over'; readonly holder: DeviceId; readonly nonce: Nonce }
  /** Begins to count on holders for what this device can make itself, as long as it can: asks them for new holds. */
  | { readonly kind: 'rely'; readonly nonce: Nonce }
  /** Ends what `evict`, `hand-over` or `rely` began; refused unless enough holders gave new holds and still count. */
  | { readonly kind: 'finish' }
  | { readonly kind: 'give-up' }
  // Of a lender.
  /** Asks all requesters to find other holders: the offer was lowered, or this device wants to evict. */
  | { readonly kind: 'ask-to-leave' }
  /** Space is short: forgets promises whose term is over, or whose owner was removed. */
  | { readonly kind: 'forget-expired' }
  /** Deletes a block that nothing here needs and nobody was promised. */
  | { readonly kind: 'drop' }
  /** The first input after each start, for records that say `evicting`. */
  | { readonly kind: 'restart' }

export type Input =
  | { readonly kind: 'command'; readonly command: Command }
  /** A message of an authenticated device, and the incarnation in which it said so. */
  | {
      readonly kind: 'message'
      readonly from: DeviceId
      readonly incarnation: Incarnation
      readonly message: HoldMessage
    }
  /**
   * A device was heard of, in whatever way: for every block with an open question, so that a holder that was started
   * anew shows wherever it counts.
   */
  | { readonly kind: 'heard'; readonly from: DeviceId; readonly incarnation: Incarnation }

export type Action =
  /** Makes the record durable; one equal to NO_HOLDS may be deleted instead. */
  | { readonly kind: 'persist'; readonly record: HoldRecord }
  | { readonly kind: 'send'; readonly to: DeviceId; readonly message: HoldMessage }
  /** Deletes this device's copy of the block. */
  | { readonly kind: 'delete' }

/** Why a command did nothing. */
export type CommandRefusal =
  | 'busy'
  | 'holding'
  | 'needed'
  | 'no-block'
  | 'no-member'
  | 'already-held'
  | 'not-held'
  | 'too-few-holders'

export interface Transition {
  readonly memory: HoldMemory
  readonly actions: readonly Action[]
  /** Only of commands; then there are no actions, and the memory is as it was. */
  readonly refused?: CommandRefusal
}

export function persist(record: HoldRecord): Action {
  return { kind: 'persist', record }
}

export function send(to: DeviceId, message: HoldMessage): Action {
  return { kind: 'send', to, message }
}

/** Actions that leave the memory as it is. */
export function act({ memory }: BlockHolds, ...actions: Action[]): Transition {
  return { memory, actions }
}

export function refuse({ memory }: BlockHolds, refused: CommandRefusal): Transition {
  return { memory, actions: [], refused }
}
