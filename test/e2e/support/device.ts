/**
 * A place that is one device of a network: on loopback, where it listens on a port of its own that stays the same when its
 * daemon starts again, or on a host of a cluster. It looks for nobody by multicast.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { SmallDisk } from '../../support/small-disk.ts'
import { newPlace, type Place } from './place.ts'
import { type Ending, within } from './process.ts'
import type { SecondUser } from './second-user.ts'

/** Joining takes two processes some seconds each; a busy machine, longer. */
const INVITE_MS = 150_000

export interface Device extends Place {
  /** `dfs ... --json`, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: what commands report has many shapes
  json(...args: string[]): Promise<any>
  /** What its home is on, if that was asked for. */
  readonly disk?: SmallDisk
}

/** An invitation that waits: its ticket, and how it ends. */
export interface Invitation {
  readonly ticket: string
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>
}

export interface DeviceOptions {
  /** Where it runs; default: here, on loopback. */
  host?: { readonly address: string; readonly enter: readonly string[] }
  /** Who it belongs to; default: who runs the tests. */
  user?: SecondUser
  /** Where it listens; default: at any port that is free on loopback, and 8080 on a host. */
  port?: number
  /** Its home is a disk of its own, with so much room (`disk`); default: an ordinary directory. Needs root. */
  homeMebibytes?: number
  /** Further variables of its environment. */
  env?: Readonly<Record<string, string>>
  /** Further settings. */
  config?: Readonly<Record<string, string | number>>
}

export async function newDevice(t: Ending, options: DeviceOptions = {}): Promise<Device> {
  const { host, user, port, homeMebibytes, env, config: settings } = options
  const place = newPlace(t, { user, enter: host?.enter, env })
  const config = {
    port: port ?? (host === undefined ? await freePort() : 8080),
    listenHosts: host?.address ?? '127.0.0.1',
    mdns: 'off',
    fetchTimeoutSeconds: 5,
    ...settings,
  }
  const disk = homeMebibytes && (await SmallDisk.create(place, 'home', { mebibytes: homeMebibytes }))
  if (disk) chmodSync(place.home, 0o700)
  else mkdirSync(place.home, { mode: 0o700 })
  writeFileSync(path.join(place.home, 'config.json'), JSON.stringify(config))
  if (user) for (const file of ['', 'config.json']) chownSync(path.join(place.home, file), user.uid, user.gid)
  return {
    ...place,
    ...(disk && { disk }),
    json: async (...args) => JSON.parse(await place.dfsOk([...args, '--json'])),
  }
}

/** Starts `dfs invite --yes`; resolves with the ticket it prints. */
export async function invite(device: Device, ...options: string[]): Promise<Invitation> {
  const [program, ...before] = device.command
  const args = [...before, 'invite', '--yes', '--json', ...options]
  const child = spawn(program, args, { env: device.env, cwd: device.root, ...device.user })
  const lines: string[] = []
  let stderr = ''
  child.stderr.on('data', (bytes) => (stderr += bytes))
  const first = Promise.withResolvers<string>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    first.resolve(line)
  })
  const ended = within(INVITE_MS, once(child, 'close'), 'dfs invite').then(([code]) => {
    first.reject(new Error(`dfs invite printed no ticket: ${stderr}`))
    return { code: code as number | null, stdout: lines.join('\n'), stderr }
  })
  ended.catch((error) => {
    child.kill('SIGKILL')
    first.reject(error)
  })
  return { ticket: JSON.parse(await first.promise).ticket, ended }
}

/** Lets `joiner` into the network of `inviter`. */
export async function pair(inviter: Device, joiner: Device, ...options: string[]): Promise<void> {
  const { ticket, ended } = await invite(inviter, ...options)
  await joiner.dfsOk(['join', ticket], { deadlineMs: INVITE_MS })
  const { code, stderr } = await ended
  if (code !== 0) throw new Error(`dfs invite: ${stderr}`)
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
