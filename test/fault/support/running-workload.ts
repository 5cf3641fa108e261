/** The workload as a process: what it says goes into `states` as it is said. */
import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { within } from '../../e2e/support/process.ts'
import type { FileStates } from './file-states.ts'
import type { WorkloadOptions } from './workload.ts'

const WORKLOAD = fileURLToPath(new URL('workload.ts', import.meta.url))
const END_MS = 30_000
const USUAL: WorkloadOptions = { files: 24, syncOneIn: 3 }

export class RunningWorkload {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>
  readonly #heard: Promise<void>
  readonly #errors: Promise<string>

  /** Starts writing below `root`; resolves once it does. */
  static async start(
    root: string,
    seed: number,
    states: FileStates,
    options: WorkloadOptions = USUAL,
  ): Promise<RunningWorkload> {
    const workload = new RunningWorkload([root, seed, options.files, options.syncOneIn], states)
    await within(
      END_MS,
      Promise.race([once(workload.#child.stdout, 'data'), once(workload.#child, 'exit')]),
      'starting',
    )
    return workload
  }

  private constructor(args: readonly (string | number)[], states: FileStates) {
    this.#child = spawn(process.execPath, [WORKLOAD, ...args.map(String)], { stdio: ['ignore', 'pipe', 'pipe'] })
    const lines = createInterface({ input: this.#child.stdout })
    lines.on('line', (line) => states.apply(JSON.parse(line)))
    this.#heard = once(lines, 'close').then(() => undefined)
    this.#errors = text(this.#child.stderr)
  }

  /** Lets it write for a while. Fails if it ends meanwhile: nothing has happened yet that may fail a write. */
  async goOn(ms: number): Promise<void> {
    await Promise.race([sleep(ms), once(this.#child, 'exit')])
    const { exitCode, signalCode } = this.#child
    if (exitCode !== null || signalCode !== null) assert.fail(`the workload failed by itself:\n${await this.#errors}`)
  }

  /** Ends it between two operations (it may have failed already), and resolves once all it said was heard. */
  async end(): Promise<void> {
    this.#child.kill('SIGTERM')
    await within(END_MS, this.#heard, 'ending the workload')
  }
}
