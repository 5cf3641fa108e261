/** How much room there is for blocks, and how fast the disk of the home is. What is written for that is gone afterwards. */
import { statfsSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import path from 'node:path'
import { isHome } from '../address.ts'
import { type Examine, type Finding, ok, problem, warning } from './finding.ts'

const MIB = 1024 * 1024
const FREE_BYTES_MIN = 64 * MIB
const FREE_BYTES_GOOD = 1024 * MIB
const WRITTEN_BYTES = 8 * MIB
const SYNCS = 5
const PAGE_BYTES = 4096
/** A program that syncs what it writes, as editors and databases do, is felt to wait. */
const SYNC_MS_MAX = 200

export const DISK_CHECKS: Record<string, Examine> = {
  'disk space': checkSpace,
  'disk speed': checkSpeed,
}

function checkSpace(dir: string): Finding {
  if (!isHome(dir)) return undefined
  const { bavail, bsize } = statfsSync(path.join(dir, 'blocks'))
  const free = bavail * bsize
  const finding = `${Math.floor(free / MIB)} MiB free for blocks`
  if (free < FREE_BYTES_MIN) return problem(finding, 'free space on that disk; "dfs gc" may help')
  return free < FREE_BYTES_GOOD ? warning(finding, 'free space on that disk soon') : ok(finding)
}

async function checkSpeed(dir: string): Promise<Finding> {
  if (!isHome(dir)) return undefined
  const { bavail, bsize } = statfsSync(dir)
  if (bavail * bsize < FREE_BYTES_MIN) return undefined // What room there is is not to be used up.
  const { writeMs, syncMs } = await measure(path.join(dir, `.doctor-${process.pid}`))
  const mibPerSecond = Math.round(WRITTEN_BYTES / MIB / (writeMs / 1000))
  const finding = `${mibPerSecond} MiB a second, ${syncMs.toFixed(1)} ms until a small write is durable`
  if (syncMs <= SYNC_MS_MAX) return ok(finding)
  return warning(finding, 'have the home on a faster disk (DFS_HOME), or end what keeps this one busy')
}

/** How long so much takes to be durable, and the median of small writes. */
async function measure(file: string): Promise<{ writeMs: number; syncMs: number }> {
  const handle = await open(file, 'wx', 0o600)
  try {
    await rm(file) // Whatever ends this, nothing stays.
    const writeMs = await timed(async () => {
      await handle.write(Buffer.alloc(WRITTEN_BYTES, 1), 0, WRITTEN_BYTES, 0)
      await handle.datasync()
    })
    const syncs: number[] = []
    for (let i = 0; i < SYNCS; i++) {
      const ms = await timed(async () => {
        await handle.write(Buffer.alloc(PAGE_BYTES, 2), 0, PAGE_BYTES, WRITTEN_BYTES + i * PAGE_BYTES)
        await handle.datasync()
      })
      syncs.push(ms)
    }
    return { writeMs, syncMs: syncs.sort((a, b) => a - b)[SYNCS >> 1]! }
  } finally {
    await handle.close()
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
