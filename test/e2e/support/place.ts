/**
 * A place of its own for one test: temporary home, folder, runtime and temporary directories, and the environment
 * that points dfs there. Whatever the test left behind goes at its end, even when it failed: processes started with
 * this environment (and no others) are ended, mounts below it are taken away, and only then are files removed.
 */
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Ending, type RunOptions, type RunResult, run, runOk, until } from './process.ts'
import { PROJECT, type SecondUser } from './second-user.ts'

export interface Place {
  /** Holds all of the place. */
  readonly root: string
  /** DFS_HOME; not there until dfs makes it. */
  readonly home: string
  /** An empty directory to mount. */
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  readonly user: SecondUser | undefined
  /** What starts dfs here: a program, and what comes before dfs's own arguments. */
  readonly command: readonly [program: string, ...args: string[]]
  /** Runs `dfs` with these arguments, as the place's user. */
  dfs(args: readonly string[], options?: RunOptions): Promise<RunResult>
  /** Like `dfs`, but fails if the exit code is not 0; gives stdout. */
  dfsOk(args: readonly string[], options?: RunOptions): Promise<string>
  /** Runs a shell script in the folder's parent, as the place's user; fails if its exit code is not 0; gives stdout. */
  sh(script: string, options?: RunOptions): Promise<string>
  /** Processes started in this place that still run: the daemon, and what a test left. */
  pids(): number[]
}

/** Which driver the tests judge: DFS_DRIVER, or what dfs chooses. */
export const DRIVER = process.env.DFS_DRIVER ?? 'auto'
export const MOUNT_ARGS: readonly string[] = ['--driver', DRIVER]

/** The command that starts dfs: the project's launcher under the Node that runs the tests. */
export function dfsCommand(project = PROJECT): [node: string, launcher: string] {
  const node = process.execPath.startsWith(`${PROJECT}/`)
    ? path.join(project, path.relative(PROJECT, process.execPath))
    : process.execPath
  return [node, path.join(project, 'bin', 'dfs.js')]
}

export interface PlaceOptions {
  /** Owns the place, and runs what runs in it. */
  user?: SecondUser | undefined
  /** The words before each command: what runs it on another host. */
  enter?: readonly string[] | undefined
  /** Further variables of the environment. */
  env?: Readonly<Record<string, string>> | undefined
  /** The directory that the place is made in; the one for temporary files unless told. */
  inside?: string
}

/** Makes a place, removed when `t` ends. */
export function newPlace(t: Ending, { user, enter = [], env: more, inside = tmpdir() }: PlaceOptions = {}): Place {
  const root = mkdtempSync(path.join(inside, 'dfs-e2e-'))
  t.after(() => clear(root))
  const directories = { folder: '', run: '', tmp: '', user: '' }
  for (const name of Object.keys(directories) as (keyof typeof directories)[]) {
    directories[name] = path.join(root, name)
    mkdirSync(directories[name], { mode: 0o700 })
  }
  if (user) for (const dir of [root, ...Object.values(directories)]) chownSync(dir, user.uid, user.gid)

  const home = path.join(root, 'home')
  const [node, launcher] = dfsCommand(user?.project)
  const env: NodeJS.ProcessEnv = {
    PATH: `${path.dirname(node)}:${process.env.PATH}`,
    LANG: 'C.UTF-8',
    HOME: directories.user,
    TMPDIR: directories.tmp,
    XDG_RUNTIME_DIR: directories.run,
    DFS_HOME: home,
    DFS_TEST_PLACE: root,
    ...more,
  }
  const withPlace = (options: RunOptions): RunOptions => ({
    cwd: root,
    ...(user && { user }),
    ...options,
    env: { ...env, ...options.env },
  })
  const [program, ...before] = entering(enter, node, launcher)
  const [shell, ...beforeScript] = entering(enter, 'sh', '-euc')
  return {
    root,
    home,
    folder: directories.folder,
    env,
    user,
    command: [program, ...before],
    dfs: (args, options = {}) => run(program, [...before, ...args], withPlace(options)),
    dfsOk: (args, options = {}) => runOk(program, [...before, ...args], withPlace(options)),
    sh: (script, options = {}) => runOk(shell, [...beforeScript, script], withPlace(options)),
    pids: () => pidsIn(root),
  }
}

function entering(enter: readonly string[], program: string, ...args: string[]): [program: string, ...args: string[]] {
  const [first = program, ...rest] = enter
  return enter.length === 0 ? [program, ...args] : [first, ...rest, program, ...args]
}

/** Whether the place has a daemon that can be asked: before that, a command would start one of its own. */
export function isListening(place: Place): boolean {
  const lock = path.join(place.home, 'lock')
  const text = existsSync(lock) ? readFileSync(lock, 'utf8') : ''
  if (text === '') return false
  const { pid, socket } = JSON.parse(text)
  return place.pids().includes(pid) && existsSync(socket)
}

/** What is mounted at or below `dir`, innermost first; never touches the mounts. */
export function mountsBelow(dir: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'latin1')
    .trimEnd()
    .split('\n')
    .map((line) =>
      (line.split(' ')[4] ?? '').replaceAll(/\\([0-7]{3})/g, (_, octal) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
    )
    .filter((target) => target === dir || target.startsWith(`${dir}/`))
    .reverse()
}

/** Asked politely first: a daemon that ends by SIGTERM unmounts what it serves. */
async function clear(root: string): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (pidsIn(root).length === 0) break
    signalAll(root, signal)
    await until(`all of ${root} ended by ${signal}`, () => pidsIn(root).length === 0, 10_000).catch(() => undefined)
  }
  const unmount = process.getuid?.() === 0 ? ['umount', '-l'] : ['fusermount3', '-uz']
  for (const target of mountsBelow(root)) await runOk(unmount[0]!, [unmount[1]!, '--', target])
  rmSync(root, { recursive: true, force: true })
}

function signalAll(root: string, signal: NodeJS.Signals): void {
  for (const pid of pidsIn(root)) {
    try {
      process.kill(pid, signal)
    } catch {
      // It ended in between.
    }
  }
}

function pidsIn(root: string): number[] {
  const mark = `DFS_TEST_PLACE=${root}\0`
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => environmentOf(pid).includes(mark))
    .map(Number)
}

function environmentOf(pid: string): string {
  try {
    return `${readFileSync(`/proc/${pid}/environ`, 'latin1')}\0`
  } catch {
    return '' // It is gone, or another user's.
  }
}
