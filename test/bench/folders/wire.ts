/**
 * Two hosts with nothing but a wire between them: network namespaces, which the kernel joins with a veth pair, so that it
 * is as fast as the machine is. Only the network is apart; files, and mounts, are this machine's. Needs root and `ip`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type Ending, runOk, within } from '../../e2e/support/process.ts'

export interface WiredHost {
  readonly address: string
  /** The words before a command that runs on this host. */
  readonly enter: readonly string[]
}

export interface Wire {
  readonly hosts: readonly [WiredHost, WiredHost]
  /** What went over it so far, both ways, with all headers. */
  carriedBytes(): number
}

const READY_MS = 10_000
const INTERFACE = 'wire0'

/** Lasts until `t` ends. */
export async function newWire(t: Ending): Promise<Wire> {
  const [one, other] = [await newNamespace(t), await newNamespace(t)]
  const pair = ['type', 'veth', 'peer', 'name', INTERFACE, 'netns', String(other)]
  await runOk('ip', ['link', 'add', INTERFACE, 'netns', String(one), ...pair])
  return {
    hosts: [await newHost(one, '10.98.0.1'), await newHost(other, '10.98.0.2')],
    carriedBytes: () => carriedBytes(one),
  }
}

/** Gives a process that holds it, and ends with its input, and so with this process. */
async function newNamespace(t: Ending): Promise<number> {
  const holder: ChildProcess = spawn('unshare', ['--net', 'sh', '-c', 'echo; exec cat'])
  const ended = once(holder, 'exit')
  t.after(async () => {
    holder.kill('SIGKILL')
    await ended
  })
  await within(READY_MS, once(holder.stdout!, 'data'), 'a network namespace')
  return holder.pid!
}

async function newHost(pid: number, address: string): Promise<WiredHost> {
  const enter = ['nsenter', `--net=/proc/${pid}/ns/net`, '--'] as const
  const [program, ...before] = enter
  const up = `ip link set lo up; ip address add ${address}/24 dev ${INTERFACE}; ip link set ${INTERFACE} up`
  await runOk(program, [...before, 'sh', '-euc', up])
  return { address, enter }
}

/** See proc_pid_net(5): received bytes come first, sent ones ninth. */
function carriedBytes(pid: number): number {
  const lines = readFileSync(`/proc/${pid}/net/dev`, 'latin1').split('\n')
  const [, figures = ''] = lines.find((line) => line.trim().startsWith(`${INTERFACE}:`))!.split(':')
  const columns = figures.trim().split(/\s+/).map(Number)
  return columns[0]! + columns[8]!
}
