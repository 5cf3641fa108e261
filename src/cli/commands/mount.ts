/** `dfs mount`: makes a folder usable; with `-f` it stays until the mount ends. */
import { type Command, Option } from 'commander'
import type { MountResult, Params } from '../../daemon/control-api.ts'
import { kindOf } from '../../errors.ts'
import type { App } from '../app.ts'
import type { Client } from '../client.ts'
import { sayKit, sayNext, typedPath } from '../first-run.ts'
import { resolvePath } from '../paths.ts'
import { connectRunning } from '../start-daemon.ts'
import { describeAdded } from './add.ts'

interface MountOptions {
  foreground?: boolean
  driver?: string
  adopt?: boolean
  offline?: boolean
  new?: boolean
  yes?: boolean
  json?: boolean
}

export function registerMount(program: Command, app: App): void {
  program
    .command('mount')
    .description("show a folder's stubs as the files they stand for; returns when the mount is ready")
    .argument('<folder>', 'the folder, which must be a directory')
    .argument('[mountpoint]', 'an empty directory to mount at (else over the folder itself)')
    .option('-f, --foreground', 'stay until the mount ends; Ctrl-C unmounts')
    .addOption(new Option('--driver <driver>', 'how to mount').choices(['auto', 'kernel', 'fuse-native']))
    .option('--adopt', 'turn plain files in the folder into stubs')
    .option('--offline', 'talk to no other device')
    .option('--new', 'a folder of its own, whatever folders your other devices have')
    .option('--yes', 'give up another folder that was here before, and its blocks')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs mount ~/cloud                  makes a home at the first time, and prints the recovery kit
  $ dfs mount ~/cloud /mnt/cloud       leaves the stubs in ~/cloud to see
  $ dfs mount -f --adopt ~/documents`,
    )
    .action((folder: string, mountpoint: string | undefined, options: MountOptions) =>
      runMount(app, folder, mountpoint, options),
    )
}

async function runMount(
  app: App,
  folder: string,
  mountpoint: string | undefined,
  options: MountOptions,
): Promise<void> {
  const { driver, adopt, offline, new: isNew, yes: replace, json, foreground } = options
  const params = {
    folder: await resolvePath(folder),
    mountpoint: mountpoint && (await resolvePath(mountpoint)),
    driver,
    adopt,
    offline,
    new: isNew,
    replace,
    passphrase: await app.newPassphrase({ ask: false }),
  }
  const work = async (client: Client) => {
    const mounted = await callMount(app, client, params)
    if (mounted.kit !== undefined && !json) sayKit(app, mounted.kit)
    app.report({ json }, mounted, describe)
    if (mounted.kit !== undefined && !json) sayNext(app, nextSteps(mounted))
    if (foreground) await stay(app, client, mounted.folder)
  }
  await app.withDaemon(work, { mayCreate: true })
}

async function callMount(app: App, client: Client, params: Params<'mount'>): Promise<MountResult> {
  using bar = app.progressBar('adopting')
  return await client.call('mount', params, { onProgress: bar.onProgress })
}

/** Until the mount ends; a signal, which aborts what the client waits for, unmounts it first. */
async function stay(app: App, client: Client, folder: string): Promise<void> {
  try {
    await client.call('untilUnmounted', { folder })
  } catch (error) {
    if (kindOf(error) !== 'aborted') throw error
    await unmountBy(await app.home(), folder)
  }
}

async function unmountBy(home: string, folder: string): Promise<void> {
  const client: Client | undefined = await connectRunning(home)
  await client?.call('umount', { folder })
  client?.close()
}

function nextSteps({ folder, mountpoint }: MountResult): [string, string][] {
  return [
    [`cp FILES ${typedPath(mountpoint)}`, 'any program works in there'],
    [`dfs umount ${typedPath(folder)}`, 'stores everything, and leaves the stubs'],
    ['dfs passphrase set', 'puts the keys on this disk under a passphrase'],
    ['dfs service install', 'has it mounted whenever you log in'],
    ['dfs invite', 'lets another device of yours in'],
  ]
}

function describe({ folder, mountpoint, already, isNew, joined, adopted }: MountResult): string {
  const where = mountpoint === folder ? folder : `${folder} at ${mountpoint}`
  const same = joined === undefined ? '' : `, the same as "${joined.name}" on ${joined.devices.join(', ')}`
  const mounted = `${already ? 'Is mounted already' : isNew ? 'Made and mounted' : 'Mounted'}: ${where}${same}`
  return adopted === undefined ? mounted : `${mounted}\n${describeAdded(adopted)}`
}
