/** A device whose daemon keeps blocks for others as a test tells it, and may be killed and started again. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { DfsError } from '../../../src/errors.ts'
import { type CallOptions, Rpc } from '../../../src/net/rpc.ts'
import type { Device } from './device.ts'
import type { HoldingCalls } from './holding-daemon.ts'
import { until, within } from './process.ts'

const PROGRAM = fileURLToPath(new URL('./holding-daemon.ts', import.meta.url))
const DEADLINE_MS = 60_000

export class HoldingDevice {
  readonly device: Device
  id = ''
  #child: ChildProcess | undefined
  #rpc: Rpc<HoldingCalls, Record<never, never>> | undefined

  constructor(device: Device) {
    this.device = device
  }

  /** Starts the daemon; a command of dfs may not run one meanwhile. */
  async start(): Promise<void> {
    await until('no other daemon runs', () => this.device.pids().length === 0)
    const { env, home, root } = this.device
    const child = fork(PROGRAM, [home], {
      env,
      cwd: root,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 2, 'ipc'],
    })
    const ready = Promise.withResolvers<void>()
    child.once('message', () => ready.resolve())
    child.once('exit', (code) => ready.reject(new Error(`the daemon ended with ${code}`)))
    await within(DEADLINE_MS, ready.promise, 'starting the daemon')
    const port = {
      postMessage: (message: unknown) => void (child.connected && child.send(message as object)),
      on: (_: 'message', listener: (message: unknown) => void) => child.on('message', listener),
    }
    const rpc = new Rpc<HoldingCalls, Record<never, never>>(port, {})
    child.once('exit', () => rpc.close(new DfsError('unreachable', 'the daemon was killed')))
    this.#child = child
    this.#rpc = rpc
    this.id = await this.call('id', undefined)
  }

  call<M extends keyof HoldingCalls>(
    method: M,
    params: HoldingCalls[M]['params'],
    options?: CallOptions<never>,
  ): Promise<HoldingCalls[M]['result']> {
    return within(DEADLINE_MS, this.#rpc!.call(method, params, options), method)
  }

  /** Ends it in the midst of whatever it does. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  async restart(): Promise<void> {
    await this.kill()
    await this.start()
  }

  /** Resolves once it is connected with these. */
  async meets(...others: readonly HoldingDevice[]): Promise<void> {
    await until(
      'the devices are connected',
      async () => {
        const connected = await this.call('connected', undefined)
        return others.every(({ id }) => connected.includes(id))
      },
      DEADLINE_MS,
    )
  }
}
