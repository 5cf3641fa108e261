/** `dfs umount`: ends a mount, and returns when everything is stored. */
import { execFile } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Command } from 'commander'
import { FORCE_UMOUNT_ENTRY, type WireError } from '../../daemon/control-api.ts'
import { DfsError } from '../../errors.ts'
import type { App } from '../app.ts'
import { fromWire } from '../client.ts'
import { formatBytes, formatCount } from '../output.ts'
import { resolvePath } from '../paths.ts'

interface UmountOptions {
  lazy?: boolean
  force?: boolean
  json?: boolean
}

/** After the last unmount the daemon ends; a daemon that got something else to do meanwhile is not waited for. */
const DAEMON_END_MS = 5_000
const FORCE_MS_MAX = 30_000

export function registerUmount(program: Command, app: App): void {
  program
    .command('umount')
    .description('store everything that was written, and unmount')
    .argument('<folder>', 'the folder, or where it is mounted')
    .option('--lazy', 'take it away at once; programs that use it keep what they have open')
    .option('--force', 'for a mount that hangs: ends whoever waits for it, and may lose what is not stored yet')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs umount ~/cloud
  $ dfs umount --lazy ~/cloud
  $ dfs umount --force ~/cloud`,
    )
    .action((folder: string, options: UmountOptions) =>
      options.force ? forceUmount(app, folder, options) : runUmount(app, folder, options),
    )
}

async function runUmount(app: App, typed: string, { lazy, json }: UmountOptions): Promise<void> {
  const folder = await resolvePath(typed)
  const { stopping: _, ...ended } = await app.withDaemon(async (client) => {
    const result = await client.call('umount', { folder, lazy })
    if (result.stopping) await client.awaitEnd(DAEMON_END_MS)
    return result
  })
  app.report(
    { json },
    ended,
    ({ mountpoint, stillUsed }) => `Unmounted: ${mountpoint}${stillUsed ? ' (programs still use it)' : ''}`,
  )
  if (ended.untold !== undefined && !json) {
    const devices = ended.untold.join(', ')
    app.say(`Not all that was done here is on ${devices} yet: that goes on when the folder is mounted again.`)
  }
  if (ended.unsafe !== undefined && !json) {
    const { files, bytes } = ended.unsafe
    app.say(
      `${formatCount(files, 'file')}, ${formatBytes(bytes)}, not safe on enough other devices yet: "dfs wait" finishes that.`,
    )
  }
}

/** Past the daemon, which may be in the kernel for as long as its disk does not answer; and without looking at the mount. */
async function forceUmount(app: App, typed: string, { json }: UmountOptions): Promise<void> {
  const absolute = path.resolve(typed)
  const mountpoint = path.join(await resolvePath(path.dirname(absolute)), path.basename(absolute))
  const program = [fileURLToPath(FORCE_UMOUNT_ENTRY), mountpoint]
  const { stdout } = await promisify(execFile)(process.execPath, program, { timeout: FORCE_MS_MAX }).catch((cause) => {
    throw new DfsError('timeout', 'the mount could not be taken off', { op: 'umount', subject: mountpoint, cause })
  })
  const { error } = JSON.parse(stdout) as { error?: WireError }
  if (error !== undefined) throw fromWire(error)
  app.report({ json }, { mountpoint }, () => `Unmounted by force: ${mountpoint}`)
}
