/**
 * The machine of one block's holds on one device: which device may delete its copy, and when.
 *
 * Pure: what it decides follows from state, input and view; `transition.ts` says how its actions are to be carried
 * out. The rule that it keeps (`test/model/holds` explores it): whoever deleted a copy that it needs has as many bound
 * holders as it demands, and whoever calls a hold `held` has a holder that keeps the block.
 */
import {
  askHold,
  cancelRequest,
  checkHold,
  distrust,
  releaseHolder,
  repeatReleases,
  takeHold,
  takeLeave,
  takeRefusal,
  takeReleased,
} from './borrowing.ts'
import {
  beginEviction,
  beginHandOver,
  beginReliance,
  finish,
  giveUp,
  hear,
  hearRefusal,
  isOfQuestion,
  takeConfirmation,
} from './evicting.ts'
import { askToLeave, confirmHold, drop, forgetExpired, giveHold, takeRelease } from './lending.ts'
import type { BlockHolds, DeviceId } from './state.ts'
import { act, type Command, type HoldMessage, type Input, type Transition, type View } from './transition.ts'

/** What is to be done. Never fails: what is not allowed or makes no sense changes nothing. */
export function step(state: BlockHolds, input: Input, view: View): Transition {
  if (input.kind === 'command') return obey(state, input.command, view)
  const heard = hear(state, input.from, input.incarnation)
  return input.kind === 'heard' ? act(heard) : answer(heard, input.from, input.message, view)
}

function obey(state: BlockHolds, command: Command, view: View): Transition {
  switch (command.kind) {
    case 'ask-hold':
      return askHold(state, command, view)
    case 'cancel-request':
      return cancelRequest(state, command, view)
    case 'release':
      return releaseHolder(state, command, view)
    case 'distrust':
      return distrust(state, command)
    case 'check':
      return checkHold(state, command)
    case 'repeat-releases':
      return repeatReleases(state, view)
    case 'evict':
      return beginEviction(state, command, view)
    case 'hand-over':
      return beginHandOver(state, command, view)
    case 'rely':
      return beginReliance(state, command, view)
    case 'finish':
      return finish(state, view)
    case 'give-up':
    case 'restart':
      return giveUp(state, view)
    case 'ask-to-leave':
      return askToLeave(state)
    case 'forget-expired':
      return forgetExpired(state, view)
    case 'drop':
      return drop(state, view)
  }
}

function answer(state: BlockHolds, from: DeviceId, message: HoldMessage, view: View): Transition {
  switch (message.kind) {
    case 'request':
      return giveHold(state, from, message, view)
    case 'hold':
      return isOfQuestion(state, from, message.nonce)
        ? takeConfirmation(state, from, message, view)
        : takeHold(state, from, message, view)
    case 'refusal':
      return takeRefusal(hearRefusal(state, from, message), from, message)
    case 'question':
      return confirmHold(state, from, message, view)
    case 'confirmation':
      return act(state)
    case 'release':
      return takeRelease(state, from, message, view)
    case 'released':
      return takeReleased(state, from, message)
    case 'leave':
      return takeLeave(state, from, message, view)
  }
}
