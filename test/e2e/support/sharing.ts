/** What two devices of one person do with each other: files put on one, their stubs carried to another, opened there. */
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs'
import { mkdir, open, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Device } from './device.ts'
import { until, within } from './process.ts'

const READ_MS = 30_000

/** Puts files into the device's folder, and leaves only stubs there. */
export async function putFiles(device: Device, files: Readonly<Record<string, Buffer>>): Promise<void> {
  await device.dfsOk(['mount', '--offline', device.folder])
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(device.folder, name)
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, content)
  }
  await device.dfsOk(['umount', device.folder])
}

/** Carries the stubs over, as scp would; neither device is mounted. */
export function carryStubs(from: Device, to: Device): void {
  for (const name of readdirSync(from.folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.f')) continue
    mkdirSync(path.dirname(path.join(to.folder, name)), { recursive: true })
    copyFileSync(path.join(from.folder, name), path.join(to.folder, name))
  }
}

/** Each a folder of its own. */
export async function mountAll(...devices: readonly Device[]): Promise<void> {
  for (const device of devices) await device.dfsOk(['mount', '--new', device.folder])
}

/** Ends the device's daemon, if one runs. */
export async function stopDaemon(device: Device): Promise<void> {
  const { code, stderr } = await device.dfs(['daemon', '--stop'])
  if (code !== 0 && code !== 11) throw new Error(`dfs daemon --stop: ${stderr}`)
  await until('the daemon has ended', () => device.pids().length === 0)
}

/** Resolves once the device is connected with so many others. */
export async function connected(device: Device, peers = 1): Promise<void> {
  await until(`${peers} connected`, async () => (await device.json('peers')).peers.length >= peers, 30_000)
}

/** Has the kernel forget what a file in the mounted folder says: whoever reads it next reads it from dfs. */
export async function forgetPages(device: Device, name: string): Promise<void> {
  await device.sh(`dd if="${path.join(device.folder, name)}" iflag=nocache count=0 status=none`)
}

/** Reads a file in the mounted folder, whole. */
export function readIn(device: Device, name: string, deadlineMs = READ_MS): Promise<Buffer> {
  return within(deadlineMs, readFile(path.join(device.folder, name)), `reading ${name}`)
}

/** Reads some bytes of a file in the mounted folder. */
export async function readPart(device: Device, name: string, { at, bytes }: { at: number; bytes: number }) {
  const file = await within(READ_MS, open(path.join(device.folder, name)), `opening ${name}`)
  try {
    const into = Buffer.alloc(bytes)
    const { bytesRead } = await within(READ_MS, file.read(into, 0, bytes, at), `reading ${name} at ${at}`)
    return into.subarray(0, bytesRead)
  } finally {
    await within(READ_MS, file.close(), `closing ${name}`)
  }
}
