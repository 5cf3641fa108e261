/** How far copying to other devices has come, and what is in its way. */
import type { ContentStates, ReplicationStatus } from '../control-api.ts'
import { devicesNeeded, isCopied, replicasWanted } from '../redundancy.ts'
import type { Context } from './context.ts'

const MS_PER_HOUR = 3_600_000
const MS_PER_DAY = 24 * MS_PER_HOUR

export async function replicationStatus(
  context: Context,
  contents: readonly ContentStates[],
): Promise<ReplicationStatus> {
  const { replication, holds } = await context.parts()
  const { replicator, rate } = replication
  const bytesPerSecond = rate.perSecond
  const left = contents.reduce((sum, { unsafeBytes }) => sum + unsafeBytes, 0)
  return {
    replicas: replicasWanted(context.home().config),
    isDone: replicator.isDone && left === 0,
    bytesPerSecond,
    secondsLeft: left > 0 && bytesPerSecond > 0 ? left / bytesPerSecond : undefined,
    problems: contents.some(({ files }) => files > 0)
      ? [...(await holderProblems(context)), ...(await replicationProblems(context))]
      : [],
    lentBytes: [...(await holds.lent()).values()].reduce((sum, bytes) => sum + bytes, 0),
    offerBytes: context.home().config.offerBytes,
  }
}

/** One line for each device whose word does not count now, with the mend. */
async function holderProblems(context: Context): Promise<string[]> {
  const { membership } = await context.network()
  const { replication, holds, clock } = await context.parts()
  const names = new Map(membership.members().map(({ deviceId, name }) => [deviceId, name]))
  const awayMs = context.home().config.holderAwayDays * MS_PER_DAY
  const problems: string[] = []
  for (const [device, { isAway, isSuspect, answeredMs, barredUntilMs }] of replication.standings.all) {
    const name = names.get(device)
    if (name === undefined) continue
    const silentMs = clock.nowMs() - answeredMs
    // Where nobody else is there, it is not replaced yet.
    const isLate = silentMs >= awayMs && (await holds.audits.sample(device, 1)).blocks > 0
    if (isAway || isLate) problems.push(silenceOf({ name, device, silentMs, isAway }))
    else if (isSuspect) problems.push(lossOf({ name, barredMs: barredUntilMs - clock.nowMs() }))
  }
  return problems
}

interface Silence {
  readonly name: string
  readonly device: string
  readonly silentMs: number
  readonly isAway: boolean
}

function silenceOf({ name, device, silentMs, isAway }: Silence): string {
  const days = formatDays(silentMs)
  const what = isAway ? 'what it keeps is copied to others' : 'nobody else is there to take what it keeps'
  return `${name} was silent for ${days}, and ${what}: start it, or, if it is lost, "dfs devices remove ${device}"`
}

function lossOf({ name, barredMs }: { name: string; barredMs: number }): string {
  const hours = Math.ceil(barredMs / MS_PER_HOUR)
  const now = hours > 0 ? `gets nothing new for ${hours} hours` : 'is looked at more closely'
  return `${name} lost blocks that it was to keep, and ${now}: check its disk, and run "dfs verify" there`
}

function formatDays(ms: number): string {
  const days = Math.floor(ms / MS_PER_DAY)
  return days === 1 ? 'a day' : `${days} days`
}

/** One line each, with the mend; none where nothing is to be copied. */
export async function replicationProblems(context: Context): Promise<string[]> {
  const service = await context.network()
  const { replication } = await context.parts()
  const { replicator } = replication
  const wanted = devicesNeeded(context.home().config)
  if (wanted === 0 || !service.hasOthers || service.isRemoved || replicator.isDone) return []
  const problems: string[] = []
  const setting = isCopied(context.home().config) ? 'replicas' : 'redundancy'
  const possible = replication.possibleReplicas()
  if (possible < wanted) {
    problems.push(
      `${wanted} other devices are wanted, and ${possible} can count: "dfs invite" another, or lower ${setting}`,
    )
  }
  const { blocks } = replicator.missing
  if (blocks > 0) {
    problems.push(
      `${blocks} blocks found too few devices with room: on another device, let "dfs config set offerBytes 50GB" lend more`,
    )
  }
  return problems
}
