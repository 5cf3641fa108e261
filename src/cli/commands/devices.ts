/** `dfs peers` and `dfs devices`: who is there, who belongs here, and taking devices out. */
import type { Command } from 'commander'
import type { DeviceInfo, NetworkStatus, Results } from '../../daemon/control-api.ts'
import { DfsError } from '../../errors.ts'
import type { App, ReportOptions } from '../app.ts'
import type { Client } from '../client.ts'
import { formatCount, formatTable } from '../output.ts'

export function registerPeers(program: Command, app: App): void {
  program
    .command('peers')
    .description('show the devices that are connected now')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs peers`,
    )
    .action((options: ReportOptions) => runPeers(app, options))
}

export function registerDevices(program: Command, app: App): void {
  const devices = program
    .command('devices')
    .description('show the devices of the network, or remove one')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs devices
  $ dfs devices remove old-laptop     cuts it off everywhere; of a device of yours, makes a new personal key`,
    )
  devices
    .command('list', { isDefault: true })
    .description('show the devices of the network')
    .option('--json', 'report as JSON')
    .addHelpText('after', '\nExamples:\n  $ dfs devices list')
    .action((options: ReportOptions) => runDevices(app, options))
  devices
    .command('remove')
    .description('remove a device for ever; one of yours could read your files until now, but reads nothing new')
    .argument('<id>', "the device's id, or its name if no other has it; or a friend's owner id for all their devices")
    .option('--json', 'report as JSON')
    .addHelpText('after', '\nExamples:\n  $ dfs devices remove old-laptop\n  $ dfs devices remove 12D3KooW...')
    .action((id: string, options: ReportOptions) => runRemove(app, id, options))
}

async function runPeers(app: App, options: ReportOptions): Promise<void> {
  const result = await app.withDaemon((client) => client.call('peers', {}))
  app.report(options, result, ({ network, peers }) => {
    if (peers.length === 0) return `${describeNetwork(network)}\nno other device is connected`
    return formatTable(peers.map(({ device, name = '?', address, direction }) => [name, device, direction, address]))
  })
}

async function runDevices(app: App, options: ReportOptions): Promise<void> {
  const result = await app.withDaemon((client) => client.call('devices', {}))
  app.report(options, result, ({ network, devices }) => {
    const rows = devices.map((device) => [device.name, device.device, whose(device), isThere(device)])
    return [describeNetwork(network), ...(rows.length === 0 ? [] : [formatTable(rows)])].join('\n')
  })
}

async function runRemove(app: App, id: string, options: ReportOptions): Promise<void> {
  const result = await app.withDaemon(async (client) =>
    client.call('devicesRemove', { id: await idOfDevice(client, id) }),
  )
  app.report(options, result, describeRemoved)
}

/** What no device is called is taken for an id. Fails with `usage` if several are called so. */
async function idOfDevice(client: Client, typed: string): Promise<string> {
  const { devices } = await client.call('devices', {})
  const named = devices.filter(({ name }) => name === typed)
  if (named.length > 1) {
    throw new DfsError('usage', `${named.length} devices are called "${typed}"`, {
      mend: `name one by its id: ${named.map(({ device }) => device).join(', ')}`,
    })
  }
  return named[0]?.device ?? typed
}

function describeRemoved({ removed, kit }: Results['devicesRemove']): string {
  const lines = removed.map(({ name, device }) => `Removed ${name}: ${device}`)
  if (kit === undefined) return lines.join('\n')
  const why = 'What it could read it may keep. New content is sealed with a new personal key; this is its recovery kit:'
  return `${lines.join('\n')}\n${why}\n\n${kit}`
}

/** One line on the network; more if something is wrong. */
export function describeNetwork({ kind, id, members, connected, running, removed, behind }: NetworkStatus): string {
  if (removed) return `network  this device was REMOVED from it: it reaches no other device, and no new content`
  const state = running ? `${connected} connected` : 'not running'
  const line = `network  ${kind} ${id.slice(0, 8)}, ${formatCount(members, 'device')}, ${state}`
  return behind ? `${line}\nanother device of yours has a newer personal key; this one gets it when they meet` : line
}

function whose({ own, owner, ownerName }: DeviceInfo): string {
  return own ? 'yours' : `${ownerName ?? 'owner'} (${owner})`
}

function isThere({ self, connected }: DeviceInfo): string {
  if (self) return 'this device'
  return connected ? 'connected' : ''
}
