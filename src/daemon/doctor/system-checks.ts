/** What this machine must have for mounts: Node, /dev/fuse, the helper for ordinary users, libfuse; and no dead mounts. */
import { accessSync, constants, existsSync } from 'node:fs'
import path from 'node:path'
import { describeError } from '../../errors.ts'
import { type Examine, type Finding, ok, problem, warning } from './finding.ts'

const NODE_MIN = [22, 15] as const
const FUSE_DEVICE = '/dev/fuse'
/** Before this dfs did not exist, so a clock that says so is wrong. */
const EARLIEST = Date.UTC(2025, 10, 1)

export const SYSTEM_CHECKS: Record<string, Examine> = {
  Node: checkNode,
  'the device /dev/fuse': checkDevice,
  fusermount: checkHelper,
  libfuse: checkLibrary,
  mounts: checkMounts,
  clock: checkClock,
}

function checkNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const enough = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])
  const version = `version ${process.versions.node} for ${process.platform}-${process.arch}`
  return enough ? ok(version) : problem(version, `install Node ${NODE_MIN.join('.')} or later`)
}

function checkDevice(): Finding {
  if (!existsSync(FUSE_DEVICE)) {
    return problem('is not there', 'run "modprobe fuse" as root; in a container start it with --device /dev/fuse')
  }
  try {
    accessSync(FUSE_DEVICE, constants.R_OK | constants.W_OK)
    return ok('can be opened')
  } catch {
    return problem('cannot be opened by this user', `run "chmod 666 ${FUSE_DEVICE}" as root`)
  }
}

/** libfuse 2.9 starts it by this name; Debian's fuse3 has it beside `fusermount3`. */
function checkHelper(): Finding {
  if (process.getuid?.() === 0) return ok('is not needed by root')
  const directories = (process.env.PATH ?? '').split(':').concat('/usr/bin', '/bin')
  if (directories.some((at) => existsSync(path.join(at, 'fusermount')))) return ok('is there')
  return problem('is not installed', 'install the package fuse3 ("apt-get install fuse3")')
}

async function checkLibrary(): Promise<Finding> {
  try {
    const { loadBinding } = await import('../../fuse/fuse-native/binding.ts')
    loadBinding()
    return ok('loads')
  } catch (error) {
    return problem(
      `does not load: ${describeError(error)}`,
      'run "npm install" in the directory of dfs; it needs Linux on x86-64',
    )
  }
}

async function checkMounts(): Promise<Finding> {
  const [{ mountEntries }, { isDfsMount, isServed }] = await Promise.all([
    import('../../posix/mount.ts'),
    import('../../fuse/mountpoint.ts'),
  ])
  const targets = mountEntries()
    .filter(isDfsMount)
    .map(({ target }) => target)
  const dead: string[] = []
  for (const target of targets) if (!(await isServed(target))) dead.push(target)
  if (dead.length === 0) return ok(targets.length === 0 ? 'none of dfs' : `${targets.length} of dfs, all served`)
  return warning(
    `nobody serves ${dead.join(', ')}`,
    `mount the folder again, or run ${dead.map((at) => `"umount -l ${at}"`).join(', ')}`,
  )
}

function checkClock(): Finding {
  const now = new Date().toISOString()
  return Date.now() >= EARLIEST
    ? ok(`says ${now}`)
    : problem(`says ${now}, which is long ago`, 'set the clock ("timedatectl set-ntp true")')
}
