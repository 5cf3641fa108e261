/**
 * Running programs from tests: every wait has a deadline, and what overstays it is killed with all it started.
 */
import { spawn } from 'node:child_process'

/** What ends some time and then undoes what was done for it: a test's context, a suite, a bench run. */
export interface Ending {
  after(undo: () => unknown): void
}

export interface RunOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  /** After this the program's whole process group is killed and `run` fails. */
  deadlineMs?: number
  /** Written to the program's stdin, which is then closed. */
  input?: string | Buffer
  /** Runs as this user, without supplementary groups (the caller must be root). */
  user?: { uid: number; gid: number }
}

export interface RunResult {
  /** Exit code; null if a signal ended the program. */
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  /** The same as `stdout`, byte for byte. */
  stdoutBytes: Buffer
}

const DEADLINE_MS = 60_000
const PAUSE_MS_MIN = 20

/** Waits for `work` at most `deadlineMs`; fails then, naming `what`. The work itself goes on. */
export async function within<T>(deadlineMs: number, work: Promise<T>, what = 'work'): Promise<T> {
  const { promise: expired, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`${what} took more than ${deadlineMs} ms`)), deadlineMs)
  try {
    return await Promise.race([work, expired])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Polls `condition` until it holds; fails after `deadlineMs`. For what gives no event (another process, a mount). To look may
 * take a process of its own, and what is waited for needs the processor, too: the pauses are twice as long as the looks.
 */
export async function until(what: string, condition: () => boolean | Promise<boolean>, deadlineMs = 10_000) {
  const end = performance.now() + deadlineMs
  for (;;) {
    const begun = performance.now()
    if (await condition()) return
    const now = performance.now()
    if (now > end) throw new Error(`not so after ${deadlineMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, Math.max(PAUSE_MS_MIN, 2 * (now - begun))))
  }
}

/**
 * Runs a program to its end and gives its output, whatever its exit code. It has ended when nobody holds its output
 * any more, so a daemon that keeps its starter's pipe is found out.
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { cwd, env, deadlineMs = DEADLINE_MS, input, user } = options
  const child = spawn(command, args, { cwd, env, detached: true, ...user })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes))
  child.stderr.on('data', (bytes: Buffer) => stderr.push(bytes))
  // A program that ends without reading its input is no fault of the test.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)

  const ended = new Promise<Pick<RunResult, 'code' | 'signal'>>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal }))
  })
  const commandLine = [command, ...args].join(' ')
  try {
    const { code, signal } = await within(deadlineMs, ended, commandLine)
    const stdoutBytes = Buffer.concat(stdout)
    return { code, signal, stdout: stdoutBytes.toString(), stderr: Buffer.concat(stderr).toString(), stdoutBytes }
  } catch (error) {
    killGroup(child.pid)
    const said = Buffer.concat([...stdout, ...stderr])
      .toString()
      .trim()
    throw said === '' ? error : new Error(`${(error as Error).message}; it had said:\n${said}`, { cause: error })
  }
}

/** Like `run`, but fails if the exit code is not 0; gives stdout. */
export async function runOk(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, signal, stdout, stderr } = await run(command, args, options)
  if (code === 0) return stdout
  throw new Error(`${[command, ...args].join(' ')} ended with ${code ?? signal}:\n${stdout}${stderr}`)
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It is gone already.
  }
}
