/** `dfs umount`: ends a mount, and returns when everything is stored. */
import type { Command } from 'commander'
import type { App } from '../app.ts'
import { formatBytes, formatCount } from '../output.ts'
import { resolvePath } from '../paths.ts'

interface UmountOptions {
  lazy?: boolean
  json?: boolean
}

/** After the last unmount the daemon ends; a daemon that got something else to do meanwhile is not waited for. */
const DAEMON_END_MS = 5_000

export function registerUmount(program: Command, app: App): void {
  program
    .command('umount')
    .description('store everything that was written, and unmount')
    .argument('<folder>', 'the folder, or where it is mounted')
    .option('--lazy', 'take it away at once; programs that use it keep what they have open')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs umount ~/cloud
  $ dfs umount --lazy ~/cloud`,
    )
    .action((folder: string, options: UmountOptions) => runUmount(app, folder, options))
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
  if (ended.unsafe !== undefined && !json) {
    const { files, bytes } = ended.unsafe
    app.say(
      `${formatCount(files, 'file')}, ${formatBytes(bytes)}, not safe on enough other devices yet: "dfs wait" finishes that.`,
    )
  }
}
