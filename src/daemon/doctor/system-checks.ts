/** What this machine must have for mounts: Node, /dev/fuse, the helper for ordinary users, libfuse; and no dead mounts. */
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { describeError } from '../../errors.ts'
import { type Examine, type Finding, missing, ok, problem, warning } from './finding.ts'

const OLDEST_NODE = 24
const FUSE_DEVICE = '/dev/fuse'
const SET_UID = 0o4000
/** Before this dfs did not exist, so a clock that says so is wrong. */
const EARLIEST = Date.UTC(2025, 10, 1)

export const SYSTEM_CHECKS: Record<string, Examine> = {
  Node: checkNode,
  'the device /dev/fuse': checkDevice,
  fusermount3: checkHelper,
  libfuse: checkLibrary,
  mounts: checkMounts,
  clock: checkClock,
}

function checkNode(): Finding {
  const enough = Number.parseInt(process.versions.node, 10) >= OLDEST_NODE
  const version = `version ${process.versions.node} for ${process.platform}-${process.arch}`
  return enough ? ok(version) : problem(version, `install Node ${OLDEST_NODE} or later`)
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

/** It mounts for ordinary users, for which it has to be root's and set-uid. */
function checkHelper(): Finding {
  if (process.getuid?.() === 0) return ok('is not needed by root')
  const directories = (process.env.PATH ?? '').split(':').concat('/usr/bin', '/bin')
  const helper = directories.map((at) => path.join(at, 'fusermount3')).find((file) => existsSync(file))
  if (helper === undefined) return missing('is not installed', 'fuse3')
  const { mode, uid } = statSync(helper)
  if (uid === 0 && (mode & SET_UID) !== 0) return ok(helper)
  return problem(`${helper} is not set-uid root`, `run "chown root ${helper}; chmod u+s ${helper}" as root`)
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
