/**
 * What a quiet network says: NODES nodes of one network, all connected, in a network namespace of this process's own,
 * where the loopback device's counters see every byte with its TCP and IP headers.
 *
 *     unshare --net --map-root-user node test/scale/idle-traffic.ts [NODES] [SETTLE_SECONDS] [MEASURE_SECONDS]
 *
 * Prints bytes a second, sent plus received, of an average node. Periods in libp2p are up to 5 minutes long, so
 * measure for a multiple of that.
 */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createNode, type DfsNode } from '../../src/net/node.ts'

const [nodeCount = 20, settleSeconds = 60, measureSeconds = 600] = process.argv.slice(2).map(Number)

if (networkDevices().length > 1) throw new Error('run it with unshare --net: other traffic would be counted here')
execFileSync('ip', ['link', 'set', 'lo', 'up'])
const scratch = await mkdtemp(path.join(os.tmpdir(), 'dfs-idle-'))
const nodes = await startNodes()
await delay(settleSeconds * 1000)
const before = loopbackBytes()
await delay(measureSeconds * 1000)
const bytes = loopbackBytes() - before
const connected = nodes.map((node) => node.connectedMembers().length)
// Each byte is one node's sent and another's received.
const perNode = (2 * bytes) / nodeCount / measureSeconds
console.log(JSON.stringify({ nodeCount, measureSeconds, connected: Math.min(...connected), bytesPerSecond: perNode }))
await Promise.all(nodes.map((node) => node.stop()))
await rm(scratch, { recursive: true, force: true })

async function startNodes(): Promise<DfsNode[]> {
  const ids: string[] = []
  const started: DfsNode[] = []
  for (let at = 0; at < nodeCount; at++) {
    const node = await createNode({
      identitySeed: randomBytes(32),
      networkId: 'idle',
      listen: { port: 0, hosts: ['127.0.0.1'] },
      datastoreDir: path.join(scratch, String(at)),
      bootstrap: started.slice(0, 1).flatMap((first) => first.addresses()),
      isMember: () => true,
      membersToReach: () => ids,
    })
    ids.push(node.peerId)
    started.push(node)
  }
  return started
}

function networkDevices(): string[] {
  return readFileSync('/proc/net/dev', 'utf8')
    .split('\n')
    .filter((line) => line.includes(':'))
}

function loopbackBytes(): number {
  const [loopback = ''] = networkDevices()
  return Number(loopback.split(':')[1]!.trim().split(/\s+/)[0])
}
