/** What this machine can do: each answers with the reason why a test must be skipped, or false. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fuseMissing } from '../e2e/support/mount.ts'

export type Requirement = () => string | false

export const fuse: Requirement = fuseMissing

export const root: Requirement = () => process.getuid?.() !== 0 && 'needs root'

/** Small disks of our own, that can be full or lose their power. */
export const loopDisk: Requirement = () =>
  root() || missingFile('/dev/loop-control') || program('losetup')() || program('mkfs.ext4')() || program('python3')()

export function program(name: string): Requirement {
  return () => {
    const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
    return folders.some((folder) => existsSync(join(folder, name))) ? false : `needs ${name}`
  }
}

/** The value for node:test's `skip`: the first reason found, or false. */
export function skipUnless(...requirements: readonly Requirement[]): string | false {
  for (const requirement of requirements) {
    const reason = requirement()
    if (reason !== false) return reason
  }
  return false
}

function missingFile(path: string): string | false {
  return existsSync(path) ? false : `needs ${path}`
}
