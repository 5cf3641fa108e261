/** Makes `dfs` a command of the machine or the user: a link to the launcher, in a directory that PATH has. */
import { lstatSync, mkdirSync, realpathSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { DfsError } from '../../errors.ts'
import { fromNodeError } from '../../posix/errno.ts'
import { findProgram } from './packages.ts'

export interface Linked {
  link: string
  /** `made` now, `present` from before; `taken`: something else is there, and stays. */
  state: 'made' | 'present' | 'taken'
  /** Whether the shell finds it by its name. */
  inPath: boolean
}

/** `directory`: where the link is to be; nothing is made if PATH leads to this dfs already. */
export function linkCommand(launcher: string, directory: string, env: NodeJS.ProcessEnv): Linked {
  const found = findProgram('dfs', env)
  if (found !== undefined && isSame(found, launcher)) return { link: found, state: 'present', inPath: true }
  const link = path.join(directory, 'dfs')
  const inPath = (env.PATH ?? '').split(path.delimiter).includes(directory)
  if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) {
    return { link, state: isSame(link, launcher) ? 'present' : 'taken', inPath }
  }
  try {
    mkdirSync(directory, { recursive: true })
    symlinkSync(launcher, link)
  } catch (error) {
    const { kind, message } = fromNodeError(error, 'link', link)
    const mend = 'name another directory with --bin, or leave the command out with --no-link'
    throw new DfsError(kind, message, { op: 'link', subject: link, mend, cause: error })
  }
  return { link, state: 'made', inPath }
}

function isSame(file: string, launcher: string): boolean {
  try {
    return realpathSync(file) === realpathSync(launcher)
  } catch {
    return false // A link that leads nowhere.
  }
}
