/** A mount of a file system in memory, served by a child process, so that a fault cannot hang the test that looks at it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { DRIVER, dfsCommand, mountsBelow } from './place.ts'
import { type Ending, run, within } from './process.ts'
import { PROJECT, type SecondUser } from './second-user.ts'

const DEADLINE_MS = 20_000

export interface MemoryMount {
  readonly target: string
  readonly server: MemoryServer
}

export class MemoryServer {
  readonly child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(child: ChildProcess) {
    this.child = child
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  }

  /** The next thing the server says. */
  async heard(): Promise<Record<string, unknown>> {
    const { value, done } = await within(DEADLINE_MS, this.#lines.next(), 'the server of the mount')
    if (done === true) throw new Error('the server of the mount ended without a word')
    return JSON.parse(value)
  }

  async unmount(how: 'now' | 'lazy' = 'now'): Promise<Record<string, unknown>> {
    this.child.stdin!.write(`${how}\n`)
    return await this.heard()
  }

  /** Resolves once the process has ended, with its exit code (null if a signal ended it). */
  async exited(): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode
    return await within(
      DEADLINE_MS,
      new Promise<number | null>((resolve) => this.child.once('exit', resolve)),
      'the exit of the server',
    )
  }
}

/** An empty directory to mount at, freed of mounts and removed when `t` ends. */
export function newMountpoint(t: Ending, user?: SecondUser): string {
  const target = mkdtempSync(path.join(tmpdir(), 'dfs-driver-'))
  if (user !== undefined) chownSync(target, user.uid, user.gid)
  t.after(async () => {
    for (const mount of mountsBelow(target)) await run('umount', ['-l', '--', mount])
    rmSync(target, { recursive: true, force: true })
  })
  return target
}

/** Starts a server of `target`, ended when `t` ends; it may yet say that it could not mount. */
export function startServer(t: Ending, target: string, args: readonly string[] = [], user?: SecondUser): MemoryServer {
  const project = user?.project ?? PROJECT
  const script = path.join(project, 'test/e2e/support/serve-memory.ts')
  const identity = user === undefined ? {} : { uid: user.uid, gid: user.gid }
  const child = spawn(dfsCommand(project)[0], [script, target, '--driver', DRIVER, ...args], {
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
    ...identity,
  })
  t.after(() => child.kill('SIGKILL'))
  return new MemoryServer(child)
}

export async function mountMemory(t: Ending, args: readonly string[] = [], user?: SecondUser): Promise<MemoryMount> {
  const target = newMountpoint(t, user)
  const server = startServer(t, target, args, user)
  const said = await server.heard()
  if (!('mounted' in said)) throw new Error(`the server could not mount: ${JSON.stringify(said)}`)
  return { target, server }
}
