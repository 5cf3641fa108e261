/**
 * Which program a process runs, from /proc.
 *
 * Asks only for what needs neither the process's memory nor a file system: a process that waits for a page of a mount may be
 * asked about by the one that serves the mount. (`cmdline` and `environ` would wait for the process, which waits for us.)
 */
import { readFileSync, readlinkSync } from 'node:fs'
import path from 'node:path'

/** The kernel's TASK_COMM_LEN, without its NUL. */
export const SHORT_NAME_BYTES_MAX = 15

export interface Program {
  /** The file name of what was executed; of a script the interpreter's. Undefined where it may not be known. */
  readonly file: string | undefined
  /** What the process calls itself, at most 15 bytes: of a script the script's name. Undefined where it may not be known. */
  readonly shortName: string | undefined
}

/** The program of a process, or of the process that a thread belongs to; undefined if there is none of this number. */
export function programOf(id: number): Program | undefined {
  if (!exists(id)) return undefined
  const [, leader = id] = /^Tgid:\s*(\d+)$/m.exec(textOf(`/proc/${id}/status`) ?? '') ?? []
  return { file: executableOf(`/proc/${id}/exe`), shortName: textOf(`/proc/${leader}/comm`)?.trimEnd() }
}

/** Also where /proc hides the processes of others. */
function exists(id: number): boolean {
  try {
    process.kill(id, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

function executableOf(link: string): string | undefined {
  try {
    // What was replaced by a newer one since is marked so.
    return path.basename(readlinkSync(link).replace(/ \(deleted\)$/, ''))
  } catch {
    return undefined // It has just ended, is the kernel's own, or another user's.
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return undefined
  }
}
