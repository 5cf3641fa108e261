/** `wait`: until files are safe, on as many other devices as are wanted. */
import { setTimeout as delay } from 'node:timers/promises'
import { DfsError } from '../../errors.ts'
import type { ContentStates, Params, Results } from '../control-api.ts'
import type { Call } from '../control-server.ts'
import { replicasWanted } from '../redundancy.ts'
import { countStates } from '../replication/content-states.ts'
import type { Context } from './context.ts'
import { type Inside, withPath } from './inside-paths.ts'
import { replicationProblems } from './replication-status.ts'

const LOOK_MS_MIN = 250
/** Who waits has whoever failed or had no room asked again so often, however long the background would let that rest. */
const HURRY_MS = 5_000
/** After a look at many files the same time passes so often before the next. */
const RESTS = 3

export async function wait(context: Context, params: Params<'wait'>, call: Call): Promise<Results['wait']> {
  const replicas = params.replicas ?? replicasWanted(context.home().config)
  await checkPossible(context, replicas)
  const { timeoutSeconds = Number.POSITIVE_INFINITY } = params
  const endMs = performance.now() + timeoutSeconds * 1000
  const { replication } = await context.parts()
  let hurriedMs = Number.NEGATIVE_INFINITY
  return withPath(context, params.path, async (inside) => {
    for (;;) {
      const beganMs = performance.now()
      const states = await look(inside, replicas, call)
      const { files, bytes, unsafeFiles, plainFiles } = states
      if (unsafeFiles === 0) return { files, bytes, replicas, plainFiles }
      if (performance.now() >= endMs) throw await notInTime(context, params.path, { states, replicas })
      if (beganMs - hurriedMs > HURRY_MS) {
        hurriedMs = beganMs
        replication.hurry()
      }
      const restMs = Math.max(LOOK_MS_MIN, (performance.now() - beganMs) * RESTS)
      await delay(Math.min(restMs, Math.max(0, endMs - performance.now())), undefined, { signal: call.signal })
    }
  })
}

async function look({ folder, path }: Inside, replicas: number, { signal, onProgress }: Call): Promise<ContentStates> {
  await folder.checkpoint()
  const states = await countStates(folder.files, path, { signal, replicas })
  const [unreadable] = states.unreadable
  if (unreadable !== undefined) {
    throw new DfsError('corrupt', unreadable.why, { op: 'wait', subject: unreadable.path, mend: 'run "dfs verify"' })
  }
  onProgress({ done: states.files - states.unsafeFiles, total: states.files, unit: 'files' })
  return states
}

/** Nobody waits for what cannot come. */
async function checkPossible(context: Context, replicas: number): Promise<void> {
  const service = await context.network()
  if (replicas < 1) {
    throw new DfsError('invalid', 'nothing is copied to other devices', {
      op: 'wait',
      mend: 'run "dfs config set replicas 1", or give --replicas',
    })
  }
  const possible = (await context.parts()).replication.possibleReplicas()
  if (possible < replicas) {
    throw new DfsError('unreachable', `${replicas} other devices are wanted, and ${possible} can count`, {
      op: 'wait',
      mend: 'invite another with "dfs invite", or give a lower --replicas',
    })
  }
  service.startIfUseful()
}

async function notInTime(
  context: Context,
  subject: string,
  { states: { files, unsafeFiles }, replicas }: { states: ContentStates; replicas: number },
): Promise<DfsError> {
  const [problem] = await replicationProblems(context)
  return new DfsError('timeout', `${unsafeFiles} of ${files} files are not on ${replicas} other devices yet`, {
    op: 'wait',
    subject,
    mend: problem ?? 'see "dfs status"',
  })
}
