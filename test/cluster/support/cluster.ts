/**
 * Computers for a test: each a network namespace of its own with one address, all on one wire (`switch.py`) whose lines
 * can be slow, far, lossy and cut. Only the network is apart; files, and mounts, are this machine's.
 *
 * A namespace has no name and lasts as long as the process that holds it, which ends with its input: when the test is
 * over, or dies, nothing of it is left.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { type Device, type DeviceOptions, newDevice } from '../../e2e/support/device.ts'
import { type Ending, type RunOptions, runOk, within } from '../../e2e/support/process.ts'
import { fuse, program, root, skipUnless } from '../../support/requirements.ts'

export interface Line {
  /** What a packet takes on this line, each way: there and back between two such hosts is four times this. */
  readonly delayMs: number
  /** Of the packets, each way. */
  readonly lossPercent: number
  /** 0: as fast as it goes. */
  readonly mbitPerSecond: number
}

export interface Host {
  readonly name: string
  readonly address: string
  /** The words before a command that runs on this host. */
  readonly enter: readonly string[]
  /** A device of dfs on this host, which listens on its address. */
  newDevice(options?: Omit<DeviceOptions, 'host'>): Promise<Device>
  sh(script: string, options?: RunOptions): Promise<string>
  /** Runs a program beside this file, in TypeScript, to its end; gives what it printed. */
  program(name: string, args: readonly string[], options?: RunOptions): Promise<string>
  /** Starts such a program, which prints a line when it is ready; it ends when the test does. */
  startProgram(name: string, args: readonly string[]): Promise<ChildProcess>
}

export interface ClusterOptions {
  /** The longest packet, in bytes; with long ones the wire carries more than 1 Gbit/s. Default 1500. */
  readonly mtu?: number
}

const COMMAND_MS = 5_000
const READY_MS = 20_000

/** Why there can be no cluster on this machine, for a test's `skip`; false if there can. */
export function clusterMissing(): string | false {
  const tun = () => (existsSync('/dev/net/tun') ? false : 'needs /dev/net/tun')
  return skipUnless(root, fuse, tun, program('ip'), program('unshare'), program('nsenter'), program('python3'))
}

/** The stories that take longer run where DFS_CLUSTER=long, as `npm run test:cluster` sets it. */
export function longClusterMissing(): string | false {
  return process.env.DFS_CLUSTER === 'long' ? clusterMissing() : 'takes long: npm run test:cluster'
}

export class Cluster {
  readonly #t: Ending
  readonly #hosts = new Map<string, Host>()
  #wire: { readonly stdin: Writable; readonly lines: AsyncIterator<string> } | undefined

  /** Computers of these names, which last until `t` ends. */
  static async start(t: Ending, names: readonly string[], { mtu = 1500 }: ClusterOptions = {}): Promise<Cluster> {
    const cluster = new Cluster(t)
    await cluster.#start(names, mtu)
    return cluster
  }

  private constructor(t: Ending) {
    this.#t = t
  }

  host(name: string): Host {
    const host = this.#hosts.get(name)
    if (host === undefined) throw new Error(`there is no host ${name}`)
    return host
  }

  /** Sets the lines of these hosts (default: of all). What is not said is as in the beginning: no delay, no loss. */
  async setLine(line: Partial<Line>, names: readonly string[] = [...this.#hosts.keys()]): Promise<void> {
    for (const name of names) {
      const { address } = this.host(name)
      await this.#tell({ line: address, delayMs: 0, lossPercent: 0, mbitPerSecond: 0, ...line })
    }
  }

  /** From now on hosts reach only those of their own group. Hosts that no group names reach nobody. */
  async partition(...groups: readonly (readonly string[])[]): Promise<void> {
    const groupOf = (name: string) => groups.find((group) => group.includes(name))
    const names = [...this.#hosts.keys()]
    const pairs = names.flatMap((one, i) => names.slice(i + 1).map((other) => [one, other] as const))
    const isApart = ([one, other]: readonly [string, string]) =>
      groupOf(one) === undefined || groupOf(one) !== groupOf(other)
    await this.cut(...pairs.filter(isApart))
  }

  /** From now on these pairs reach each other no more, and all others do. */
  async cut(...pairs: readonly (readonly [string, string])[]): Promise<void> {
    await this.#tell({ cut: pairs.map((pair) => pair.map((name) => this.host(name).address)) })
  }

  /** Everybody reaches everybody again. */
  async heal(): Promise<void> {
    await this.cut()
  }

  /** How many bytes, in IP packets, the wire has carried from one host to another. */
  async carriedBytes(from: string, to: string): Promise<number> {
    return (await this.#tell({ carried: [this.host(from).address, this.host(to).address] })) as number
  }

  async #start(names: readonly string[], mtu: number): Promise<void> {
    const holders = await Promise.all(names.map(() => this.#spawn('unshare', ['--net', 'sh', '-c', 'echo; exec cat'])))
    const places = holders.map(({ child }, i) => `${addressOf(i)}=${child.pid}`)
    for (const [i, name] of names.entries()) this.#hosts.set(name, this.#newHost(name, i, holders[i]!.child))
    const { child, lines } = await this.#spawn('python3', [beside('switch.py'), String(mtu), ...places])
    this.#wire = { stdin: child.stdin!, lines: lines[Symbol.asyncIterator]() }
  }

  #newHost(name: string, i: number, { pid }: ChildProcess): Host {
    const address = addressOf(i)
    const [first, ...rest] = ['nsenter', `--net=/proc/${pid}/ns/net`, '--'] as const
    const host: Host = {
      name,
      address,
      enter: [first, ...rest],
      newDevice: (options) => newDevice(this.#t, { ...options, host }),
      sh: (script, options) => runOk(first, [...rest, 'sh', '-euc', script], options),
      program: (name, args, options) => runOk(first, [...rest, process.execPath, beside(name), ...args], options),
      startProgram: async (name, args) => {
        return (await this.#spawn(first, [...rest, process.execPath, beside(name), ...args])).child
      },
    }
    return host
  }

  /** Starts a program that says a line when it is ready, and ends with its input; it is killed when the test ends. */
  async #spawn(command: string, args: readonly string[]): Promise<{ child: ChildProcess; lines: Interface }> {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    const ended = once(child, 'exit')
    this.#t.after(async () => {
      child.kill('SIGKILL')
      await ended
    })
    let stderr = ''
    child.stderr.on('data', (bytes) => (stderr += bytes))
    const lines = createInterface({ input: child.stdout as Readable })
    const early = ended.then(() => Promise.reject(new Error(`${command} ended: ${stderr}`)))
    early.catch(() => undefined)
    await within(READY_MS, Promise.race([once(lines, 'line'), early]), command)
    return { child, lines }
  }

  /** Gives the wire an order, and its answer. */
  async #tell(order: unknown): Promise<unknown> {
    const { stdin, lines } = this.#wire!
    stdin.write(`${JSON.stringify(order)}\n`)
    const { value, done } = await within(COMMAND_MS, lines.next(), 'the wire')
    if (done) throw new Error('the wire has ended')
    return JSON.parse(value)
  }
}

function beside(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}

function addressOf(i: number): string {
  return `10.99.0.${i + 1}`
}
