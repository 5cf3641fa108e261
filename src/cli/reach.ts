/** Whether other devices reach this one: what the running daemon knows of that, as a finding of `dfs doctor`. */
import type { Check, Results } from '../daemon/control-api.ts'
import { describeError } from '../errors.ts'
import { formatCount } from './output.ts'
import { connectRunning } from './start-daemon.ts'

const ANSWER_MS_MAX = 10_000
const ABOUT = { area: 'network', name: 'reached by other devices' } as const

/** Nothing where no daemon runs, for none is started for that, or answers, or where there are no other devices. */
export async function examineReach(home: string): Promise<Check[]> {
  const deadline = AbortSignal.timeout(ANSWER_MS_MAX)
  try {
    const client = await connectRunning(home, deadline)
    if (client === undefined) return []
    try {
      const check = judgeReach(await client.call('peers', {}))
      return check === undefined ? [] : [check]
    } finally {
      client.close()
    }
  } catch (error) {
    return [{ ...ABOUT, status: 'problem', finding: describeError(error) }]
  }
}

/** Only a connection that came from elsewhere shows that it can be reached: from here nobody can tell. */
export function judgeReach({ network, peers }: Results['peers']): Check | undefined {
  const { running, port, members, removed } = network
  if (removed) {
    const mend = 'let another device of yours invite it anew, with a new home'
    return { ...ABOUT, status: 'problem', finding: 'this device was removed from the network', mend }
  }
  if (!running || members < 2) return undefined
  const came = peers.filter(({ direction }) => direction === 'inbound')
  const names = came.map(({ name, device }) => name ?? device).join(', ')
  if (came.length > 0) return { ...ABOUT, status: 'ok', finding: `at port ${port}, by ${names}` }
  if (peers.length > 0) {
    const finding = `it reaches ${formatCount(peers.length, 'device')}; none has come in at port ${port} yet`
    return { ...ABOUT, status: 'ok', finding }
  }
  return {
    ...ABOUT,
    status: 'warning',
    finding: `no other device is connected; this one listens at port ${port}`,
    mend: `start dfs on another, and let TCP port ${port} through the firewall and router of one of them`,
  }
}
