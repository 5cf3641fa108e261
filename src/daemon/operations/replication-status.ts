/** How far copying to other devices has come, and what is in its way. */
import type { ContentStates, ReplicationStatus } from '../control-api.ts'
import type { Context } from './context.ts'

export async function replicationStatus(
  context: Context,
  contents: readonly ContentStates[],
): Promise<ReplicationStatus> {
  const { replicator, rate } = (await context.parts()).replication
  const bytesPerSecond = rate.perSecond
  const left = contents.reduce((sum, { unsafeBytes }) => sum + unsafeBytes, 0)
  return {
    replicas: context.home().config.replicas,
    isDone: replicator.isDone && left === 0,
    bytesPerSecond,
    secondsLeft: left > 0 && bytesPerSecond > 0 ? left / bytesPerSecond : undefined,
    problems: contents.some(({ files }) => files > 0) ? await replicationProblems(context) : [],
  }
}

/** One line each, with the mend; none where nothing is to be copied. */
export async function replicationProblems(context: Context): Promise<string[]> {
  const service = await context.network()
  const { replication } = await context.parts()
  const { replicator } = replication
  const wanted = context.home().config.replicas
  if (wanted === 0 || !service.hasOthers || service.isRemoved || replicator.isDone) return []
  const problems: string[] = []
  const possible = replication.possibleReplicas()
  if (possible < wanted) {
    problems.push(
      `${wanted} other devices are wanted, and ${possible} can count: "dfs invite" another, or lower replicas`,
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
