/**
 * Which system the end-to-end tests judge: dfs, unless DFS_E2E_TARGET names another (`disk` proves the tests
 * themselves right, `gocryptfs` shows what another encrypting file system makes of them).
 */
import { bareDisk } from './bare-disk.ts'
import { dfs } from './dfs.ts'
import { passThrough } from './pass-through.ts'
import { cryfs, gocryptfs, rclone, securefs } from './peers.ts'
import type { SystemKind } from './system.ts'

export const SYSTEMS: readonly SystemKind[] = [bareDisk, passThrough, dfs, gocryptfs, securefs, cryfs, rclone]

export function systemNamed(name: string): SystemKind {
  const kind = SYSTEMS.find((candidate) => candidate.name === name)
  if (kind === undefined) throw new Error(`no system "${name}"; there are ${SYSTEMS.map((s) => s.name).join(', ')}`)
  return kind
}

export const target: SystemKind = systemNamed(process.env.DFS_E2E_TARGET ?? 'dfs')
