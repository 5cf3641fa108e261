/** A libp2p node that others reach on this machine alone, until its test ends. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { createNode, type DfsNode, type NodeOptions } from '../../../../src/net/node.ts'

/** Everybody is a member unless told; a `datastoreDir` that is given stays. */
export async function startNode(t: TestContext, options: Partial<NodeOptions> = {}): Promise<DfsNode> {
  const datastoreDir = options.datastoreDir ?? (await scratch(t))
  const node = await createNode({
    identitySeed: randomBytes(32),
    networkId: 'testnet',
    listen: { port: 0, hosts: ['127.0.0.1'] },
    isMember: () => true,
    ...options,
    datastoreDir,
  })
  t.after(() => node.stop())
  return node
}

export async function scratch(t: TestContext): Promise<string> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'dfs-net-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}
