/**
 * Asking members for the heads of this owner's devices, after a loss: whoever is reached is asked once, and answers are
 * believed only as far as their signatures go.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { describeError } from '../../errors.ts'
import { deviceIdOf } from '../../format/device-id.ts'
import { type HeadBody, type HeadFolder, type HeadLabel, supersedes } from '../../format/head-record.ts'
import { logger, warn } from '../../log.ts'
import type { NetworkIdentity } from '../../net/member.ts'
import { openHead, verifyHead } from '../../seal/head-seal.ts'
import type { Keys } from '../../seal/keys.ts'

const log = logger('heads')

/** A member that is connected may not take this device for one yet: it is asked again, so often. */
const TRIES_MAX = 5
const TRY_AGAIN_MS = 500

export interface AskingOptions {
  /** Members that are connected now. */
  readonly connected: () => readonly string[]
  readonly ask: (device: string) => Promise<readonly Buffer[]>
  readonly signal: AbortSignal
  /** How long somebody is waited for who could be asked. */
  readonly waitMs?: number
  /** How long others are waited for once somebody has answered. */
  readonly othersMs?: number
}

/** Records as members gave them, and how many of those answered. */
export interface Answers {
  readonly records: readonly Buffer[]
  readonly members: number
}

export async function askMembers(options: AskingOptions): Promise<Answers> {
  const { connected, ask, signal, waitMs = 15_000, othersMs = 3_000 } = options
  const tries = new Map<string, number>()
  const records: Buffer[] = []
  let members = 0
  let endMs = performance.now() + waitMs
  while (performance.now() < endMs) {
    signal.throwIfAborted()
    const next = connected().find((device) => (tries.get(device) ?? 0) < TRIES_MAX)
    if (next === undefined) {
      await delay(TRY_AGAIN_MS / 5, undefined, { signal })
      continue
    }
    try {
      records.push(...(await ask(next)))
      tries.set(next, TRIES_MAX)
      members++
      endMs = performance.now() + othersMs
    } catch (error) {
      log('%s says nothing of heads: %s', next, describeError(error))
      tries.set(next, (tries.get(next) ?? 0) + 1)
      await delay(TRY_AGAIN_MS, undefined, { signal })
    }
  }
  return { records, members }
}

/** A head that was found, and opened. */
export interface FoundHead {
  readonly device: string
  readonly label: HeadLabel
  readonly body: HeadBody
}

/** Of each device of this owner the newest head among these records, the one made last first. What is no good is passed over. */
export function newestHeads(
  records: readonly Buffer[],
  { keys, identity }: { keys: Keys; identity: NetworkIdentity },
): FoundHead[] {
  const newest = new Map<string, FoundHead>()
  for (const record of records) {
    try {
      const sealed = verifyHead(record)
      const { label } = sealed
      if (!label.owner.equals(identity.owner) || !label.network.equals(identity.network)) continue
      const device = deviceIdOf(label.device)
      const known = newest.get(device)
      if (known !== undefined && !supersedes(label, known.label)) continue
      newest.set(device, { device, label, body: openHead(sealed, keys) })
    } catch (error) {
      warn(`a head that was found is no good: ${describeError(error)}`)
    }
  }
  return [...newest.values()].sort((a, b) => (a.body.madeAtNs < b.body.madeAtNs ? 1 : -1))
}

/** A folder, as one or several heads tell of it, the newest first. */
export interface FoundFolder {
  readonly id: Buffer
  readonly name: string
  readonly heads: readonly { readonly head: FoundHead; readonly folder: HeadFolder }[]
}

export function foldersIn(heads: readonly FoundHead[]): FoundFolder[] {
  const found = new Map<string, FoundFolder>()
  for (const head of heads) {
    for (const folder of head.body.folders) {
      const hex = folder.id.toString('hex')
      const known = found.get(hex)
      found.set(hex, {
        id: folder.id,
        name: known?.name ?? folder.name,
        heads: [...(known?.heads ?? []), { head, folder }],
      })
    }
  }
  return [...found.values()]
}
