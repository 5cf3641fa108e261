/** Installing what a machine lacks, with whatever package manager it has, as root or through sudo. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { DfsError } from '../../errors.ts'

const MANAGERS: readonly (readonly string[])[] = [
  ['apt-get', 'install', '-y'],
  ['dnf', 'install', '-y'],
  ['zypper', '--non-interactive', 'install'],
  ['pacman', '-S', '--noconfirm', '--needed'],
  ['apk', 'add'],
]

/** The command that installs these packages on this machine; undefined if nobody knows one. */
export function installCommand(packages: readonly string[], env: NodeJS.ProcessEnv): string[] | undefined {
  const manager = MANAGERS.find(([program]) => findProgram(program!, env) !== undefined)
  return manager && [...manager, ...packages]
}

/** The same as this user may run it: root as it is, others through sudo. Undefined where that is not there. */
export function asRoot(
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  isRoot = process.getuid?.() === 0,
): string[] | undefined {
  if (isRoot) return [...command]
  return findProgram('sudo', env) === undefined ? undefined : ['sudo', ...command]
}

/** Whether the command asks for no password. */
export async function runsUnasked([program]: readonly string[], env: NodeJS.ProcessEnv): Promise<boolean> {
  if (program !== 'sudo') return true
  return promisify(execFile)('sudo', ['-n', 'true'], { env }).then(
    () => true,
    () => false,
  )
}

/** Runs it with the terminal, and its words on standard error. Fails with `io`. */
export async function runVisibly([program, ...args]: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(program!, args, { env, stdio: ['inherit', 2, 2] })
  const [code] = await once(child, 'exit')
  if (code === 0) return
  throw new DfsError('io', `"${[program, ...args].join(' ')}" failed`, { mend: 'it has said why above' })
}

/** The path of a program that PATH leads to. */
export function findProgram(name: string, env: NodeJS.ProcessEnv): string | undefined {
  return (env.PATH ?? '')
    .split(path.delimiter)
    .filter((directory) => path.isAbsolute(directory))
    .map((directory) => path.join(directory, name))
    .find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
